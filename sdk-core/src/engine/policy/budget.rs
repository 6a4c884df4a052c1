//! The retry budget: a token bucket that all calls of a client share. When a server is down, each call alone retries by the rules, and all of
//! them together would be a storm; the bucket empties and the client goes back to one attempt a call.

use std::time::Duration;

/// Size and refill of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetOptions {
    /// Retries that may be made in a burst (100).
    pub capacity: u32,
    /// One retry comes back after this long (1 s).
    pub refill_every: Duration,
    /// One retry comes back after this many successful calls (10).
    pub refill_after_successes: u32,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { capacity: 100, refill_every: Duration::from_secs(1), refill_after_successes: 10 }
    }
}
