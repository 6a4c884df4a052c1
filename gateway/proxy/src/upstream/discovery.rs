//! Where targets are looked for: the DNS, a file. The last answer holds while there is none.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::dns::{Dns, Found};
use super::policy::Spec;
use super::service::Service;
use crate::body::BodyError;
use crate::config::{self, Discovery, Target, WeightedTarget};

/// After a look that failed the next one waits no longer than this.
const AGAIN: Duration = Duration::from_secs(5);

/// Looks again and again. What is wrong is said once, not each time.
pub(super) async fn run(service: &Service) {
    let Some(discovery) = service.set().policy.discover.clone() else { return };
    let mut looking = Looking::default();
    let mut last_error = String::new();
    loop {
        let pause = match looking.look(&discovery).await {
            Ok((found, pause)) => {
                last_error.clear();
                if let Some(found) = found {
                    service.discovered(found, Instant::now());
                }
                pause
            }
            Err(error) => {
                let error = error.to_string();
                if error != last_error {
                    tracing::warn!(service = %service.name(), error, "discovery failed; the last targets stay");
                    last_error = error;
                }
                refresh(&discovery).min(AGAIN)
            }
        };
        tokio::time::sleep(pause.max(Duration::from_millis(10))).await;
    }
}

const fn refresh(discovery: &Discovery) -> Duration {
    match discovery {
        Discovery::Dns(dns) => dns.refresh.0,
        Discovery::Srv(srv) => srv.refresh.0,
        Discovery::File(file) => file.refresh.0,
    }
}

/// What one look leaves to the next.
#[derive(Default)]
struct Looking {
    dns: Option<Dns>,
    seen: Option<(SystemTime, u64)>,
}

impl Looking {
    /// The targets, unless nothing changed; and when to look again.
    async fn look(&mut self, discovery: &Discovery) -> Result<(Option<Vec<Spec>>, Duration), BodyError> {
        let refresh = refresh(discovery);
        let Found { targets, holds } = match discovery {
            Discovery::Dns(config::DnsDiscovery { url, servers, .. }) => {
                self.dns(servers)?.addresses(url).await?
            }
            Discovery::Srv(config::SrvDiscovery { name, scheme, servers, .. }) => {
                self.dns(servers)?.records(name, scheme).await?
            }
            Discovery::File(file) => return Ok((read(&file.path, &mut self.seen).await?, refresh)),
        };
        Ok((Some(targets), refresh.min(holds)))
    }

    fn dns(&mut self, servers: &[String]) -> Result<&Dns, BodyError> {
        let dns = match self.dns.take() {
            Some(dns) => dns,
            None => Dns::new(servers)?,
        };
        Ok(self.dns.insert(dns))
    }
}

/// The file's targets where it changed since it was `seen`.
async fn read(path: &Path, seen: &mut Option<(SystemTime, u64)>) -> Result<Option<Vec<Spec>>, BodyError> {
    let about = tokio::fs::metadata(path).await?;
    let stamp = (about.modified()?, about.len());
    if *seen == Some(stamp) {
        return Ok(None);
    }
    let found = listed(&tokio::fs::read_to_string(path).await?)?;
    *seen = Some(stamp);
    Ok(Some(found))
}

/// A list of targets, as in the configuration: YAML, and so JSON as well.
fn listed(text: &str) -> Result<Vec<Spec>, BodyError> {
    use saphyr::LoadableYamlNode as _;
    let documents = saphyr::Yaml::load_from_str(text)?;
    let list =
        documents.first().and_then(|document| document.as_vec()).ok_or("the file is no list of targets")?;
    let mut found = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let target = if let Some(url) = item.as_str() {
            Target::Url(url.to_owned())
        } else {
            let url = item.as_mapping_get("url").and_then(|url| url.as_str());
            let weight = item.as_mapping_get("weight").map_or(Some(1), |weight| weight.as_integer());
            let (Some(url), Some(weight)) = (url, weight.and_then(|weight| u16::try_from(weight).ok()))
            else {
                return Err(format!("item {index} is neither a URL nor {{url, weight}}").into());
            };
            Target::Weighted(WeightedTarget { url: url.to_owned(), weight })
        };
        found.push(Spec::new(&target).map_err(|fault| format!("item {index}: {}", fault.message))?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lists_targets_as_the_configuration_does() {
        let keys = |text: &str| -> Vec<(String, u16)> {
            listed(text).unwrap().iter().map(|spec| (spec.key(), spec.weight)).collect()
        };
        let expected = [("http://a:1".to_owned(), 1), ("https://b/x".to_owned(), 3)];
        assert_eq!(keys("- http://a:1\n- { url: https://b/x/, weight: 3 }\n"), expected);
        assert_eq!(keys(r#"["http://a:1", {"url": "https://b/x", "weight": 3}]"#), expected);
        assert!(keys("[]").is_empty());
        for wrong in ["", "a: b", "- ftp://a", "- {weight: 1}", "- {url: http://a, weight: -1}", "- [", "- 7"]
        {
            assert!(listed(wrong).is_err(), "{wrong}");
        }
    }
}
