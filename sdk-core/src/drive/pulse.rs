//! Keeps the timers of calls cheap that are made elsewhere than on their runtime's thread.
//!
//! A call sets timers of some seconds. One that is due before the runtime's thread would wake up anyway makes it wake up at once, to sleep again: a detour of two
//! system calls for each call. So while there are calls the thread wakes up by itself twice a second, and no timer of theirs is earlier.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How often.
const BEAT: Duration = Duration::from_millis(500);

/// Knows whether there are calls.
#[derive(Debug, Default)]
pub struct Pulse {
    calls: AtomicU64,
    begun: Notify,
}

impl Pulse {
    /// A call begins.
    pub fn call(&self) {
        // Zero: it may be asleep.
        if self.calls.fetch_add(1, Ordering::Relaxed) == 0 {
            self.begun.notify_one();
        }
    }

    /// Is to be a task of the runtime. Never ends.
    pub async fn beat(&self) {
        loop {
            while self.calls.swap(0, Ordering::Relaxed) > 0 {
                tokio::time::sleep(BEAT).await;
            }
            self.begun.notified().await;
        }
    }
}
