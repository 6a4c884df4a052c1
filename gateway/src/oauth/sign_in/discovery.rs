//! An OIDC provider's metadata (OpenID Connect Discovery 1.0) and keys, asked through the guarded client and kept for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, header};
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::outbound::{Outbound, OutboundError, Question};

/// How long an answer is kept.
const FRESH: Duration = Duration::from_secs(3_600);

/// How soon keys are asked for again for a name that is not among them: tokens with made-up names must not become questions.
const AGAIN: Duration = Duration::from_secs(30);

/// What is taken of the metadata.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Why a provider cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("its {what} has the status {status}")]
    Status { what: &'static str, status: u16 },
    #[error("its {what} cannot be read")]
    Form { what: &'static str },
    #[error("its metadata is that of another issuer")]
    Issuer,
    #[error("it has no issuer in the configuration")]
    NoIssuer,
}

/// What is kept of one provider.
#[derive(Debug)]
pub(super) struct Discovered {
    issuer: Option<String>,
    outbound: Outbound,
    metadata: Mutex<Option<(Instant, Arc<Metadata>)>>,
    keys: Mutex<Option<(Instant, Arc<JwkSet>)>>,
}

impl Discovered {
    pub(super) fn new(issuer: Option<String>, outbound: Outbound) -> Self {
        Self { issuer, outbound, metadata: Mutex::default(), keys: Mutex::default() }
    }

    /// The metadata. Those who come while it is asked for wait for the one answer.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, DiscoveryError> {
        let mut kept = self.metadata.lock().await;
        if let Some((since, metadata)) = kept.as_ref()
            && since.elapsed() < FRESH
        {
            return Ok(Arc::clone(metadata));
        }
        let issuer = self.issuer.as_deref().ok_or(DiscoveryError::NoIssuer)?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let metadata: Metadata = ask(&self.outbound, &url, "metadata").await?;
        // Anybody can publish a document that names another; Microsoft's for all tenants names a pattern.
        if metadata.issuer != issuer && !is_pattern_of(&metadata.issuer, issuer) {
            return Err(DiscoveryError::Issuer);
        }
        let metadata = Arc::new(metadata);
        *kept = Some((Instant::now(), Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// The keys, asked for again if none has this name, but not too often.
    pub(super) async fn keys(&self, kid: Option<&str>) -> Result<Arc<JwkSet>, DiscoveryError> {
        let uri = self.metadata().await?.jwks_uri.clone();
        let mut kept = self.keys.lock().await;
        if let Some((since, keys)) = kept.as_ref() {
            let known = kid.is_none_or(|kid| keys.find(kid).is_some());
            let patience = if known { FRESH } else { AGAIN };
            if since.elapsed() < patience {
                return Ok(Arc::clone(keys));
            }
        }
        // Keys of a kind that is not known yet must not make the rest useless.
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<serde_json::Value>,
        }
        let read: Keys = ask(&self.outbound, &uri, "key set").await?;
        let keys = read.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        let keys = Arc::new(JwkSet { keys });
        *kept = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }
}

/// `https://login.microsoftonline.com/{tenantid}/v2.0` of `…/common/v2.0`.
pub(super) fn is_pattern_of(pattern: &str, issuer: &str) -> bool {
    ["common", "organizations", "consumers"].iter().any(|all| {
        issuer.replace(&format!("/{all}/"), "/{tenantid}/") == pattern && pattern.contains("{tenantid}")
    })
}

async fn ask<T: serde::de::DeserializeOwned>(
    outbound: &Outbound,
    url: &str,
    what: &'static str,
) -> Result<T, DiscoveryError> {
    let question = Question::new(Method::GET, url)?.header(header::ACCEPT, "application/json");
    let answer = outbound.ask(question).await?;
    if !answer.status.is_success() {
        return Err(DiscoveryError::Status { what, status: answer.status.as_u16() });
    }
    serde_json::from_slice(&answer.body).map_err(|_| DiscoveryError::Form { what })
}
