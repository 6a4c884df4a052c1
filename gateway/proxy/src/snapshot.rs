//! One configuration, compiled: all that a request needs is looked up here once and never changed. What has to live longer is carried over from the
//! snapshot before.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Config;
use crate::config::{Fault, Route};
use crate::forward::Upstream;

/// The service that is answered by the program around the proxy.
pub(crate) const PLATFORM: &str = "platform";

/// A configuration, compiled.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// What was written.
    pub(crate) config: Arc<Config>,
    /// Routes, as the table numbers them.
    pub(crate) routes: Vec<Compiled>,
    upstreams: HashMap<String, Arc<Upstream>>,
}

/// A route, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Where requests go.
    pub(crate) end: End,
}

/// What happens to a request in the end.
#[derive(Debug)]
pub(crate) enum End {
    /// A service answers.
    Service(Arc<Upstream>),
    /// The program around the proxy does.
    Platform,
}

impl Snapshot {
    /// Compiles a configuration; what a service of the same name and making had in `before` is kept.
    pub(crate) fn new(config: Config, before: Option<&Self>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut upstreams = HashMap::new();
        for (name, service) in &config.services {
            let kept = before
                .filter(|before| before.config.services.get(name) == Some(service))
                .and_then(|before| before.upstreams.get(name).cloned());
            match kept.map_or_else(|| Upstream::new(service).map(Arc::new), Ok) {
                Ok(upstream) => {
                    upstreams.insert(name.clone(), upstream);
                }
                Err(found) => {
                    let under = |fault: Fault| fault.under(name.as_str()).under("services");
                    faults.extend(found.into_iter().map(under));
                }
            }
        }
        let mut routes = Vec::new();
        for (index, route) in config.routes.iter().enumerate() {
            match compile(route, &config, &upstreams) {
                Ok(route) => routes.push(route),
                Err(found) => {
                    faults.extend(found.into_iter().map(|fault| fault.under(index).under("routes")));
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { config: Arc::new(config), routes, upstreams })
    }
}

fn compile(
    route: &Route,
    config: &Config,
    upstreams: &HashMap<String, Arc<Upstream>>,
) -> Result<Compiled, Vec<Fault>> {
    let end = match &route.service {
        Some(name) => match upstreams.get(name) {
            Some(upstream) => End::Service(Arc::clone(upstream)),
            None if name == PLATFORM => End::Platform,
            // Its own fault was found before.
            None if config.services.contains_key(name) => return Err(Vec::new()),
            None => return Err(vec![Fault::at("service", format!("there is no service `{name}`"))]),
        },
        None => return Err(vec![Fault::new("a route needs `service`, `redirect` or `respond`")]),
    };
    Ok(Compiled { end })
}
