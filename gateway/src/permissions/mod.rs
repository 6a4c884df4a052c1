//! Whether somebody may do something, without trying it.

mod handler;
