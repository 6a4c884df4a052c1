//! The engine: everything that a call is, except the sending.
//!
//! Here live the request builder, the attempt loop and the policies around it, and the types that cross to transports and facades. Nothing here
//! knows a runtime, an HTTP library, a system clock or a source of randomness: time and randomness are arguments, so the same code and the same
//! tests run natively and in a browser. Transports and drivers live beside it, in `transport` and `drive`.
//!
//! ```text
//! Operation + Arguments -> Plan -> AttemptLoop -> Envelope | Error
//! ```

pub mod arguments;
pub mod attempt;
pub mod build;
mod classify;
pub mod course;
pub mod credentials;
pub mod document;
pub mod encode;
pub mod envelope;
pub mod environment;
pub mod error;
pub mod failure;
pub mod message;
pub mod oauth;
pub mod operation;
pub mod options;
pub mod paging;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod random;
pub mod redact;
pub mod sign_in;
mod text;
pub mod time;
pub mod trace;

pub use arguments::Arguments;
pub use attempt::{AttemptLoop, Event, SendAttempt, Step};
pub use credentials::Credentials;
pub use document::Document;
pub use envelope::{Attempt, Body, Cause, Envelope};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Failure};
pub use failure::{FailureKind, TransportFailure};
pub use message::{Headers, Request, ResponseHead};
pub use oauth::{OAuthClient, OAuthError, TokenSet};
pub use operation::Operation;
pub use options::{CallOptions, ClientOptions};
pub use paging::Pager;
pub use plan::Plan;
pub use policy::shared::Shared;
pub use problem::{FieldError, Problem};
pub use random::Seed;
pub use redact::Secret;
pub use time::Now;
pub use trace::TraceParent;
