//! The programs that may ask people of this gateway for access, or get tokens by themselves: registered, listed, taken away. What they do with it is
//! `oauth::server`.

mod handler;
mod rules;
pub(crate) mod storage;

/// What client secrets are hashed for.
pub(crate) const SECRET_HASH: &str = "oauth client secret";
