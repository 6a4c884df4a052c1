//! Who calls: accounts, sign-in, tokens, and from a request's headers to its caller.
//!
//! Three credentials exist. An *access token* is a short JWT of a session or of a grant to an OAuth client; it is verified by signature and then by what it is of, so an ended
//! one is refused at once and not when its token expires. An *API key* and a *service token* name themselves and are compared with a keyed hash.
//! Whom a look-up found is remembered; a change of a session, a key or a grant takes effect with the answer that acknowledges it ([`known`]), and
//! within seconds in other processes ([`changes`]).
//!
//! What does not live here: managing sessions (`sessions`) and API keys (`api_keys`), and whether a caller may do what it
//! asks for (`http::permits`, by the contract's `x-permission`).

pub(crate) mod attempts;
mod authenticate;
pub(crate) mod changes;
mod handler;
pub(crate) mod known;
pub(crate) mod roles;
pub(crate) mod rules;
pub(crate) mod storage;
mod tokens;

use std::sync::atomic::AtomicI64;

use crate::config::Config;
use crate::secrets::Secrets;
use crate::secrets::password::{PasswordError, Passwords};

pub(crate) use authenticate::{authenticate, identity_of};
use known::Known;
pub(crate) use tokens::{AccessTokens, TokenError};

/// The state of authentication.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) passwords: Passwords,
    pub(crate) tokens: AccessTokens,
    /// Sessions, API keys, service tokens and grants.
    pub(crate) known: Known,
    /// When the newest change of a credential was made that this process knows of.
    seen: AtomicI64,
}

/// Why authentication could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The parameters of `[passwords]` do not fit together.
    #[error("[passwords]: {0}")]
    Passwords(#[from] PasswordError),
    /// The signing key could not be made.
    #[error("the signing key cannot be used: {0}")]
    Signing(#[from] TokenError),
}

impl Auth {
    /// Takes one password hash's time (tens of milliseconds).
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Result<Self, AuthError> {
        Ok(Self {
            passwords: Passwords::new(&config.passwords)?,
            tokens: AccessTokens::new(&secrets.signing_seed(), config.tokens.access_lifetime)?,
            known: Known::default(),
            // Nothing is remembered yet.
            seen: AtomicI64::new(jiff::Timestamp::now().as_microsecond()),
        })
    }
}
