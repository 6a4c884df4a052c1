//! The pipeline that every request walks before and after its handler.

mod context;
mod error;

pub use context::{Caller, Context, Idempotency, Identity};
pub use error::{Error, FieldError};
