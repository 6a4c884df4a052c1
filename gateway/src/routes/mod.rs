//! Routes of the data plane, and what would become of a request that nobody sends.

mod handler;
pub(crate) mod question;
mod view;
