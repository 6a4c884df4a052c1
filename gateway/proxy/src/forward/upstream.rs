//! A service as the forwarder sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoint::Endpoint;
use super::retry::Budget;
use super::tls;
use crate::config::{Fault, HostHeader, Retry, Service, Target, Timeouts};

/// A service.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: Retry,
    pub(crate) host: HostHeader,
    pub(crate) budget: Budget,
    endpoints: Vec<Arc<Endpoint>>,
    next: AtomicUsize,
}

impl Upstream {
    /// From what was written of it.
    pub(crate) fn new(service: &Service) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let tls = tls::client(&service.tls, service.http2)
            .map(Arc::new)
            .map_err(|fault| faults.push(fault.under("tls")))
            .ok();
        let mut endpoints = Vec::new();
        for (index, target) in service.targets.iter().enumerate() {
            let url = match target {
                Target::Url(url) => url,
                Target::Weighted(target) => &target.url,
            };
            match Endpoint::new(url, service, tls.as_ref()) {
                Ok(endpoint) => endpoints.push(Arc::new(endpoint)),
                Err(message) => faults.push(Fault::at(index, message).under("targets")),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            timeouts: service.timeouts.clone(),
            retry: service.retry.clone(),
            host: service.host,
            budget: Budget::new(service.retry.budget),
            endpoints,
            next: AtomicUsize::new(0),
        })
    }

    /// The target for a request.
    pub(crate) fn pick(&self) -> Option<Arc<Endpoint>> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.endpoints.get(next.checked_rem(self.endpoints.len())?).cloned()
    }
}
