//! The proxy on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod cut;
mod dns;
mod faults;
mod frames;
mod guards;
mod http2;
mod identity;
mod listeners;
mod normal;
mod redis;
mod reread;
mod retry;
mod secure;
mod smuggle;
mod sticky;
mod support;
mod swap;
mod upstreams;
mod wire;
