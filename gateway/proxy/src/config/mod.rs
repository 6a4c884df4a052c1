//! What an integrator writes: the configuration's form, one YAML file or the same made in code. Every field has a default that works; the smallest useful
//! file is one service with one target and one route.
//!
//! ```yaml
//! services:
//!   orders: { targets: ["http://127.0.0.1:9001"] }
//! routes:
//!   - { name: orders, match: { path: /api/orders/* }, service: orders }
//! ```
//!
//! The types here hold what was written, no more; what they mean is compiled in the room that carries it out.

pub mod check;
mod fault;
pub(crate) mod files;
mod form;
mod identity;
mod limit;
mod listener;
mod observe;
mod part;
mod read;
mod route;
mod service;
mod value;
pub mod watch;
mod yaml;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::check;
pub use fault::{Fault, Level, Mark, Step};
pub(crate) use form::no_such;
pub use identity::*;
pub use limit::*;
pub use listener::*;
pub use observe::*;
pub use part::Part;
pub use read::{Faulty, Read, read, read_file, read_with, schema};
pub(crate) use read::{read_list, read_value};
pub use route::*;
pub use service::*;
pub use value::*;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where connections come in; one on 127.0.0.1:8080 when none is given.
    pub listeners: Vec<Listener>,
    /// What requests are forwarded to, by name.
    pub services: BTreeMap<String, Service>,
    /// Which request goes where.
    pub routes: Vec<Route>,
    /// How callers prove who they are, by name; a route names those that it accepts.
    pub identity: Identity,
    /// How often callers may call.
    pub limits: Limits,
    /// Versions of an API, by name (`v1`).
    pub versions: Versions,
    /// Answers that are kept.
    pub cache: CacheStore,
    /// Metrics, logs, traces and analytics.
    pub observe: Observe,
    /// Whose word on the client's address is believed: `X-Forwarded-For` of these networks only (CIDR).
    pub trusted_proxies: Vec<String>,
}
