//! One configuration, compiled: all that a request needs is looked up here once and never changed. A configuration is first checked as a whole; only one
//! without a fault touches what lives longer than a snapshot, so that a bad one leaves no trace.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Config;
use crate::breaker::{Breaker, Breakers};
use crate::cache::Cache;
use crate::config::files::{Looks, looks};
use crate::config::{self, Fault, Level};
use crate::edge::{Addresses, Changes, Cors, Deprecation, HeaderChanges, Networks, Validation, Versions};
use crate::forward::{Draft, Upstream};
use crate::identity::{Access, Identity, Memory};
use crate::limit::{Limiter, Link, RoutePolicy, Tiers};
use crate::observe::{self, Handles, Recorder};
use crate::route::{Fixed, Pattern, Redirect, Rewrite, Table};
use crate::upstream::Services;

/// The service that is answered by the program around the proxy.
pub(crate) const PLATFORM: &str = "platform";

/// What requests are counted under that no route took.
const UNROUTED: &str = "unrouted";

/// A configuration, compiled.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// What was written.
    pub(crate) config: Arc<Config>,
    pub(crate) table: Table,
    pub(crate) versions: Versions,
    pub(crate) trusted: Networks,
    pub(crate) tiers: Tiers,
    /// Counters that other nodes share.
    pub(crate) link: Option<Arc<Link>>,
    /// Which part of the traces that begin here is kept.
    pub(crate) sample: f64,
    /// The files that it was made of, as they looked before they were read.
    pub(crate) files: Looks,
    routes: Vec<Compiled>,
    /// What is counted of requests that no route took.
    unrouted: Handles,
    upstreams: HashMap<String, Arc<Upstream>>,
}

/// A route, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) handles: Handles,
    pub(crate) end: End,
    pub(crate) edge: Edge,
    pub(crate) breaker: Option<Arc<Breaker>>,
    pub(crate) fallback: Option<Instead>,
}

/// What a route asks of the edge. What it does not need is not there.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) rewrite: Option<Rewrite>,
    pub(crate) versioned: bool,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) cors: Option<Cors>,
    pub(crate) access: Option<Access>,
    pub(crate) limit: RoutePolicy,
    pub(crate) validate: Option<Validation>,
    pub(crate) cache: Option<Arc<config::CacheRule>>,
    pub(crate) request_headers: Option<HeaderChanges>,
    pub(crate) response_headers: Option<HeaderChanges>,
    /// Changes to bodies, and those for clients of another version.
    pub(crate) bodies: Option<Bodies>,
    pub(crate) shims: HashMap<String, Bodies>,
    pub(crate) compress: bool,
    pub(crate) deprecated: Option<Deprecation>,
    pub(crate) security_headers: bool,
    pub(crate) max_body: Option<u64>,
    pub(crate) timeout: Option<Duration>,
}

impl Edge {
    /// Whether anything may want a request's body as a whole.
    pub(crate) fn gathers(&self) -> bool {
        self.access.is_some() || self.validate.is_some() || self.bodies.is_some() || !self.shims.is_empty()
    }
}

/// Changes to JSON bodies.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// On the way to the service.
    pub(crate) request: Changes,
    /// On the way back.
    pub(crate) answer: Changes,
}

/// What happens to a request in the end.
#[derive(Debug)]
pub(crate) enum End {
    /// A service answers.
    Service(Arc<Upstream>),
    /// The program around the proxy does.
    Platform,
    /// Sent elsewhere.
    Redirect(Redirect),
    /// Answered at once.
    Fixed(Fixed),
}

/// What is answered while a service cannot be asked.
#[derive(Debug)]
pub(crate) enum Instead {
    /// Always the same.
    Fixed(Fixed),
    /// Another service.
    Service(Arc<Upstream>),
    /// What the cache still has, however old.
    Cached,
}

/// What outlives snapshots and is found by name.
#[derive(Debug)]
pub(crate) struct Lasting {
    pub(crate) services: Services,
    pub(crate) breakers: Breakers,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) memory: Memory,
}

/// All that would keep a configuration from being carried out, beyond what [`config::check`] finds: each part is made as [`Snapshot::new`] makes it, and let go.
pub(crate) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, service) in &config.services {
        let found = Draft::new(service).err().unwrap_or_default();
        faults.extend(found.into_iter().map(|fault| fault.under(name.as_str()).under("services")));
    }
    let tiers = Tiers::new(&config.limits).err().unwrap_or_default();
    faults.extend(tiers.into_iter().map(|fault| fault.under("limits")));
    let observe = observe::Policy::new(&config.observe).err().unwrap_or_default();
    faults.extend(observe.into_iter().map(|fault| fault.under("observe")));
    if let Some(redis) = &config.limits.redis {
        keep(Link::new(redis).map_err(|fault| fault.under("redis")), &mut faults, "limits");
    }
    let (identity, _) = Identity::new(&config.identity, &Memory::default());
    for (index, route) in config.routes.iter().enumerate() {
        let found = RouteDraft::new(route, config, &identity).err().unwrap_or_default();
        faults.extend(found.into_iter().map(|fault| fault.under(index).under("routes")));
    }
    faults
}

impl Snapshot {
    /// The route of that number.
    pub(crate) fn route(&self, index: usize) -> Option<&Compiled> {
        self.routes.get(index)
    }

    /// What a request counts with: that of its route, if one took it.
    pub(crate) fn handles(&self, route: Option<usize>) -> &Handles {
        route.and_then(|index| self.routes.get(index)).map_or(&self.unrouted, |route| &route.handles)
    }

    /// The service of that name.
    pub(crate) fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(name)
    }

    /// Compiles a configuration. What outlives snapshots is only touched if nothing is wrong.
    pub(crate) fn new(config: Config, before: Option<&Self>, lasting: &Lasting) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let files = looks(&config);
        let mut services = BTreeMap::new();
        for (name, service) in &config.services {
            match Draft::new(service) {
                Ok(draft) => {
                    services.insert(name.clone(), draft);
                }
                Err(found) => {
                    let under = |fault: Fault| fault.under(name.as_str()).under("services");
                    faults.extend(found.into_iter().map(under));
                }
            }
        }
        let (table, found) = Table::new(&config.routes, &config.versions);
        faults.extend(found);
        let versions = keep(Versions::new(&config.versions), &mut faults, "versions");
        let trusted = keep(Networks::new(&config.trusted_proxies), &mut faults, "trusted_proxies");
        let tiers = Tiers::new(&config.limits)
            .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under("limits"))))
            .ok();
        let observe = observe::Policy::new(&config.observe)
            .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under("observe"))))
            .ok();
        let known = before.filter(|before| before.config.limits.redis == config.limits.redis);
        let link = match (known, &config.limits.redis) {
            (Some(known), _) => known.link.clone(),
            (None, Some(redis)) => {
                let link = Link::new(redis).map_err(|fault| fault.under("redis"));
                keep(link, &mut faults, "limits").map(Arc::new)
            }
            (None, None) => None,
        };
        let (identity, found) = Identity::new(&config.identity, &lasting.memory);
        faults.extend(found);
        let mut drafts = Vec::new();
        for (index, route) in config.routes.iter().enumerate() {
            match RouteDraft::new(route, &config, &identity) {
                Ok(draft) => drafts.push(draft),
                Err(found) => {
                    faults.extend(found.into_iter().map(|fault| fault.under(index).under("routes")));
                }
            }
        }
        let (Some(versions), Some(trusted), Some(tiers), Some(observe)) = (versions, trusted, tiers, observe)
        else {
            return Err(faults);
        };
        if faults.iter().any(|fault| fault.level == Level::Error) {
            return Err(faults);
        }
        let upstreams = put_to_work(&config, services, before, lasting);
        let routes: Option<Vec<_>> = drafts
            .into_iter()
            .zip(&config.routes)
            .enumerate()
            .map(|(index, (draft, route))| draft.finish(index, route, &config, &upstreams, lasting))
            .collect();
        let Some(routes) = routes else {
            return Err(vec![Fault::new("a route names a service that is not there")]);
        };
        lasting.recorder.apply(&observe);
        lasting.cache.apply(&config.cache);
        forget(&config, lasting);
        let sample = config.observe.traces.as_ref().map_or(0.0, |traces| traces.sample);
        Ok(Self {
            config: Arc::new(config),
            table,
            versions,
            trusted,
            tiers,
            link,
            sample,
            files,
            routes,
            unrouted: lasting.recorder.handles(UNROUTED, None),
            upstreams,
        })
    }
}

fn keep<T>(result: Result<T, Fault>, faults: &mut Vec<Fault>, step: &str) -> Option<T> {
    result.map_err(|fault| faults.push(fault.under(step))).ok()
}

/// Brings what outlives snapshots to what a configuration says. A service that is written as before, in files that are as before, keeps its connections.
fn put_to_work(
    config: &Config,
    drafts: BTreeMap<String, Draft>,
    before: Option<&Snapshot>,
    lasting: &Lasting,
) -> HashMap<String, Arc<Upstream>> {
    let now = Instant::now();
    let mut upstreams = HashMap::new();
    for (name, draft) in drafts {
        let Some(written) = config.services.get(&name) else { continue };
        let known = before.and_then(|before| before.upstreams.get(&name));
        let upstream = match known.filter(|known| known.is_made_of(written, &draft)) {
            Some(known) => Arc::clone(known),
            None => {
                let read = draft.read();
                let (service, _) = lasting.services.of(&name, draft.targets, now);
                let breaker = lasting.breakers.of(&name, draft.breaker, now);
                Arc::new(Upstream::new(service, breaker, written, read))
            }
        };
        upstreams.insert(name, upstream);
    }
    upstreams
}

/// Forgets what no configuration names any more.
fn forget(config: &Config, lasting: &Lasting) {
    let services: BTreeSet<String> = config.services.keys().cloned().collect();
    lasting.services.keep(&services);
    let counted = config.routes.iter().map(|route| route.name.as_str()).chain([UNROUTED]);
    lasting.recorder.keep(&counted.map(str::to_owned).collect());
    let routes = config.routes.iter().filter_map(|route| route_breaker(route, config));
    lasting.breakers.keep(&services.iter().cloned().chain(routes).collect());
}

/// The name of a route's own breaker, if its service wants one for each.
fn route_breaker(route: &config::Route, config: &Config) -> Option<String> {
    let service = route.service.as_ref()?;
    config.services.get(service)?.breaker.per_route.then(|| format!("{service}/{}", route.name))
}

/// A route, checked.
struct RouteDraft {
    answer: Option<End>,
    edge: Edge,
    fallback: Option<Fixed>,
}

impl RouteDraft {
    fn new(route: &config::Route, config: &Config, identity: &Identity) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        // A bad path is the table's to tell.
        let pattern = Pattern::new(route.matches.path.as_deref()).or_else(|_| Pattern::new(None));
        let pattern = pattern.map_err(|message| vec![Fault::new(message)])?;
        let answer = match (&route.service, &route.redirect, &route.respond) {
            (Some(name), None, None) => {
                if name != PLATFORM && !config.services.contains_key(name) {
                    faults.push(Fault::at("service", unknown(name, config)));
                }
                None
            }
            (None, Some(redirect), None) => {
                keep(Redirect::new(redirect, &pattern), &mut faults, "redirect").map(End::Redirect)
            }
            (None, None, Some(fixed)) => keep(Fixed::new(fixed), &mut faults, "respond").map(End::Fixed),
            _ => {
                faults.push(Fault::new("needs exactly one of `service`, `redirect` and `respond`"));
                None
            }
        };
        let fallback = match &route.fallback {
            Some(config::Fallback::Respond(fixed)) => {
                keep(Fixed::new(fixed).map_err(|fault| fault.under("respond")), &mut faults, "fallback")
            }
            Some(config::Fallback::Service(name)) if !config.services.contains_key(name) => {
                faults.push(Fault::at("service", unknown(name, config)).under("fallback"));
                None
            }
            _ => None,
        };
        let rewrite = if route.path == config::PathRewrite::Keep {
            None
        } else {
            keep(Rewrite::new(&route.path, &pattern), &mut faults, "path")
        };
        let limit = keep(RoutePolicy::new(&route.name, &route.limit), &mut faults, "limit");
        let bodies = changes(route, None, &mut faults);
        let shims = route
            .shims
            .iter()
            .filter_map(|(version, shim)| {
                Some((version.clone(), changes(route, Some((version, shim)), &mut faults)?))
            })
            .collect();
        let Some(limit) = limit else { return Err(faults) };
        let mut headers = |written: &config::HeaderChanges, step: &str| {
            (*written != config::HeaderChanges::default())
                .then(|| {
                    let made = HeaderChanges::new(written, &pattern).map_err(|fault| fault.under(step));
                    keep(made, &mut faults, "transform")
                })
                .flatten()
        };
        let request_headers = headers(&route.transform.request_headers, "request_headers");
        let response_headers = headers(&route.transform.response_headers, "response_headers");
        let edge = Edge {
            access: (route.access != config::Access::default())
                .then(|| keep(Access::new(&route.access, identity, &pattern), &mut faults, "access"))
                .flatten(),
            limit,
            validate: route
                .validate
                .as_ref()
                .and_then(|validate| keep(Validation::new(validate), &mut faults, "validate")),
            cache: route.cache.clone().map(Arc::new),
            request_headers,
            response_headers,
            bodies,
            shims,
            compress: route.compress,
            rewrite,
            versioned: !route.versions.is_empty(),
            addresses: (route.addresses != config::Addresses::default())
                .then(|| keep(Addresses::new(&route.addresses), &mut faults, "addresses"))
                .flatten(),
            cors: route
                .cors
                .as_ref()
                .and_then(|cors| keep(Cors::new(cors, &route.matches.methods), &mut faults, "cors")),
            deprecated: route
                .deprecated
                .as_ref()
                .and_then(|deprecated| keep(Deprecation::new(deprecated), &mut faults, "deprecated")),
            security_headers: route.transform.security_headers,
            max_body: route.max_body.map(|size| size.0),
            timeout: route.timeout.map(|time| time.0),
        };
        if faults.is_empty() { Ok(Self { answer, edge, fallback }) } else { Err(faults) }
    }

    /// The route at work; none if a service is not there after all.
    fn finish(
        self,
        index: usize,
        route: &config::Route,
        config: &Config,
        upstreams: &HashMap<String, Arc<Upstream>>,
        lasting: &Lasting,
    ) -> Option<Compiled> {
        let end = match (self.answer, route.service.as_deref()) {
            (Some(end), _) => end,
            (None, Some(name)) => match upstreams.get(name) {
                Some(upstream) => End::Service(Arc::clone(upstream)),
                None => End::Platform,
            },
            (None, None) => return None,
        };
        let breaker = match (&end, route_breaker(route, config)) {
            (End::Service(upstream), Some(name)) => crate::breaker::Policy::new(&upstream.written.breaker)
                .ok()
                .map(|policy| lasting.breakers.of(&name, policy, Instant::now())),
            _ => None,
        };
        let fallback = match (self.fallback, &route.fallback) {
            (Some(fixed), _) => Some(Instead::Fixed(fixed)),
            (None, Some(config::Fallback::Service(name))) => {
                Some(Instead::Service(Arc::clone(upstreams.get(name)?)))
            }
            (None, Some(config::Fallback::Cached)) => Some(Instead::Cached),
            _ => None,
        };
        let handles = lasting.recorder.handles(&route.name, route.service.as_deref());
        Some(Compiled { index, name: route.name.clone(), handles, end, edge: self.edge, breaker, fallback })
    }
}

fn unknown(name: &str, config: &Config) -> String {
    let known: Vec<&str> = config.services.keys().map(String::as_str).collect();
    format!("there is no service `{name}`; there are: {}", known.join(", "))
}

/// The changes to a route's bodies, for clients of another version where a shim is given; none where nothing is changed.
fn changes(
    route: &config::Route,
    shim: Option<(&String, &config::Shim)>,
    faults: &mut Vec<Fault>,
) -> Option<Bodies> {
    let transform = &route.transform;
    let mut of = |written: &[config::Change], places: [&str; 3]| {
        let made = Changes::new(written, transform.max_body).map_err(|fault| {
            places
                .iter()
                .rev()
                .filter(|place| !place.is_empty())
                .fold(fault, |fault, place| fault.under(*place))
        });
        made.map_err(|fault| faults.push(fault)).ok()
    };
    let request = of(&transform.request_body, ["transform", "request_body", ""])?;
    let answer = of(&transform.response_body, ["transform", "response_body", ""])?;
    let bodies = match shim {
        None => Bodies { request, answer },
        Some((version, shim)) => Bodies {
            request: of(&shim.request, ["shims", version, "request"])?.then(request),
            answer: answer.then(of(&shim.response, ["shims", version, "response"])?),
        },
    };
    (!bodies.request.is_empty() || !bodies.answer.is_empty()).then_some(bodies)
}
