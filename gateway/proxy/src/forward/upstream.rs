//! A service as the forwarder sees it: how one speaks to its targets. Which of them it is, and how they are, is the matter of [`Service`].

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;

use super::endpoint::Endpoint;
use super::failure::What;
use super::tls;
use crate::breaker::{self, Breaker};
use crate::config::files::{Looks, looks_of};
use crate::config::{self, Fault};
use crate::upstream::{self, Service, Target};

/// A service, checked; it becomes an [`Upstream`] once the whole configuration is good.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) targets: upstream::Policy,
    pub(crate) breaker: breaker::Policy,
    files: Looks,
    tls: Option<Arc<ClientConfig>>,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) service: Arc<Service>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) written: config::Service,
    /// The files that it names, as they were read.
    files: Looks,
    tls: Option<Arc<ClientConfig>>,
    endpoints: ArcSwap<HashMap<Arc<str>, Arc<Endpoint>>>,
}

impl Draft {
    /// From what was written of it.
    pub(crate) fn new(service: &config::Service) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let files = looks_of(service);
        let targets = upstream::Policy::new(service).map_err(|found| faults.extend(found)).ok();
        let breaker = breaker::Policy::new(&service.breaker)
            .map_err(|found| faults.extend(found.into_iter().map(|fault| fault.under("breaker"))))
            .ok();
        // The system's certificates are many: they are only read where they can be of use.
        let secure =
            service.discover.is_some()
                || service.targets.iter().any(|target| {
                    let (config::Target::Url(url)
                    | config::Target::Weighted(config::WeightedTarget { url, .. })) = target;
                    url.starts_with("https:")
                });
        let tls = if secure {
            tls::client(&service.tls, service.http2)
                .map_err(|fault| faults.push(fault.under("tls")))
                .ok()
                .map(Arc::new)
        } else {
            None
        };
        match (targets, breaker) {
            (Some(targets), Some(breaker)) if faults.is_empty() => Ok(Self { targets, breaker, files, tls }),
            _ => Err(faults),
        }
    }
}

impl Upstream {
    /// A service at work.
    pub(crate) fn new(
        service: Arc<Service>,
        breaker: Arc<Breaker>,
        written: &config::Service,
        (files, tls): (Looks, Option<Arc<ClientConfig>>),
    ) -> Self {
        let endpoints = ArcSwap::from_pointee(HashMap::new());
        Self { service, breaker, written: written.clone(), files, tls, endpoints }
    }

    /// Whether it was made of just this, files and all.
    pub(crate) fn is_made_of(&self, written: &config::Service, draft: &Draft) -> bool {
        self.written == *written && self.files == draft.files
    }

    /// How one speaks to a target.
    pub(crate) fn endpoint(&self, target: &Target) -> Result<Arc<Endpoint>, What> {
        let endpoints = self.endpoints.load();
        // A service with one target, as most have, needs no hash to find it.
        let only = endpoints.iter().next().filter(|(key, _)| Arc::ptr_eq(key, target.key()));
        if let Some(known) = only.map(|(_, known)| known).or_else(|| endpoints.get(target.key())) {
            return Ok(Arc::clone(known));
        }
        drop(endpoints);
        let made = Endpoint::new(target, &self.written, self.tls.as_ref()).map_err(What::Connect)?;
        let made = Arc::new(made);
        self.endpoints.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(Arc::clone(target.key())).or_insert_with(|| Arc::clone(&made));
            known
        });
        Ok(self.endpoints.load().get(target.key()).map_or(made, Arc::clone))
    }
}

impl Draft {
    /// The files that were read, and what is needed to speak TLS to the targets.
    pub(crate) fn read(&self) -> (Looks, Option<Arc<ClientConfig>>) {
        (self.files.clone(), self.tls.clone())
    }
}
