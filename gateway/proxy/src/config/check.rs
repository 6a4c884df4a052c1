//! What a configuration means, looked at as a whole: names that name nothing, values out of bounds, parts that do not go together. Each policy's own
//! constructor is asked, so that what is checked and what is carried out are one.

use std::collections::{BTreeSet, HashMap};

use super::form::no_such;
use super::{Config, Fallback, Fault, Route, Service};
use crate::edge;
use crate::forward::Draft;
use crate::identity::{Access, Identity, Memory};
use crate::limit::{Link, RoutePolicy, Tiers};
use crate::observe;
use crate::route::{Fixed, Pattern, Redirect, Rewrite, Table};

/// The service that the program around the proxy answers.
pub const PLATFORM: &str = "platform";

/// All that is wrong with a configuration, errors and warnings.
pub fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    listeners(config, &mut faults);
    for (name, service) in &config.services {
        let mut own = Vec::new();
        check_service(service, &mut own);
        if name.is_empty() || name == PLATFORM {
            own.push(Fault::new(format!("a service cannot be named `{name}`")));
        }
        faults.extend(own.into_iter().map(|fault| fault.under(name.as_str()).under("services")));
    }
    let (table, found) = Table::new(&config.routes, &config.versions);
    faults.extend(found);
    let (identity, found) = Identity::new(&config.identity, &Memory::default());
    faults.extend(found);
    if let Err(fault) = edge::Versions::new(&config.versions) {
        faults.push(fault.under("versions"));
    }
    for (name, version) in &config.versions.known {
        if let Some(Err(fault)) = version.deprecated.as_ref().map(edge::Deprecation::new) {
            faults.push(fault.under("deprecated").under(name.as_str()).under("known").under("versions"));
        }
    }
    if let Err(fault) = edge::Networks::new(&config.trusted_proxies) {
        faults.push(fault.under("trusted_proxies"));
    }
    for (index, route) in config.routes.iter().enumerate() {
        let mut own = Vec::new();
        check_route(config, &identity, route, &mut own);
        faults.extend(own.into_iter().map(|fault| fault.under(index).under("routes")));
    }
    names(config, &mut faults);
    rest(config, &mut faults);
    for (by, hidden) in table.shadowed() {
        let name = table.name(by).map(ToString::to_string).unwrap_or_default();
        let message = format!("no request gets here: `{name}` takes all that this one would");
        faults.push(Fault::at(hidden, message).under("routes").warning());
    }
    faults
}

fn listeners(config: &Config, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let mut fault = |place: &str, message: String| {
            faults.push(Fault::at(place, message).under(index).under("listeners"));
        };
        match listener.address.parse::<std::net::SocketAddr>() {
            Err(_) => fault(
                "address",
                format!("`{}` is no address; write 127.0.0.1:8080 or [::]:8080", listener.address),
            ),
            Ok(address) if address.port() != 0 && !seen.insert(address) => {
                fault("address", format!("`{address}` is listened on twice"));
            }
            Ok(_) => {}
        }
        if listener.tls.is_some() && listener.redirect_https.is_some() {
            fault(
                "redirect_https",
                "every connection of this listener is TLS; it belongs to the one that is not".to_owned(),
            );
        }
        if listener.redirect_https == Some(0) {
            fault("redirect_https", "0 is no port to be sent to; write 443".to_owned());
        }
        if listener.max_head.0 < 1024 {
            fault("max_head", format!("`{}` is less than 1KiB", listener.max_head));
        }
        if listener.max_connections == 0 {
            fault("max_connections", "with 0 nobody can connect".to_owned());
        }
    }
}

fn check_service(service: &Service, faults: &mut Vec<Fault>) {
    faults.extend(Draft::new(service).err().into_iter().flatten());
    for (place, bad) in [
        ("breaker.minimum", service.breaker.minimum == 0),
        ("breaker.timeout", service.breaker.timeout.0.is_zero()),
        ("timeouts.connect", service.timeouts.connect.0.is_zero()),
        ("timeouts.first_byte", service.timeouts.first_byte.0.is_zero()),
        ("timeouts.idle", service.timeouts.idle.0.is_zero()),
    ] {
        if bad {
            faults.push(deep(place, "0 is too little".to_owned()));
        }
    }
    if let Some(path) = service.breaker.probe_path.as_ref().filter(|path| !path.starts_with('/')) {
        faults.push(deep("breaker.probe_path", format!("`{path}` does not begin with `/`")));
    }
    if let Some(active) = &service.health.active {
        let (from, to) = active.statuses;
        if from < 100 || to > 599 {
            faults.push(deep(
                "health.active.statuses",
                format!("{from} to {to} are no statuses; write [200, 399]"),
            ));
        }
        if active.healthy == 0 || active.unhealthy == 0 {
            faults.push(deep("health.active", "neither `healthy` nor `unhealthy` can be 0".to_owned()));
        }
    }
}

fn deep(place: &str, message: String) -> Fault {
    place.rsplit('.').fold(Fault::new(message), Fault::under)
}

fn check_route(config: &Config, identity: &Identity, route: &Route, faults: &mut Vec<Fault>) {
    // A bad pattern is told by the table; what depends on it is not looked at.
    let pattern = Pattern::new(route.matches.path.as_deref()).ok();
    let mut ask = |place: &str, result: Result<(), Fault>| {
        if let Err(fault) = result {
            faults.push(place.rsplit('.').filter(|step| !step.is_empty()).fold(fault, Fault::under));
        }
    };
    let known = |name: &String| {
        if name == PLATFORM || config.services.contains_key(name) {
            return Ok(());
        }
        let names = config.services.keys().map(String::as_str).chain([PLATFORM]);
        Err(Fault::new(format!("there is no such service: {}", no_such(name, names))))
    };
    if route.name.trim().is_empty() {
        ask("name", Err(Fault::new("a route needs a name")));
    }
    let kinds = [route.service.is_some(), route.redirect.is_some(), route.respond.is_some()];
    if kinds.into_iter().filter(|given| *given).count() != 1 {
        ask("", Err(Fault::new("exactly one of `service`, `redirect` and `respond` is wanted")));
    }
    ask("service", route.service.as_ref().map_or(Ok(()), known));
    if let Some(Fallback::Service(name)) = &route.fallback {
        ask("fallback.service", known(name));
    }
    if let Some(Fallback::Respond(fixed)) = &route.fallback {
        ask("fallback.respond", Fixed::new(fixed).map(|_| ()));
    }
    if let Some(Fallback::Cached) = &route.fallback
        && route.cache.is_none()
    {
        ask("fallback", Err(Fault::new("nothing is kept without `cache`")));
    }
    if let Some(fixed) = &route.respond {
        ask("respond", Fixed::new(fixed).map(|_| ()));
    }
    ask("addresses", edge::Addresses::new(&route.addresses).map(|_| ()));
    if let Some(cors) = &route.cors {
        ask("cors", edge::Cors::new(cors, &route.matches.methods).map(|_| ()));
    }
    if let Some(validation) = &route.validate {
        ask("validate", edge::Validation::new(validation).map(|_| ()));
    }
    if let Some(deprecation) = &route.deprecated {
        ask("deprecated", edge::Deprecation::new(deprecation).map(|_| ()));
    }
    let transform = &route.transform;
    ask("transform.request_body", edge::Changes::new(&transform.request_body, None).map(|_| ()));
    ask("transform.response_body", edge::Changes::new(&transform.response_body, None).map(|_| ()));
    if let Some(pattern) = &pattern {
        if let Some(redirect) = &route.redirect {
            ask("redirect", Redirect::new(redirect, pattern).map(|_| ()));
        }
        ask("path", Rewrite::new(&route.path, pattern).map(|_| ()));
        ask("access", Access::new(&route.access, identity, pattern).map(|_| ()));
        let changes = |changes| edge::HeaderChanges::new(changes, pattern).map(|_| ());
        ask("transform.request_headers", changes(&transform.request_headers));
        ask("transform.response_headers", changes(&transform.response_headers));
    }
    for (version, shim) in &route.shims {
        for (place, changes) in [("request", &shim.request), ("response", &shim.response)] {
            if let Err(fault) = edge::Changes::new(changes, None) {
                ask("", Err(fault.under(place).under(version.as_str()).under("shims")));
            }
        }
    }
    ask("limit", RoutePolicy::new(&route.name, &route.limit).map(|_| ()));
    if route.limit.cost == 0 && !route.limit.exempt {
        ask("limit.cost", Err(Fault::new("with 0 nothing is counted; write `exempt: true`")));
    }
}

fn names(config: &Config, faults: &mut Vec<Fault>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut providers: BTreeSet<&str> = BTreeSet::new();
    for (index, route) in config.routes.iter().enumerate() {
        if let Some(first) = seen.get(route.name.as_str()).filter(|_| !route.name.is_empty()) {
            let message = format!("`{}` is the name of routes[{first}] as well", route.name);
            faults.push(Fault::at("name", message).under(index).under("routes"));
        }
        seen.entry(&route.name).or_insert(index);
        used.extend(route.service.as_deref());
        if let Some(Fallback::Service(name)) = &route.fallback {
            used.insert(name);
        }
        providers.extend(route.access.providers.iter().map(String::as_str));
    }
    for name in config.services.keys().filter(|name| !used.contains(name.as_str())) {
        faults.push(Fault::at(name.as_str(), "no route leads to this service").under("services").warning());
    }
    for name in config.identity.providers.keys().filter(|name| !providers.contains(name.as_str())) {
        let fault = Fault::at(name.as_str(), "no route takes this provider");
        faults.push(fault.under("providers").under("identity").warning());
    }
}

fn rest(config: &Config, faults: &mut Vec<Fault>) {
    let limits = Tiers::new(&config.limits).err().into_iter().flatten();
    faults.extend(limits.map(|fault| fault.under("limits")));
    if let Some(redis) = &config.limits.redis
        && !redis.urls.is_empty()
    {
        let link = Link::new(redis).err();
        faults.extend(link.map(|fault| fault.under("redis").under("limits")));
    }
    let observe = observe::Policy::new(&config.observe).err().into_iter().flatten();
    faults.extend(observe.map(|fault| fault.under("observe")));
    if config.observe.analytics.enabled && config.observe.analytics.steps == 0 {
        let message = "`steps` cannot be 0; write `enabled: false` for none";
        faults.push(Fault::at("analytics", message).under("observe"));
    }
    if config.cache.max_answer > config.cache.max_size {
        let message = format!("`{}` is more than `max_size`", config.cache.max_answer);
        faults.push(Fault::at("max_answer", message).under("cache"));
    }
}
