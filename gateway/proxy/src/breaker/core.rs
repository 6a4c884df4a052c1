//! The state machine. Times are nanoseconds since the breaker was made. Nothing is shared here and nothing waits: [`super::shared`] decides what needs the
//! lock. Outcomes in CLOSED are counted in the ring, which is atomic because it is what every request touches.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{Policy, State};

/// Parts of the window. What is older than the window by up to one part may still be in.
pub(super) const BUCKETS: u64 = 10;

/// No epoch: a bucket that holds nothing.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Bucket {
    epoch: AtomicU64,
    good: AtomicU32,
    bad: AtomicU32,
}

/// Outcomes of the last window.
#[derive(Debug)]
pub(super) struct Ring([Bucket; BUCKETS as usize]);

impl Ring {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Bucket {
            epoch: AtomicU64::new(NEVER),
            good: AtomicU32::new(0),
            bad: AtomicU32::new(0),
        }))
    }

    /// Counts one. Two threads that begin a bucket at once may lose an outcome to each other; the counts stay within the requests there were.
    pub(super) fn count(&self, epoch: u64, good: bool) {
        let Some(bucket) = usize::try_from(epoch % BUCKETS).ok().and_then(|index| self.0.get(index)) else {
            return;
        };
        let held = bucket.epoch.load(Relaxed);
        if held != epoch {
            if held != NEVER && held > epoch {
                return; // later than a whole window
            }
            if bucket.epoch.compare_exchange(held, epoch, Relaxed, Relaxed).is_ok() {
                bucket.good.store(0, Relaxed);
                bucket.bad.store(0, Relaxed);
            }
        }
        if good { &bucket.good } else { &bucket.bad }.fetch_add(1, Relaxed);
    }

    /// Good and bad ones in the window that ends with `epoch`.
    pub(super) fn totals(&self, epoch: u64) -> (u64, u64) {
        let first = epoch.saturating_sub(BUCKETS - 1);
        self.0.iter().fold((0, 0), |(good, bad), bucket| {
            if (first..=epoch).contains(&bucket.epoch.load(Relaxed)) {
                (good + u64::from(bucket.good.load(Relaxed)), bad + u64::from(bucket.bad.load(Relaxed)))
            } else {
                (good, bad)
            }
        })
    }

    pub(super) fn clear(&self) {
        for bucket in &self.0 {
            bucket.epoch.store(NEVER, Relaxed);
            bucket.good.store(0, Relaxed);
            bucket.bad.store(0, Relaxed);
        }
    }
}

/// The state, and what changes only with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Core {
    pub(super) state: State,
    /// Rises with each change of state: what was admitted in one era does not count in another.
    pub(super) era: u64,
    /// When an open one is due for probes; `u64::MAX` for one that was opened by hand without an end.
    pub(super) until: u64,
    /// When the state began.
    pub(super) since: u64,
    /// Openings since it was last closed.
    pub(super) openings: u32,
    /// Good probes in a row.
    pub(super) good: u32,
}

impl Core {
    pub(super) const fn new() -> Self {
        Self { state: State::Closed, era: 0, until: 0, since: 0, openings: 0, good: 0 }
    }

    fn enter(&mut self, state: State, now: u64) {
        self.state = state;
        self.era += 1;
        self.since = now;
        self.good = 0;
    }

    /// Opens, for longer each time.
    pub(super) fn open(&mut self, now: u64, policy: &Policy) {
        let factor = 1_u64.checked_shl(self.openings).unwrap_or(u64::MAX);
        let length = policy.reset.saturating_mul(factor).min(policy.max_reset);
        self.openings = self.openings.saturating_add(1).min(63);
        self.until = now.saturating_add(length);
        self.enter(State::Open, now);
    }

    /// Opens by hand: until `until`, or until it is closed by hand.
    pub(super) fn open_until(&mut self, now: u64, until: u64) {
        self.until = until;
        self.enter(State::Open, now);
    }

    /// Closes, and forgets how often it opened.
    pub(super) fn close(&mut self, now: u64) {
        self.openings = 0;
        self.until = 0;
        self.enter(State::Closed, now);
    }

    /// From OPEN to HALF_OPEN when it is due.
    pub(super) fn half_open_if_due(&mut self, now: u64) {
        if self.state == State::Open && self.until != u64::MAX && now >= self.until {
            self.enter(State::HalfOpen, now);
        }
    }

    /// From OPEN to HALF_OPEN before it is due, because the service answered a question of ours. One that was opened by hand without an end stays.
    pub(super) fn half_open_early(&mut self, now: u64) {
        if self.state == State::Open && self.until != u64::MAX {
            self.enter(State::HalfOpen, now);
        }
    }

    /// The end of a probe of this era.
    pub(super) fn probed(&mut self, now: u64, good: bool, policy: &Policy) {
        if self.state != State::HalfOpen {
            return;
        }
        if !good {
            self.open(now, policy);
            return;
        }
        self.good += 1;
        if self.good >= policy.probes {
            self.close(now);
        }
    }

    /// After a failure in CLOSED: whether it is one too many.
    pub(super) fn failed(&mut self, now: u64, (good, bad): (u64, u64), policy: &Policy) {
        let total = good + bad;
        #[expect(clippy::cast_precision_loss, reason = "counts of one window are far below 2^52")]
        if self.state == State::Closed
            && total >= u64::from(policy.minimum)
            && bad as f64 >= policy.failures * total as f64
        {
            self.open(now, policy);
        }
    }
}
