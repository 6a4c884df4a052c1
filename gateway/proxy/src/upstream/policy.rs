//! What was written of a service, checked.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

use super::{dns, sticky};
use crate::config::{self, Fault};

/// What was written of a service's targets and their health, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(super) targets: Vec<Spec>,
    pub(super) discover: Option<config::Discovery>,
    pub(super) balance: config::Balance,
    pub(super) active: Option<config::ActiveHealth>,
    pub(super) passive: config::PassiveHealth,
    pub(super) budget: f64,
    /// Of sticky cookies, where one is written down.
    pub(super) key: Option<sticky::Key>,
}

/// A target as somebody names it: a file, the DNS.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    /// Its base URL, with the name that it is known by.
    pub(super) url: Uri,
    /// Where that is, if it is known already.
    pub(super) address: Option<IpAddr>,
    pub(super) weight: u16,
    /// Lower ones first; a higher one only while no lower one can take requests.
    pub(super) priority: u16,
}

impl Spec {
    pub(super) fn new(target: &config::Target) -> Result<Self, Fault> {
        let (url, weight) = match target {
            config::Target::Url(url) => (url, 1),
            config::Target::Weighted(target) => (&target.url, target.weight),
        };
        Ok(Self { url: base(url)?, address: None, weight, priority: 0 })
    }

    /// What tells it from others: its URL, with the address in it where that is known.
    pub(super) fn key(&self) -> String {
        let path = self.url.path().trim_end_matches('/');
        let scheme = self.url.scheme_str().unwrap_or("http");
        match (self.address, self.url.authority()) {
            (Some(address), _) => {
                format!("{scheme}://{}{path}", std::net::SocketAddr::new(address, port(&self.url)))
            }
            (None, Some(authority)) => format!("{scheme}://{authority}{path}"),
            (None, None) => format!("{scheme}://{path}"),
        }
    }
}

/// The port of a URL, its scheme's own where it names none.
pub(super) fn port(url: &Uri) -> u16 {
    url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 })
}

/// A base URL: scheme, host, perhaps a path.
fn base(url: &str) -> Result<Uri, Fault> {
    let wrong = || Fault::new(format!("`{url}` is no base URL; write http://host:port or https://host"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain =
        uri.query().is_none() && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if known && plain && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(wrong()) }
}

fn part(value: f64, name: &str) -> Result<(), Fault> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(Fault::at(name, "is a part: 0 to 1")) }
}

impl Policy {
    /// From what was written.
    ///
    /// # Errors
    /// Everything that is wrong: URLs that are none, times of none, parts outside of 0 to 1.
    pub fn new(config: &config::Service) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut targets: Vec<Spec> = Vec::new();
        for (index, target) in config.targets.iter().enumerate() {
            match Spec::new(target) {
                Ok(spec) if targets.iter().any(|known| known.key() == spec.key()) => {
                    faults.push(Fault::at(index, "is there twice").under("targets"));
                }
                Ok(spec) => targets.push(spec),
                Err(fault) => faults.push(fault.under(index).under("targets")),
            }
        }
        if config.targets.is_empty() && config.discover.is_none() {
            faults
                .push(Fault::at("targets", "is empty, and `discover` is absent; one of them names a target"));
        }
        if !targets.is_empty() && config.discover.is_none() && targets.iter().all(|target| target.weight == 0)
        {
            faults.push(Fault::at("targets", "have no weight among them"));
        }
        let discover = config.discover.as_ref().and_then(|discovery| discovered(discovery).err());
        faults.extend(discover.map(|fault| fault.under("discover")));
        if let Some(active) = &config.health.active {
            faults.extend(asked(active).err().map(|fault| fault.under("active").under("health")));
        }
        let passive = &config.health.passive;
        if let Err(fault) = part(passive.max_ejected, "max_ejected") {
            faults.push(fault.under("passive").under("health"));
        }
        if passive.failures > 0 && passive.eject.0 < Duration::from_millis(1) {
            faults.push(Fault::at("eject", "is none; write 30s").under("passive").under("health"));
        }
        faults.extend(part(config.retry.budget, "budget").err().map(|fault| fault.under("retry")));
        if let config::Balance::Sticky(sticky) = &config.balance
            && (sticky.cookie.is_empty()
                || !sticky.cookie.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
        {
            faults.push(Fault::at("cookie", "is no name of a cookie").under("sticky").under("balance"));
        }
        let key = match &config.balance {
            config::Balance::Sticky(config::StickyCookie { key_file: Some(file), .. }) => {
                let wrong = |message| Fault::at("key_file", message).under("sticky").under("balance");
                sticky::Key::read(file).map_err(|message| faults.push(wrong(message))).ok()
            }
            _ => None,
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            targets,
            discover: config.discover.clone(),
            balance: config.balance.clone(),
            active: config.health.active.clone(),
            passive: passive.clone(),
            budget: config.retry.budget,
            key,
        })
    }
}

fn discovered(discovery: &config::Discovery) -> Result<(), Fault> {
    let often = |refresh: config::Time| {
        if refresh.0.is_zero() { Err(Fault::at("refresh", "is none; write 10s")) } else { Ok(()) }
    };
    let asked = |servers: &[String]| match servers.iter().position(|text| dns::server(text).is_none()) {
        Some(index) => {
            Err(Fault::at(index, "is no address of a DNS server; write 127.0.0.1:53").under("servers"))
        }
        None => Ok(()),
    };
    match discovery {
        config::Discovery::Dns(dns) => base(&dns.url)
            .map_err(|fault| fault.under("url"))
            .and_then(|_| often(dns.refresh))
            .and_then(|()| asked(&dns.servers))
            .map_err(|fault| fault.under("dns")),
        config::Discovery::Srv(srv) => match (srv.scheme.as_str(), srv.name.as_str()) {
            (_, "") => Err(Fault::at("name", "is empty; write _http._tcp.orders.internal")),
            ("http" | "https", _) => often(srv.refresh).and_then(|()| asked(&srv.servers)),
            _ => Err(Fault::at("scheme", "is `http` or `https`")),
        }
        .map_err(|fault| fault.under("srv")),
        config::Discovery::File(file) => often(file.refresh).map_err(|fault| fault.under("file")),
    }
}

fn asked(active: &config::ActiveHealth) -> Result<(), Fault> {
    part(active.jitter, "jitter")?;
    if active.interval.0.is_zero() {
        return Err(Fault::at("interval", "is none; write 5s"));
    }
    if active.timeout.0.is_zero() {
        return Err(Fault::at("timeout", "is none; write 2s"));
    }
    if active.statuses.0 > active.statuses.1 {
        return Err(Fault::at("statuses", "end before they begin"));
    }
    if active.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        return Err(Fault::at("path", "begins with no `/`"));
    }
    Ok(())
}
