//! API keys: credentials for programs. The secret is `wp_<id>_<random>`; only a keyed hash of it is kept.
//!
//! What does not live here: checking a key that comes with a request (`auth::authenticate`).

pub(crate) mod handler;
pub(crate) mod rules;
pub(crate) mod storage;
mod usage;

pub(crate) use usage::Usage;
