//! The one place that asks what time it is. The engine is handed the answer.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::engine::error::Error;
use crate::engine::random::Seed;
use crate::engine::time::Now;

/// A client's clock: its epoch is the client's making.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Now::new(self.epoch.elapsed(), unix)
    }
}

/// Randomness for one call, from the operating system: a fork, or two machines from one image, must not draw the same idempotency key.
pub(crate) fn seed() -> Result<Seed, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::config(format!("the operating system gives no randomness: {error}")))?;
    Ok(Seed(bytes))
}
