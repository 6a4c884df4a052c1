//! The gateway from outside: every test starts a real one and speaks HTTP with it.

#![allow(unreachable_pub, reason = "what the modules of one test binary share is no API")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; clippy knows only the test functions themselves as tests"
)]

mod api_keys;
mod attempts;
mod audit;
mod auth;
mod browser;
mod cli;
mod config;
mod control;
mod crash;
mod data_plane;
mod events;
mod example;
mod http_caching;
mod http_cors;
mod http_idempotency;
mod http_input;
mod http_limits;
mod http_permissions;
mod http_protocol;
mod http_walk;
mod identity;
mod ledger_concurrency;
mod ledger_lists;
mod ledger_random;
mod ledger_rules;
mod medcards;
mod oauth_clients;
mod oauth_grants;
mod oauth_refusals;
mod oauth_rfc9700;
mod oauth_sdk;
mod oauth_sign_in;
mod realtime;
mod sdk_sign_in;
mod support;
mod system;
mod tenant_walk;
mod users;
mod versions;
