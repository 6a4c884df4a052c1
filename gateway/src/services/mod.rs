//! Services behind the gateway: what was written of them, and how they are.

mod handler;
pub(crate) mod view;
