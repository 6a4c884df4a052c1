//! What a request to the gateway's own API walks after the data plane's pipeline and before its handler.
//!
//! ```text
//! data plane   connections, request id and trace, one normal form of the request, route, pages of other origins ... headers, log, metrics, analytics
//!   service    the contract's router
//!     gate     authenticate -> rate limit (the data plane's) -> permission -> accept -> body -> validate -> idempotency -> handler -> ETag, common headers
//! ```
//!
//! Policies are pure: `permission`, `accept`, `etag`. What an operation needs of the gate comes from the generated table, so no operation of ours is named here.
//! What does not live here: what is the same for every service (`waypost-proxy`, set to work by `data_plane`), who a credential belongs to (`auth`), what an
//! operation does (its resource's module).

mod accept;
mod context;
mod error;
mod etag;
mod gate;
mod headers;
mod idempotency;
mod permission;
pub(crate) mod problem;
mod service;
mod single;

pub use context::{Caller, Context, Idempotency, Identity};
pub use error::{Error, FieldError};
pub use permission::permits;
pub use service::Service;
