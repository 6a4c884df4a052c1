//! The policies of the behaviour table: each one a pure function or a small core that takes the time as an argument. None of them knows a
//! transport, a thread or a clock. The attempt loop asks them in this order: deadline, pacing, breaker, then after an answer retry, budget,
//! Retry-After and backoff.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod cache;
pub mod gates;
pub mod pacing;
pub mod retry;
pub mod retry_after;
pub mod shared;
