//! Signing in: with a password on our own page, and with others who vouch for a person.
//!
//! ```text
//! page        the sign-in page and its form
//! flow        to the provider and back: state, nonce, PKCE
//!   provider    who, where, and what its answers look like
//!   discovery   an OIDC provider's metadata and keys, cached
//!   id_token    what an OIDC provider signed
//!   profile     what a plain OAuth 2 provider says when asked
//! account     whose account it is: found, linked, made, or none
//! ```
//!
//! Promises: a `state` is good once, for ten minutes, in the browser that it was given to. Nobody is signed in, and no account is made, unless the provider's
//! answer is whole and verified. An account is never taken over because an e-mail address is the same: its owner links the provider.

mod account;
mod discovery;
mod flow;
mod id_token;
mod page;
mod profile;
mod provider;
mod storage;

pub(crate) use provider::{Providers, is_known};

/// Whom a provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Person {
    /// The provider's own name for the person, which never changes.
    subject: String,
    /// An address that the provider has verified.
    email: Option<String>,
    name: Option<String>,
}

/// Why nobody was signed in: what the person reads, and what the log says besides.
#[derive(Debug)]
struct Refusal {
    status: http::StatusCode,
    title: &'static str,
    detail: String,
}

impl Refusal {
    fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
        Self { status, title, detail: detail.into() }
    }

    /// The provider did not answer, or not as it should.
    fn provider(label: &str, reason: impl std::fmt::Display) -> Self {
        tracing::warn!(provider = label, %reason, "a provider's answer was refused");
        Self::new(
            502,
            "That did not work",
            format!("{label} did not answer as it should: {reason}. Nobody was signed in; try again later."),
        )
    }
}
