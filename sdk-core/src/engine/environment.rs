//! Settings from the environment, read through a function so that this is the same where there is no environment. Every mistake is reported, not
//! only the first.

use super::credentials::Credentials;
use super::error::Error;
use super::redact::Secret;

/// What the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// `WAYPOST_BASE_URL`.
    pub base_url: Option<String>,
    /// `WAYPOST_API_KEY`.
    pub api_key: Option<Secret>,
    /// `WAYPOST_ACCESS_TOKEN`.
    pub access_token: Option<Secret>,
    /// `WAYPOST_CLIENT_ID`.
    pub client_id: Option<String>,
    /// `WAYPOST_CLIENT_SECRET`.
    pub client_secret: Option<Secret>,
    /// `WAYPOST_TENANT`.
    pub tenant: Option<String>,
    /// `WAYPOST_LOG`: a level, or a filter as `tracing` reads it.
    pub log: Option<String>,
    /// `WAYPOST_CA_BUNDLE`: the path of a PEM file of further authorities.
    pub ca_bundle: Option<String>,
    /// The usual proxy variables.
    pub proxies: Proxies,
}

/// The usual proxy variables, in lower or upper case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `http_proxy`.
    pub http: Option<Secret>,
    /// `HTTPS_PROXY`, `https_proxy`.
    pub https: Option<Secret>,
    /// `ALL_PROXY`, `all_proxy`.
    pub all: Option<Secret>,
    /// `NO_PROXY`, `no_proxy`.
    pub none: Option<String>,
}

impl Environment {
    /// Reads the environment through `lookup`.
    ///
    /// # Errors
    /// [`Error::Config`] that names every variable that is wrong, and never a secret's value.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            base_url: get("WAYPOST_BASE_URL"),
            api_key: get("WAYPOST_API_KEY").map(Secret::new),
            ..Self::default()
        })
    }

    /// The credentials among the settings.
    pub fn credentials(&self) -> Credentials {
        let mut credentials = Credentials::none();
        if let Some(key) = &self.api_key {
            credentials = credentials.with_header("x-api-key", key.clone());
        }
        if let Some(token) = &self.access_token {
            credentials = credentials.with_bearer(token.clone());
        }
        credentials
    }
}
