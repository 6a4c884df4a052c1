//! A token set: what a token endpoint granted, as it is used and as it is kept.

use std::fmt;

use crate::engine::document::{self, Document};
use crate::engine::error::Error;
use crate::engine::redact::{REDACTED, Secret};

/// What a token endpoint granted (RFC 6749, section 5.1). In a store it is a JSON object of exactly these members.
///
/// ```
/// use waypost::oauth::TokenSet;
/// let tokens = TokenSet::parse(br#"{"access_token": "at-1", "token_type": "Bearer", "expires_at": 1700000900, "refresh_token": "rt-1"}"#)?;
/// assert_eq!(tokens.expires_at, Some(1_700_000_900));
/// assert!(!format!("{tokens:?}").contains("at-1"));
/// # Ok::<(), waypost::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenSet {
    /// Sent as `Authorization: Bearer`.
    pub access_token: Secret,
    /// `Bearer`; nothing else is ever sent.
    pub token_type: String,
    /// When the access token ends, in seconds since 1970; `None`: nobody said.
    pub expires_at: Option<u64>,
    /// What further access tokens are got for.
    pub refresh_token: Option<Secret>,
    /// What was granted, words with a blank between them; `None`: what was asked for.
    pub scope: Option<String>,
}

impl TokenSet {
    /// An access token of which nothing else is known.
    pub fn new(access_token: impl Into<Secret>) -> Self {
        Self {
            access_token: access_token.into(),
            token_type: "Bearer".to_owned(),
            expires_at: None,
            refresh_token: None,
            scope: None,
        }
    }

    /// When the access token ends, in seconds since 1970.
    #[must_use]
    pub const fn with_expires_at(mut self, seconds: u64) -> Self {
        self.expires_at = Some(seconds);
        self
    }

    /// What further access tokens are got for.
    #[must_use]
    pub fn with_refresh_token(mut self, token: impl Into<Secret>) -> Self {
        self.refresh_token = Some(token.into());
        self
    }

    /// What was granted.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Reads the form that stores keep. Members that it does not know are passed over, so that a later version's file can be read.
    ///
    /// # Errors
    /// [`Error::Config`] when it is no such object. The text is not repeated.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let members =
            document::object(json).ok_or_else(|| Error::config("the token set is not a JSON object"))?;
        let members = members.into_iter().map(|(name, value, _)| (name, value)).collect();
        Self::read(&Document::Map(members)).map_err(|reason| Error::config(format!("the token set {reason}")))
    }

    /// What is wrong is told of the token set.
    pub(crate) fn read(document: &Document) -> Result<Self, &'static str> {
        let text = |name| document.member(name).and_then(Document::text).filter(|text| !text.is_empty());
        let token = text("access_token").ok_or("has no member `access_token`")?;
        let expires_at = match document.member("expires_at") {
            None | Some(Document::Null) => None,
            Some(value) => {
                Some(seconds(value).ok_or("has an `expires_at` that is no number of seconds since 1970")?)
            }
        };
        Ok(Self {
            access_token: token.into(),
            token_type: text("token_type").unwrap_or("Bearer").to_owned(),
            expires_at,
            refresh_token: text("refresh_token").map(Secret::from),
            scope: text("scope").map(str::to_owned),
        })
    }

    /// The form that stores keep, secrets included.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "access_token": self.access_token.expose(),
            "token_type": self.token_type,
            "expires_at": self.expires_at,
            "refresh_token": self.refresh_token.as_ref().map(Secret::expose),
            "scope": self.scope,
        })
        .to_string()
    }
}

/// Whole seconds of a number, or of a text that is one. What is after the point is dropped.
pub(super) fn seconds(value: &Document) -> Option<u64> {
    let (Document::Number(text) | Document::Text(text)) = value else { return None };
    let seconds: f64 = text.trim().parse().ok()?;
    // The cast saturates.
    (seconds >= 0.0).then_some(seconds as u64)
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSet")
            .field("access_token", &format_args!("{REDACTED}"))
            .field("token_type", &self.token_type)
            .field("expires_at", &self.expires_at)
            .field("refresh_token", &self.refresh_token)
            .field("scope", &self.scope)
            .finish()
    }
}
