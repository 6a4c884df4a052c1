//! Pacing: a request is not sent before the server said that it may come. What one call learns (a 429, a 503 with Retry-After, a used-up
//! limit) holds back the next calls of the same operation too, where each would otherwise have to be refused first.
//!
//! It is kept an operation, not a client: limits differ between operations, and a login that is limited must not stop a payment.

use std::time::Duration;

/// Until when each operation is held back.
#[derive(Debug, Default)]
pub struct Pacing {
    /// Few at a time: those that were limited and not asked again since.
    until: Vec<(&'static str, Duration)>,
}

impl Pacing {
    /// The server asked to wait this long. A later moment that it named before stands.
    pub fn hold(&mut self, operation: &'static str, wait: Duration, elapsed: Duration) {
        let until = elapsed.saturating_add(wait);
        match self.until.iter_mut().find(|(held, _)| *held == operation) {
            Some((_, held)) => *held = (*held).max(until),
            None => self.until.push((operation, until)),
        }
    }

    /// How much longer to wait before the next request of this operation.
    pub fn wait(&mut self, operation: &str, elapsed: Duration) -> Option<Duration> {
        let place = self.until.iter().position(|(held, _)| *held == operation)?;
        let wait = self.until.get(place)?.1.saturating_sub(elapsed);
        if wait.is_zero() {
            self.until.swap_remove(place);
            return None;
        }
        Some(wait)
    }
}
