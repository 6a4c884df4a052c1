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
mod binding;
mod connections;
mod faults;
mod parity;
mod petshop;
mod policies;
mod progenitor;
mod properties;
mod secure;
mod support;
mod surface;
mod tokens;
mod vectors;

// What the generator makes of a foreign spec. It names its neighbours from the root of the crate that it is put into.
#[rustfmt::skip]
#[path = "../../../openapi/codegen/tests/golden/petshop/operations.rs"]
#[allow(dead_code)]
mod operations;
#[rustfmt::skip]
#[path = "../../../openapi/codegen/tests/golden/petshop/client.rs"]
#[allow(dead_code)]
mod petshop_client;
#[rustfmt::skip]
#[path = "../../../openapi/codegen/tests/golden/petshop/resources.rs"]
#[allow(dead_code)]
mod resources;
#[rustfmt::skip]
#[path = "../../../openapi/codegen/tests/golden/petshop/types.rs"]
#[allow(dead_code)]
mod types;
