//! The SDK against real sockets: every fault a network has, on both transports; the client's own surface; and the parity of its two typed clients.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails is to say where"
)]

mod answers;
mod behaviour;
mod connections;
mod faults;
mod parity;
mod policies;
mod progenitor;
mod properties;
mod secure;
mod support;
mod surface;
mod vectors;
