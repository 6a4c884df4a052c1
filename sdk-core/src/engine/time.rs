//! The clock, as an argument. The engine never asks what time it is: whoever drives it says so, which is what lets the same tests run
//! natively and in wasm, where there is no system clock to ask.

use std::time::Duration;

/// A moment, on both clocks that policies need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since an epoch that the driver chose (its start, say). One client has one epoch.
    pub elapsed: Duration,
    /// Wall-clock time since 1970-01-01T00:00:00Z. Only dates that a server wrote are compared with it.
    pub unix: Duration,
}

/// Nanoseconds, as far as 64 bits go: 584 years. Where there are 32-bit machines (a browser's is one), twice as many bits cost dearly.
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

impl Now {
    /// A moment `elapsed` after the driver's epoch, `unix` after 1970.
    pub const fn new(elapsed: Duration, unix: Duration) -> Self {
        Self { elapsed, unix }
    }

    /// The same moment, `delay` later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { elapsed: self.elapsed.saturating_add(delay), unix: self.unix.saturating_add(delay) }
    }
}
