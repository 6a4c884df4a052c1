//! The Waypost gateway as a library: everything that the binary does, so that tests and other programs can start it in process.
//!
//! Each resource is one module with up to three parts: `rules` (pure), `storage` (SQL) and `handler` (the generated trait).
//! `http` is the pipeline that every request walks, `data_plane` puts the one of `waypost-proxy` in front of it; `store` is the only place that knows the database's dialect.

pub mod cli;
pub mod config;
pub mod gateway;
pub mod http;
pub mod outbound;
pub mod secrets;
pub mod store;
pub mod telemetry;

pub mod ledger;

pub mod oauth;

mod api_keys;
mod auth;
mod browser;
mod data_plane;
mod metadata;
mod oauth_clients;
mod payments;
mod sessions;
mod system;
mod transactions;
mod wallets;

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
pub mod generated;

pub use config::Config;
pub use gateway::{Gateway, StartError};
