//! The resolver: names to addresses, and of these only what may be connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// Where names are looked up.
pub(super) trait Lookup: Send + Sync + 'static {
    /// The addresses of a name, as they are.
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The system's own resolver.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A name that leads to nothing that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to addresses that may not be connected to")]
struct Refusal;

/// Lets pass what is public, or allowed. The connection is made to what passed, and the name is not looked up again for it.
pub(super) struct Guarded<L> {
    lookup: L,
    allowed: Arc<[IpNet]>,
}

impl<L> Guarded<L> {
    pub(super) fn new(lookup: L, allowed: Vec<IpNet>) -> Self {
        Self { lookup, allowed: allowed.into() }
    }
}

impl<L: Lookup> Resolve for Guarded<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let passed: Vec<SocketAddr> = found
                .await?
                .into_iter()
                .filter(|address| address::is_allowed(*address, &allowed))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            match passed.is_empty() {
                true => Err(Refusal.into()),
                false => Ok(Box::new(passed.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether a request failed since the resolver let nothing pass.
pub(super) fn is_refusal(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Refusal>() {
            return true;
        }
        cause = error.source();
    }
    false
}
