//! The policies of the behaviour table: each one a pure function or a small core that takes the time as an argument. None of them knows a
//! transport, a thread or a clock.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod cache;
pub mod shared;
