//! What a configuration means, looked at as a whole: names that name nothing, values out of bounds, parts that do not go together. Each policy's own
//! constructor is asked, so that what is checked and what is carried out are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::Uri;

use super::form::no_such;
use super::{Balance, Config, Discovery, Fallback, Fault, Route, Service, Target};
use crate::edge;
use crate::identity::{Access, Identity, Memory};
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
    let mut fault = |place: &str, message: String| faults.push(Fault::at(place, message));
    if service.targets.is_empty() && service.discover.is_none() {
        fault("targets", "there are none; write [\"http://127.0.0.1:9001\"], or `discover`".to_owned());
    }
    let part = |value: f64| (0.0..=1.0).contains(&value);
    for (place, value) in [
        ("retry.budget", service.retry.budget),
        ("breaker.failures", service.breaker.failures),
        ("health.passive.max_ejected", service.health.passive.max_ejected),
        ("health.active.jitter", service.health.active.as_ref().map_or(0.0, |active| active.jitter)),
    ] {
        if !part(value) {
            faults.push(deep(place, format!("{value} is no part of a whole; write 0 to 1")));
        }
    }
    let breaker = &service.breaker;
    for (place, bad) in [
        ("breaker.minimum", breaker.minimum == 0),
        ("breaker.probes", breaker.probes == 0),
        ("breaker.window", breaker.window.0.is_zero()),
        ("breaker.timeout", breaker.timeout.0.is_zero()),
        ("breaker.reset", breaker.reset.0.is_zero()),
        ("timeouts.connect", service.timeouts.connect.0.is_zero()),
        ("timeouts.first_byte", service.timeouts.first_byte.0.is_zero()),
        ("timeouts.idle", service.timeouts.idle.0.is_zero()),
    ] {
        if bad {
            faults.push(deep(place, "0 is too little".to_owned()));
        }
    }
    if breaker.max_reset < breaker.reset {
        faults.push(deep("breaker.max_reset", format!("`{}` is less than `reset`", breaker.max_reset)));
    }
    for path in [&service.breaker.probe_path].into_iter().flatten() {
        if !path.starts_with('/') {
            faults.push(deep("breaker.probe_path", format!("`{path}` does not begin with `/`")));
        }
    }
    if let Some(active) = &service.health.active {
        let (from, to) = active.statuses;
        if from > to || from < 100 || to > 599 {
            faults.push(deep(
                "health.active.statuses",
                format!("{from} to {to} are no statuses; write [200, 399]"),
            ));
        }
        if active.interval.0.is_zero() || active.timeout.0.is_zero() {
            faults.push(deep("health.active", "neither `interval` nor `timeout` can be 0".to_owned()));
        }
        if active.healthy == 0 || active.unhealthy == 0 {
            faults.push(deep("health.active", "neither `healthy` nor `unhealthy` can be 0".to_owned()));
        }
        if active.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            faults.push(deep("health.active.path", "this does not begin with `/`".to_owned()));
        }
    }
    if let Balance::Sticky(cookie) = &service.balance
        && !token(&cookie.cookie)
    {
        faults.push(deep("balance.sticky.cookie", format!("`{}` can be no cookie's name", cookie.cookie)));
    }
    targets(service, faults);
    match &service.discover {
        Some(Discovery::Dns(dns)) => {
            if let Err(message) = base_url(&dns.url) {
                faults.push(deep("discover.dns.url", message));
            }
        }
        Some(Discovery::Srv(_) | Discovery::File(_)) | None => {}
    }
}

fn targets(service: &Service, faults: &mut Vec<Fault>) {
    let mut seen = BTreeSet::new();
    let mut weights = 0;
    for (index, target) in service.targets.iter().enumerate() {
        let (url, weight) = match target {
            Target::Url(url) => (url, 1),
            Target::Weighted(target) => (&target.url, u32::from(target.weight)),
        };
        weights += weight;
        if let Err(message) = base_url(url) {
            faults.push(Fault::at(index, message).under("targets"));
        } else if !seen.insert(url) {
            faults.push(Fault::at(index, format!("`{url}` is there twice; write a weight")).under("targets"));
        }
    }
    if !service.targets.is_empty() && weights == 0 {
        faults.push(Fault::at("targets", "every weight is 0: none would take a request"));
    }
}

fn deep(place: &str, message: String) -> Fault {
    place.rsplit('.').fold(Fault::new(message), Fault::under)
}

fn base_url(text: &str) -> Result<(), String> {
    let wrong = || {
        format!("`{text}` is no base URL; write `http://127.0.0.1:9001` or `https://orders.internal/base`")
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let sound = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none()
        && !text.contains(['#', '@']);
    if sound { Ok(()) } else { Err(wrong()) }
}

fn token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
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
    let mut tiers: BTreeMap<&str, &super::Rates> = BTreeMap::new();
    tiers.extend(config.limits.tiers.iter().map(|(name, rates)| (name.as_str(), rates)));
    for (name, rates) in tiers {
        for (place, rate) in [
            ("per_second", rates.per_second),
            ("per_minute", rates.per_minute),
            ("per_hour", rates.per_hour),
            ("per_day", rates.per_day),
        ] {
            if rate == Some(0) {
                let message = "with 0 nobody may call; leave it out for no limit";
                faults.push(Fault::at(place, message).under(name).under("tiers").under("limits"));
            }
        }
    }
    if let Some(redis) = &config.limits.redis {
        let at = |fault: Fault| fault.under("redis").under("limits");
        if redis.urls.is_empty() {
            faults.push(at(Fault::at("urls", "there is none; write [\"redis://127.0.0.1:6379\"]")));
        }
        for (index, url) in redis.urls.iter().enumerate() {
            if !url.starts_with("redis://") && !url.starts_with("rediss://") {
                // Not repeated: a URL may hold a password.
                faults
                    .push(at(Fault::at(index, "this is neither `redis://…` nor `rediss://…`").under("urls")));
            }
        }
        if redis.sync.0.is_zero() {
            faults.push(at(Fault::at("sync", "0 is too little; write 100ms")));
        }
    }
    let observe = &config.observe;
    if let Some(traces) = &observe.traces {
        let at = |fault: Fault| fault.under("traces").under("observe");
        if !(0.0..=1.0).contains(&traces.sample) {
            faults.push(at(Fault::at(
                "sample",
                format!("{} is no part of a whole; write 0 to 1", traces.sample),
            )));
        }
        if let Err(message) = base_url(&traces.endpoint) {
            faults.push(at(Fault::at("endpoint", message)));
        }
    }
    if observe.analytics.enabled && (observe.analytics.step.0.is_zero() || observe.analytics.steps == 0) {
        let message = "neither `step` nor `steps` can be 0; write `enabled: false` for none";
        faults.push(Fault::at("analytics", message).under("observe"));
    }
    if config.cache.max_answer > config.cache.max_size {
        let message = format!("`{}` is more than `max_size`", config.cache.max_answer);
        faults.push(Fault::at("max_answer", message).under("cache"));
    }
}
