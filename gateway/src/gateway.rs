//! The gateway's state: one value, shared by every request, that the generated traits are implemented on.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::HeaderMap;

use crate::config::Config;
use crate::http::{Caller, Error};
use crate::secrets::{Secrets, SecretsError};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Everything that a handler needs. Opened once, shared by `Arc`.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
    pub(crate) metrics: Metrics,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key is missing, unreadable or of the wrong form.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl Gateway {
    /// The effective configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The store, for tools and tests that look under the surface.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Finds out who calls: `Authorization: Bearer` (a token of `auth_login`) or `X-API-Key`.
    /// Without either the caller is `Anonymous`; with a bad one, or with both, it is an error and never `Anonymous`.
    pub async fn authenticate(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Error> {
        crate::auth::authenticate(self, headers, peer).await
    }
}
