//! The circuit breaker.

use std::time::Duration;

/// When the breaker opens and how it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// The share of failures that opens it, in percent (50).
    pub failure_percent: u32,
    /// Over this long (10 s).
    pub window: Duration,
    /// With at least this many calls (20).
    pub minimum_calls: u32,
    /// How long it stays open at first (30 s); doubles with each failed probe.
    pub reset: Duration,
    /// The longest it stays open (5 min).
    pub reset_cap: Duration,
    /// Probes that must succeed to close it (3).
    pub probes: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failure_percent: 50,
            window: Duration::from_secs(10),
            minimum_calls: 20,
            reset: Duration::from_secs(30),
            reset_cap: Duration::from_secs(300),
            probes: 3,
        }
    }
}
