//! Where targets are looked for: the DNS, a file. The last answer holds while there is none.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use super::policy::Spec;
use super::service::Service;
use crate::body::BodyError;
use crate::config::{self, Discovery, Target, WeightedTarget};

/// Looks again and again. What is wrong is said once, not each time.
pub(super) async fn run(service: &Service) {
    let Some(discovery) = service.set().policy.discover.clone() else { return };
    let mut last_error = String::new();
    let mut resolver = None;
    let mut seen = None;
    loop {
        let (refresh, answer) = match &discovery {
            Discovery::Dns(dns) => (dns.refresh, addresses(&mut resolver, dns).await.map(Some)),
            Discovery::Srv(srv) => (srv.refresh, records(&mut resolver, srv).await.map(Some)),
            Discovery::File(file) => (file.refresh, read(&file.path, &mut seen).await),
        };
        match answer {
            Ok(found) => {
                last_error.clear();
                if let Some(found) = found {
                    service.discovered(found, Instant::now());
                }
            }
            Err(error) => {
                let error = error.to_string();
                if error != last_error {
                    tracing::warn!(service = %service.name(), error, "discovery failed; the last targets stay");
                    last_error = error;
                }
            }
        }
        tokio::time::sleep(refresh.0.max(Duration::from_millis(10))).await;
    }
}

/// The system's resolver. Its own cache is off: how often it is asked is what `refresh` says.
fn resolver(kept: &mut Option<TokioResolver>) -> Result<&TokioResolver, BodyError> {
    if kept.is_none() {
        let mut builder = TokioResolver::builder_tokio()?;
        builder.options_mut().cache_size = 0;
        *kept = Some(builder.build()?);
    }
    kept.as_ref().ok_or_else(|| "no resolver".into())
}

async fn addresses(
    kept: &mut Option<TokioResolver>,
    dns: &config::DnsDiscovery,
) -> Result<Vec<Spec>, BodyError> {
    let spec = Spec::new(&Target::Url(dns.url.clone())).map_err(|fault| fault.message)?;
    let host = spec.url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let answer = resolver(kept)?.lookup_ip(host).await?;
    let mut found: Vec<_> =
        answer.iter().map(|address| Spec { address: Some(address), ..spec.clone() }).collect();
    found.sort_by_key(|spec| spec.address);
    found.dedup();
    if found.is_empty() { Err("the name has no address".into()) } else { Ok(found) }
}

async fn records(
    kept: &mut Option<TokioResolver>,
    srv: &config::SrvDiscovery,
) -> Result<Vec<Spec>, BodyError> {
    let answer = resolver(kept)?.srv_lookup(srv.name.as_str()).await?;
    let mut found = Vec::new();
    for record in answer.answers() {
        let RData::SRV(record) = &record.data else { continue };
        let host = record.target.to_utf8();
        let host = host.trim_end_matches('.');
        if host.is_empty() {
            continue; // "not available at this domain" (RFC 2782)
        }
        let url = format!("{}://{host}:{}", srv.scheme, record.port);
        // A weight of 0 means "hardly ever" in a record, and "never" here.
        let target = Target::Weighted(WeightedTarget { url, weight: record.weight.max(1) });
        let spec = Spec::new(&target).map_err(|fault| fault.message)?;
        found.push(Spec { priority: record.priority, ..spec });
    }
    found.sort_by_key(|spec| (spec.priority, spec.key()));
    if found.is_empty() { Err("the name has no SRV record".into()) } else { Ok(found) }
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
