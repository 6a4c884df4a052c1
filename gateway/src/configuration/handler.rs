//! The operations of `config`.

use waypost_proxy::config::{Fault, Level, Part};
use waypost_types::{ApplyConfig, ConfigClash, ConfigDocument, ConfigReport, GatewayConfig, ValidateConfig};

use super::rules;
use crate::Gateway;
use crate::control::{View, faults};
use crate::generated::{ConfigApi, Success};
use crate::http::{Context, Error, FieldError};
use crate::store::clock::to_rfc3339;

/// What a body brings: JSON or YAML, one of them.
fn part(config: Option<ConfigDocument>, yaml: Option<&str>) -> Result<Part, Error> {
    match (config, yaml) {
        (Some(config), None) => Ok(Part::of_json(&serde_json::to_value(config).map_err(Error::internal)?)),
        (None, Some(yaml)) => Ok(Part::of_yaml(yaml)),
        _ => Err(Error::invalid(vec![FieldError {
            pointer: String::new(),
            code: "one_of".into(),
            detail: "exactly one of `config` and `yaml` is wanted".to_owned(),
        }])),
    }
}

/// A fault as the place in the body that it is about: within `config`, or `yaml` with the line in words.
fn in_body(fault: Fault, part: &Part) -> Fault {
    match part.locate(&[]) {
        None => fault.under("config"),
        Some(_) => {
            let mark = fault.mark.or_else(|| part.locate(&fault.place));
            Fault::at("yaml", Fault { mark, ..fault }.to_string())
        }
    }
}

fn shown(view: &View) -> GatewayConfig {
    let clashes: Vec<_> = view
        .clashes
        .iter()
        .map(|clash| ConfigClash::new(clash.kind.name().into(), clash.name.as_str(), clash.reason()))
        .collect();
    let document = |sections: serde_json::Map<_, _>| -> ConfigDocument { sections.into_iter().collect() };
    let mut config = GatewayConfig::new(
        view.revision.number,
        document(view.api.document()),
        document(rules::shown(&view.config)),
        clashes,
    );
    if let Some((at, author)) = &view.revision.changed {
        config.updated_at = Some(to_rfc3339(*at));
        config.updated_by = Some(author.clone());
    }
    config.file = view.file_name();
    config
}

impl ConfigApi<Context, Error> for Gateway {
    async fn config_get(&self, _context: Context) -> Result<Success<GatewayConfig>, Error> {
        Ok(Success(shown(&self.control.view())))
    }

    async fn config_validate(
        &self,
        _context: Context,
        body: ValidateConfig,
    ) -> Result<Success<ConfigReport>, Error> {
        let part = part(body.config, body.yaml.as_deref())?;
        let (_, found) = rules::checked(&part, &self.control.view(), self.store.now());
        let valid = found.iter().all(|fault| fault.level != Level::Error);
        let told: Vec<_> = found.iter().map(|fault| faults::told(fault, &part)).collect();
        Ok(Success(ConfigReport::new(valid, told)))
    }

    async fn config_apply(
        &self,
        context: Context,
        body: ApplyConfig,
    ) -> Result<Success<GatewayConfig>, Error> {
        let part = part(body.config, body.yaml.as_deref())?;
        let wanted = body.revision;
        let applied = self.change_config(
            &context,
            None,
            |revision| match wanted {
                Some(wanted) if wanted != revision.number => {
                    let now = revision.number;
                    let detail =
                        format!("The configuration is at revision {now} now, not {wanted}. Read it again.");
                    Err(Error::conflict("stale_revision", detail))
                }
                _ => Ok(()),
            },
            |layer, view, now| {
                let (after, found) = rules::checked(&part, view, now);
                if found.iter().any(|fault| fault.level == Level::Error) {
                    let found: Vec<_> = found.into_iter().map(|fault| in_body(fault, &part)).collect();
                    return Err(faults::invalid(&found, 0));
                }
                *layer = after;
                Ok(())
            },
            |_, _| Ok(()),
            |view| Ok(shown(view)),
        );
        Ok(Success(applied.await?))
    }
}
