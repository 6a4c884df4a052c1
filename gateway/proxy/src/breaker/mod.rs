//! Whether a service is asked at all. A breaker watches what becomes of the requests to a service (and of those of one route, where a route has its own):
//! while too large a part of them fails it is open, and requests are answered at once instead of waiting for what will not come.
//!
//! Promises:
//! - CLOSED opens when, within the window, at least `minimum` requests ended and at least the part `failures` of them failed. A slow answer is a failure.
//! - OPEN admits nobody until its reset time is over; each opening in a row is twice as long as the one before, up to `max_reset`.
//! - HALF_OPEN admits probes. Never are more than `probes` of them out, whatever happens in between: one that is still out when the breaker opens again keeps
//!   its place. As many good ones in a row as there may be at once close it; a bad one opens it.
//! - What was admitted under one state is not counted under another.
//! - A decision takes tens of nanoseconds ([`Breaker::admit`] and [`Permit::success`] are atomics while it is closed), and nothing is read from a clock here.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `core` | the state machine: pure, one step after another |
//! | `shared` | the same for many threads; permits |
//! | `registry` | breakers by name, and what metrics and the API show of them |

mod core;
mod registry;
mod shared;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

pub use registry::{Breakers, Status};
pub use shared::{Breaker, Permit};

use crate::Refusal;
use crate::config::{self, Fault};

/// The three states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Requests pass.
    #[default]
    Closed,
    /// None passes.
    Open,
    /// A few pass, to find out.
    HalfOpen,
}

impl State {
    /// `closed`, `open`, `half_open`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A breaker's settings, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub(crate) enabled: bool,
    pub(crate) failures: f64,
    pub(crate) minimum: u32,
    pub(crate) bucket: u64,
    pub(crate) timeout: u64,
    pub(crate) reset: u64,
    pub(crate) max_reset: u64,
    pub(crate) probes: u32,
}

impl Policy {
    /// From what was written.
    ///
    /// # Errors
    /// All of: a part outside of 0 to 1 (0 itself would open on anything), and a window, reset time or number of probes of none.
    pub fn new(config: &config::Breaker) -> Result<Self, Vec<Fault>> {
        let faults: Vec<_> = [
            (
                !(config.failures > 0.0 && config.failures <= 1.0),
                "failures",
                "is a part of the requests: more than 0, at most 1",
            ),
            (config.window.0.is_zero(), "window", "is none; write 10s"),
            (config.reset.0.is_zero(), "reset", "is none; write 30s"),
            (config.max_reset < config.reset, "max_reset", "is less than `reset`"),
            (config.probes == 0, "probes", "is none, and the breaker would never close again; write 3"),
        ]
        .into_iter()
        .filter(|(wrong, ..)| *wrong)
        .map(|(_, place, message)| Fault::at(place, message))
        .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            enabled: config.enabled,
            failures: config.failures,
            minimum: config.minimum.max(1),
            bucket: (nanos(config.window.0) / core::BUCKETS).max(1),
            timeout: if config.timeout.0.is_zero() { u64::MAX } else { nanos(config.timeout.0) },
            reset: nanos(config.reset.0),
            max_reset: nanos(config.max_reset.0),
            probes: u32::from(config.probes),
        })
    }
}

/// A refusal: nobody is asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Open, or half open with all probes out.
    pub state: State,
    /// When to ask again.
    pub retry_after: Duration,
}

impl Open {
    /// 503 `circuit_open`, with the service, the state and the seconds after which to ask again.
    pub fn refusal(&self, service: &str) -> Refusal {
        let seconds = self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "circuit_open",
            format!(
                "The service `{service}` fails too often and is not asked for now. Try again in {seconds} s."
            ),
        )
        .header(header::RETRY_AFTER, HeaderValue::from(seconds))
        .member("service", service)
        .member("state", self.state.name())
        .member("retry_after", seconds)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
