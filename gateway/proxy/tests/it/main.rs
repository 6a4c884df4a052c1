//! The proxy on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod faults;
mod frames;
mod http2;
mod identity;
mod normal;
mod secure;
mod smuggle;
mod support;
mod swap;
mod wire;
