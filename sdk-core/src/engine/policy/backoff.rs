//! The wait before a retry: exponential with full jitter, so that clients that failed together do not come back together.

use std::time::Duration;

use crate::engine::time::nanos;

/// How long to wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The most before the first retry (0.5 s); doubles with each.
    pub base: Duration,
    /// The most ever (8 s).
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), cap: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// The longest wait before retry `retry` (from 1): `min(cap, base * 2^(retry - 1))`.
    pub fn bound(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// A wait between zero and [`Self::bound`], chosen by 64 random bits.
    pub fn delay(&self, retry: u32, random: u64) -> Duration {
        let bound = nanos(self.bound(retry));
        // The high half of the product spreads the random bits evenly over 0..=bound.
        let nanos = (u128::from(random) * (u128::from(bound) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
