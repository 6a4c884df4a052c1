//! The generator as its users meet it: what it reads, what it refuses, what it writes, and that the output works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cli;
mod golden;
mod growth;
mod lint;
mod load;
mod model;
mod petshop_server;
mod petshop_types;
mod python;
mod robustness;
mod typescript;

// Generated code names its types by their place in the crate, so the golden server stands at the root as it would in its user's crate.
#[rustfmt::skip]
#[path = "../golden/petshop/server/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
mod server;
#[rustfmt::skip]
#[path = "../golden/petshop/types.rs"]
#[allow(dead_code, clippy::duplicate_mod)]
mod types;
