//! An OAuth client: who asks for tokens, where, and with what it begins.

use super::set::TokenSet;
use crate::engine::redact::Secret;

/// Who gets access tokens for the calls of a client.
///
/// ```
/// use waypost::oauth::OAuthClient;
/// let machine = OAuthClient::new("ocl_1").with_secret("wps_secret").with_scope("wallets:read");
/// assert!(!format!("{machine:?}").contains("wps_secret"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthClient {
    /// Its public id.
    pub id: Option<String>,
    /// Its secret; without one it is a public client, which gets no tokens for itself but refreshes those that it was given.
    pub secret: Option<Secret>,
    /// What is asked for, words with a blank between them; `None`: what the server gives.
    pub scope: Option<String>,
    /// The token endpoint; `None`: `/oauth/token` under the base URL.
    pub token_url: Option<String>,
    /// What it begins with.
    pub tokens: Option<TokenSet>,
}

impl OAuthClient {
    /// A client of this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// Its secret.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// What is asked for.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The token endpoint.
    #[must_use]
    pub fn with_token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// What it begins with.
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenSet) -> Self {
        self.tokens = Some(tokens);
        self
    }
}
