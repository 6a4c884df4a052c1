//! What a configuration that came through the API may say, and what of one may be shown. Pure.

use serde_json::{Map, Value};
use waypost_proxy::Config;
use waypost_proxy::config::{Fault, Level, Limits, Part};

use crate::control::layers::subject;
use crate::control::{ApiLayer, Kind, Source, View};

/// What stands in the place of a credential.
const HIDDEN: &str = "***";

/// All that is wrong with a layer, and what it would be: its form, its sections, what the file defines, and what it means with the rest.
pub(crate) fn checked(part: &Part, view: &View, now: i64) -> (ApiLayer, Vec<Fault>) {
    let mut faults = part.faults.clone();
    faults.extend(foreign(&part.config));
    let layer = view.api.replaced_by(part, now);
    let (mut routes, mut seen) = (0, Vec::new());
    for record in &layer.0 {
        let defined = view.source(record.kind, &record.name) == Some(Source::File);
        if defined {
            let message =
                format!("the file {} defines it; take it out here", view.file_name().unwrap_or_default());
            faults.push(at(part, record.kind, &record.name, Fault::new(message)));
        }
        if record.kind == Kind::Route {
            routes += 1;
            seen.push(&record.name);
        }
    }
    if routes < part.config.routes.len() {
        faults.push(Fault::at("routes", "a route needs a name, and one of its own"));
    }
    let compiled = view.with(&layer);
    let left_out = compiled
        .clashes
        .into_iter()
        .filter(|clash| view.source(clash.kind, &clash.name) != Some(Source::File));
    for clash in left_out {
        let own = clash.faults.into_iter().map(|fault| within(part, clash.kind, &clash.name, fault));
        faults.extend(own);
    }
    for fault in compiled.faults {
        let name = |index: usize| compiled.config.routes.get(index).map(|route| route.name.clone());
        let subject = subject(&fault.place, name);
        match subject.filter(|(kind, name)| layer.find(*kind, name).is_some()) {
            Some((kind, name)) => faults.push(within(part, kind, &name, fault)),
            // What is odd about the file is not this layer's matter; what is wrong with the whole is.
            None if fault.level == Level::Error => faults.push(fault),
            None => {}
        }
    }
    faults.dedup();
    (layer, faults)
}

/// A fault at its place among all layers, seen from the layer's document.
fn within(part: &Part, kind: Kind, name: &str, fault: Fault) -> Fault {
    let depth = if kind == Kind::Tier { 3 } else { 2 };
    let place = fault.place.get(depth..).unwrap_or_default().to_vec();
    at(part, kind, name, Fault { place, ..fault })
}

/// A fault within a part, seen from the layer's document.
fn at(part: &Part, kind: Kind, name: &str, fault: Fault) -> Fault {
    match kind {
        Kind::Service => fault.under(name).under("services"),
        Kind::Tier => fault.under(name).under("tiers").under("limits"),
        Kind::Route => {
            let index = part.config.routes.iter().position(|route| route.name == name);
            fault.under(index.unwrap_or_default()).under("routes")
        }
    }
}

/// Sections that are the file's alone.
fn foreign(config: &Config) -> Vec<Fault> {
    let own = Config {
        services: config.services.clone(),
        routes: config.routes.clone(),
        limits: Limits { tiers: config.limits.tiers.clone(), ..Limits::default() },
        ..Config::default()
    };
    let sections = |config: &Config| match serde_json::to_value(config) {
        Ok(Value::Object(sections)) => sections,
        _ => Map::new(),
    };
    let own = sections(&own);
    let others = sections(config).into_iter().filter(|(section, value)| own.get(section) != Some(value));
    others
        .map(|(section, _)| {
            Fault::at(
                section,
                "only `services`, `routes` and `limits.tiers` are set here; the rest is the file's",
            )
        })
        .collect()
}

/// A configuration as it may be shown: without credentials, and without what says nothing.
pub(crate) fn shown(config: &Config) -> Map<String, Value> {
    let Ok(Value::Object(mut sections)) = serde_json::to_value(config) else { return Map::new() };
    sections.values_mut().for_each(|section| hide(section, ""));
    if let Some(Value::Array(urls)) =
        sections.get_mut("limits").and_then(|limits| limits.pointer_mut("/redis/urls"))
    {
        urls.iter_mut().for_each(hide_password);
    }
    sections
}

/// Takes nulls away, and the values of headers that carry credentials.
pub(crate) fn hide(value: &mut Value, under: &str) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            for (name, member) in members {
                let secret = matches!(under, "set" | "add" | "headers") && is_credential(name);
                if secret && member.is_string() {
                    *member = HIDDEN.into();
                } else {
                    hide(member, name);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, under)),
        _ => {}
    }
}

fn is_credential(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    ["authorization", "cookie", "key", "token", "secret", "password", "signature"]
        .iter()
        .any(|word| header.contains(word))
}

fn hide_password(url: &mut Value) {
    let hidden = url.as_str().and_then(|text| {
        let (scheme, rest) = text.split_once("://")?;
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://{HIDDEN}@{host}"))
    });
    if let Some(hidden) = hidden {
        *url = hidden.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let config: Config = serde_json::from_value(json!({
            "routes": [{ "name": "a", "respond": { "headers": { "x-token": "t0p", "x-kind": "plain" } },
                         "transform": { "request_headers": { "set": { "Authorization": "Bearer s3cret" } } } }],
            "limits": { "redis": { "urls": ["redis://user:hunter2@cache:6379"] } },
        }))
        .unwrap();
        let text = Value::from(shown(&config)).to_string();
        assert!(text.contains("redis://***@cache:6379") && text.contains("plain"), "{text}");
        for secret in ["s3cret", "hunter2", "t0p"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn what_is_the_files_alone_is_told() {
        let part = Part::of_yaml(
            "listeners: [{ address: \"0.0.0.0:1\" }]\nlimits: { enabled: true, tiers: { a: {} } }\n",
        );
        let mut places: Vec<_> = foreign(&part.config).into_iter().map(|fault| fault.place).collect();
        places.sort();
        assert_eq!(places, [vec!["limits".into()], vec!["listeners".into()]]);
    }
}
