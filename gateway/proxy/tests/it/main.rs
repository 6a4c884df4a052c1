//! The proxy on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod dns;
mod faults;
mod listeners;
mod normal;
mod redis;
mod reread;
mod secure;
mod sticky;
mod support;
mod swap;
mod wire;
