//! Who calls, in which tenant, and with which permission; and what services are told of it.
//!
//! A provider knows one kind of credentials. A route's [`Access`] asks its providers in order: the first whose credentials a request carries decides, and
//! none is asked after it, so that a bad token cannot hide behind a good key. What services are told stands in headers that no client can set
//! ([`strip`], [`forward`]).

mod access;
mod callers;
mod headers;
mod jwks;
mod jwt;
mod keys;
mod nonce;
mod permission;
mod signature;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

pub use access::{Access, Around};
pub use headers::{forward, strip};
pub(crate) use headers::{is_ours, is_told};
pub use jwks::Jwks;
pub use jwt::JwtProvider;
pub use keys::KeysProvider;
pub use nonce::Nonces;
pub use permission::allows;
pub use signature::{SignatureProvider, string_to_sign};

use crate::config::{self, Fault};

/// Fetches a document for a policy: JWKS. Who implements it bounds time and size, and trusts what it should.
pub trait Fetch: Send + Sync + 'static {
    /// The body of a 200 answer, or why there is none.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<bytes::Bytes, String>>;
}

/// What outlives a snapshot: fetched keys, and nonces that were seen.
#[derive(Debug, Default)]
pub struct Memory {
    jwks: Mutex<HashMap<String, Arc<Jwks>>>,
    nonces: Mutex<HashMap<String, Arc<Nonces>>>,
}

impl Memory {
    fn jwks(&self, url: &str) -> Arc<Jwks> {
        let mut known = self.jwks.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(url.to_owned()).or_insert_with(|| Arc::new(Jwks::at(url))).clone()
    }

    fn nonces(&self, provider: &str) -> Arc<Nonces> {
        let mut known = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(provider.to_owned()).or_default().clone()
    }
}

/// The providers, compiled.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    providers: HashMap<String, Arc<Provider>>,
}

#[derive(Debug)]
enum Provider {
    Jwt(JwtProvider),
    Keys(KeysProvider),
    Signature(SignatureProvider),
    Platform,
    /// It has a fault: a configuration with one is not used, and if it were, nobody would pass here.
    Broken,
}

impl Identity {
    /// For a configuration's `identity`. Files are read here.
    ///
    /// The faults are under `identity`; a provider with one lets nobody pass.
    pub fn new(identity: &config::Identity, memory: &Memory) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut providers = HashMap::new();
        for (name, provider) in &identity.providers {
            let made = match provider {
                config::Provider::Jwt(jwt) => {
                    JwtProvider::new(jwt, memory).map(Provider::Jwt).map_err(|fault| fault.under("jwt"))
                }
                config::Provider::Keys(keys) => {
                    KeysProvider::new(keys).map(Provider::Keys).map_err(|fault| fault.under("keys"))
                }
                config::Provider::Signature(signature) => {
                    SignatureProvider::new(signature, memory.nonces(name))
                        .map(Provider::Signature)
                        .map_err(|fault| fault.under("signature"))
                }
                config::Provider::Platform {} => Ok(Provider::Platform),
            };
            let provider = made.unwrap_or_else(|fault| {
                faults.push(fault.under(name.as_str()).under("providers").under("identity"));
                Provider::Broken
            });
            providers.insert(name.clone(), Arc::new(provider));
        }
        (Self { providers }, faults)
    }
}
