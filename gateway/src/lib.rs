//! The Waypost gateway as a library: everything that the binary does, so that tests and other programs can start it in process.
//!
//! Each resource is one module with up to three parts: `rules` (pure), `storage` (SQL) and `handler` (the generated trait).
//! Every request walks the pipeline of `waypost-proxy`, which `data_plane` puts in front, and one to the gateway's own API then that of `http`; `control` is what holds in it and who may change that;
//! `store` is the only place that knows the database's dialect.

pub mod cli;
pub mod config;
pub mod data_plane;
pub mod events;
pub mod gateway;
pub mod http;
pub mod outbound;
pub mod secrets;
pub mod store;
pub mod telemetry;

pub mod ledger;

pub mod oauth;

mod analytics;
mod api_keys;
mod audit;
mod auth;
mod breakers;
mod browser;
mod claims;
mod configuration;
mod control;
mod medcards;
mod metadata;
mod oauth_clients;
mod payments;
mod permissions;
mod rate_limits;
mod realtime;
mod roles;
mod routes;
mod service_tokens;
mod services;
mod sessions;
mod system;
mod tenants;
mod transactions;
mod users;
mod versions;
mod wallets;

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
pub mod generated;

pub use config::Config;
pub use data_plane::DataPlane;
pub use gateway::{Gateway, StartError};
