//! A service as the API shows it.

use serde_json::Value;
use waypost_proxy::upstream::TargetStatus as SeenTarget;
use waypost_proxy::{Proxy, config};
use waypost_types::{Service, ServiceStatus, TargetStatus};

use crate::control::{Kind, View, form};
use crate::http::Error;
use crate::store::clock::to_rfc3339;

/// A service of this name, if it is there.
pub(crate) fn service(view: &View, proxy: &Proxy, name: &str) -> Result<Option<Service>, Error> {
    let Some(written) = view.config.services.get(name) else { return Ok(None) };
    let mut shown = form::shown(written)?;
    shown.insert("name".to_owned(), name.into());
    if let Some(source) = view.source(Kind::Service, name) {
        shown.insert("source".to_owned(), source.name().into());
    }
    if let Some(record) = view.api.find(Kind::Service, name) {
        shown.insert("created_at".to_owned(), to_rfc3339(record.created_at).into());
        shown.insert("updated_at".to_owned(), to_rfc3339(record.updated_at).into());
    }
    shown.insert(
        "status".to_owned(),
        serde_json::to_value(status(proxy, name, written)).map_err(Error::internal)?,
    );
    serde_json::from_value(Value::Object(shown)).map(Some).map_err(Error::internal)
}

/// How a service is. What is written and not carried out yet is shown as it will begin.
pub(crate) fn status(proxy: &Proxy, name: &str, written: &config::Service) -> ServiceStatus {
    let seen = proxy.service(name);
    let known = seen.as_ref().map(|seen| seen.targets.as_slice()).unwrap_or_default();
    let mut targets: Vec<SeenTarget> = Vec::new();
    for (url, weight) in written.targets.iter().map(config::Target::parts) {
        let same = |target: &&SeenTarget| target.url.trim_end_matches('/') == url.trim_end_matches('/');
        let target = known.iter().find(same).cloned().unwrap_or_else(|| fresh(url));
        targets.push(SeenTarget { weight, ..target });
    }
    if written.discover.is_some() {
        let others = known.iter().filter(|target| !targets.iter().any(|own| own.url == target.url));
        targets.extend(others.cloned().collect::<Vec<_>>());
    }
    let available = targets.iter().any(|target| target.weight > 0 && target.healthy);
    let mut status = ServiceStatus::new(available, targets.iter().map(target).collect::<Vec<_>>());
    status.breaker = Some(proxy.breaker(name).map_or("closed", |breaker| breaker.state.name()).into());
    status
}

/// A target that nobody asked yet.
fn fresh(url: &str) -> SeenTarget {
    SeenTarget {
        url: url.to_owned(),
        weight: 1,
        healthy: true,
        ejected_seconds: None,
        in_flight: 0,
        requests: 0,
        failures: 0,
        average_ms: 0.0,
    }
}

fn target(seen: &SeenTarget) -> TargetStatus {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut target = TargetStatus::new(
        seen.url.as_str(),
        i32::from(seen.weight),
        seen.healthy,
        i64::from(seen.in_flight),
        count(seen.requests),
        count(seen.failures),
        (seen.average_ms * 1_000.0).round() / 1_000.0,
    );
    target.ejected_seconds = seen.ejected_seconds;
    target
}
