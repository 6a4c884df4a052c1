//! What an authorization server says about a refusal.

use std::fmt;

use crate::engine::document;
use crate::engine::redact;

/// The longest text of a server's that is kept.
const LONGEST: usize = 500;

/// An error answer of an authorization server (RFC 6749, section 5.2). It is beside the message of an [`Error::OAuth`](crate::Error::OAuth).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// The RFC's word: `invalid_grant`, `invalid_client`, `access_denied`. `None`: the server gave none, or there was no answer of its.
    pub error: Option<String>,
    /// What the server says about it.
    pub error_description: Option<String>,
    /// Where the server says more.
    pub error_uri: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
}

impl OAuthError {
    /// Reads the body of an error answer, whatever it is. `secrets` are taken out of its texts.
    pub fn read(status: u16, body: &[u8], secrets: &[&str]) -> Self {
        let members = document::object(body).unwrap_or_default();
        let text = |name: &str| {
            let value = members.iter().rfind(|(key, _, _)| key == name).map(|(_, value, _)| value)?;
            let text = value.text()?.trim();
            let text: String = text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
            (!text.is_empty()).then(|| redact::scrub(&text, secrets))
        };
        Self {
            error: text("error"),
            error_description: text("error_description"),
            error_uri: text("error_uri"),
            status: Some(status),
        }
    }

    /// An error that came by another way than an answer: the redirect of an authorization, say.
    pub fn of(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }

    /// The members that are known.
    pub(crate) fn describe(&self) -> Option<String> {
        let error = self.error.as_deref()?;
        Some(match &self.error_description {
            Some(said) => format!("{error}: {}", said.trim_end_matches('.')),
            None => error.to_owned(),
        })
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.describe().as_deref().unwrap_or("no error code"))
    }
}
