//! The data plane: a reverse proxy that an integrator puts in front of their services. A library on hyper, usable without the rest of the gateway: no
//! database, no business, nothing of Waypost's own API.
//!
//! One configuration ([`config::Config`], a YAML file or the same thing made in code) is checked and compiled into one immutable snapshot. A request takes
//! the snapshot at its start and walks the pipeline; a new snapshot replaces the old without a lost request. What has to outlive a snapshot (the state of
//! breakers, health, connections, limits, the cache) belongs to the [`Proxy`] and is found by name.
//!
//! The rooms, in the order in which a request passes them:
//!
//! | room | what it decides |
//! | --- | --- |
//! | `listener` | connections: TCP, TLS, HTTP/1.1 and HTTP/2, PROXY protocol, drain |
//! | `pipeline` | the order of the stages; request id and trace; what is refused before anything is decided |
//! | `route` | which route takes a request and why; rewriting and redirects |
//! | `edge` | versions, CORS, addresses, HTTPS, headers, compression, transforms, validation |
//! | `identity` | who calls, in which tenant, with which permission; what services are told of it |
//! | `limit` | how often a caller may call |
//! | `cache` | answers that need not be asked for again |
//! | `breaker` | whether a service is asked at all |
//! | `upstream` | which target of a service: discovery, health, balancing |
//! | `forward` | the exchange with a target: pools, time limits, retries, upgrades |
//! | `observe` | what is counted, logged, traced and analysed |
//!
//! Policies are pure: time comes in as an argument.

pub mod body;
pub mod breaker;
pub mod cache;
pub mod config;
pub mod edge;
pub mod exchange;
mod explain;
mod forward;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod identity;
pub mod limit;
mod listener;
pub mod observe;
mod pipeline;
pub mod problem;
mod proxy;
mod reread;
pub mod route;
mod snapshot;
pub mod upstream;
mod visit;

pub use body::Body;
pub use config::Config;
pub use exchange::{Caller, Exchange, Host};
pub use explain::Explained;
pub use listener::{Counts, Listening, Sockets};
pub use problem::Refusal;
pub use proxy::Proxy;
pub use visit::Visit;
