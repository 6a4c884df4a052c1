//! Service tokens: credentials of services. Unlike an API key a token is sent as `Authorization: Bearer`, and always expires. The secret is
//! `wps_<id>_<random>`; only a keyed hash of it is kept.
//!
//! What does not live here: checking a token that comes with a request (`auth::authenticate`).

mod handler;
pub(crate) mod rules;
pub(crate) mod storage;
