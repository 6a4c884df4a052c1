//! Pacing: a request is not sent before the server said that it may come. What one call learns (a 429, a 503 with Retry-After, a used-up
//! limit) holds back the next calls of the same operation too, where each would otherwise have to be refused first.
//!
//! It is kept an operation, not a client: limits differ between operations, and a login that is limited must not stop a payment.

use std::collections::HashMap;
use std::time::Duration;

/// Until when each operation is held back.
#[derive(Debug, Default)]
pub struct Pacing {
    until: HashMap<&'static str, Duration>,
}

impl Pacing {
    /// The server asked to wait this long. A later moment that it named before stands.
    pub fn hold(&mut self, operation: &'static str, wait: Duration, elapsed: Duration) {
        let until = elapsed.saturating_add(wait);
        let held = self.until.entry(operation).or_default();
        *held = (*held).max(until);
    }

    /// How much longer to wait before the next request of this operation.
    pub fn wait(&mut self, operation: &str, elapsed: Duration) -> Option<Duration> {
        let wait = self.until.get(operation)?.saturating_sub(elapsed);
        if wait.is_zero() {
            self.until.remove(operation);
            return None;
        }
        Some(wait)
    }
}
