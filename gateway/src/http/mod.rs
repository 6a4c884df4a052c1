//! The pipeline that every request walks before and after its handler.
//!
//! ```text
//! listener     connections, their limits, shutdown
//!   service    request id, trace -> refuse what is not plain HTTP -> preflights of other origins' pages -> route -> [ gate ] -> common headers -> record
//!     gate     authenticate -> rate limit -> permission -> accept -> body -> validate -> idempotency -> handler -> ETag
//! ```
//!
//! Policies are pure and take `now`: `limits`, `refuse`, `permission`, `accept`, `etag`, `trace`. What an operation needs of
//! the pipeline comes from the generated table, so no operation of ours is named here.
//! What does not live here: who a credential belongs to (`auth`), what an operation does (its resource's module).

mod accept;
mod context;
mod cors;
mod error;
mod etag;
mod gate;
mod headers;
mod idempotency;
pub mod limits;
mod listener;
mod permission;
mod problem;
mod refuse;
mod service;
mod trace;

pub use context::{Caller, Context, Idempotency, Identity};
pub use error::{Error, FieldError};
pub use listener::serve;
pub use permission::permits;
pub use service::Service;
