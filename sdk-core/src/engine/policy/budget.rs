//! The retry budget: a token bucket that all calls of a client share. When a server is down, each call alone retries by the rules, and all of
//! them together would be a storm; the bucket empties and the client goes back to one attempt a call.

use std::time::Duration;

use crate::engine::time::nanos;

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

/// The bucket. Whole-number arithmetic, so that every language and platform counts alike.
#[derive(Debug)]
pub struct Budget {
    /// The price of one retry: as many units as `refill_every` has nanoseconds, so that a nanosecond brings back one.
    price: u64,
    capacity: u64,
    per_success: u64,
    units: u64,
    refilled_at: Duration,
}

impl Budget {
    /// A full bucket.
    pub fn new(options: BudgetOptions) -> Self {
        let price = nanos(options.refill_every).max(1);
        let capacity = price.saturating_mul(u64::from(options.capacity));
        let per_success = price / u64::from(options.refill_after_successes.max(1));
        Self { price, capacity, per_success, units: capacity, refilled_at: Duration::ZERO }
    }

    /// Takes one retry out, if there is one.
    pub fn withdraw(&mut self, elapsed: Duration) -> bool {
        self.add(nanos(elapsed.saturating_sub(self.refilled_at)));
        self.refilled_at = self.refilled_at.max(elapsed);
        let Some(rest) = self.units.checked_sub(self.price) else { return false };
        self.units = rest;
        true
    }

    /// A call succeeded.
    pub fn succeeded(&mut self) {
        self.add(self.per_success);
    }

    fn add(&mut self, units: u64) {
        self.units = self.units.saturating_add(units).min(self.capacity);
    }
}
