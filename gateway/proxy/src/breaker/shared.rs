//! A breaker for many threads. While it is closed, admitting reads one word and counting adds to one; everything that may change the state takes a lock, which
//! is then either rare (a failure, an opening) or short of customers (at most `probes` at once).

use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::core::{Core, Ring};
use super::{Open, Policy, State, Status, nanos};

/// The era's lowest bits in the word that requests read tell the state.
const STATE_BITS: u32 = 2;

/// A breaker.
#[derive(Debug)]
pub struct Breaker {
    name: Arc<str>,
    made: Instant,
    /// Era and state, as the lock last left them.
    word: AtomicU64,
    /// Of an open one.
    until: AtomicU64,
    enabled: AtomicBool,
    bucket: AtomicU64,
    timeout: AtomicU64,
    /// Probes that are out.
    out: AtomicU32,
    refused: AtomicU64,
    openings: AtomicU64,
    ring: Ring,
    inner: Mutex<(Core, Policy)>,
}

impl Breaker {
    /// A closed one. `now` is the beginning of its time.
    pub fn new(name: impl Into<Arc<str>>, policy: Policy, now: Instant) -> Self {
        let core = Core::new();
        Self {
            name: name.into(),
            made: now,
            word: AtomicU64::new(word(&core)),
            until: AtomicU64::new(0),
            enabled: AtomicBool::new(policy.enabled),
            bucket: AtomicU64::new(policy.bucket),
            timeout: AtomicU64::new(policy.timeout),
            out: AtomicU32::new(0),
            refused: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            ring: Ring::new(),
            inner: Mutex::new((core, policy)),
        }
    }

    /// What it is called: a service's name, or `service/route`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Other settings; its state stays. Outcomes of a window of another length are forgotten.
    pub fn configure(&self, policy: Policy) {
        let mut inner = self.lock();
        if inner.1.bucket != policy.bucket {
            self.ring.clear();
        }
        inner.1 = policy;
        self.enabled.store(policy.enabled, Relaxed);
        self.bucket.store(policy.bucket, Relaxed);
        self.timeout.store(policy.timeout, Relaxed);
    }

    /// Whether a request may go on.
    ///
    /// # Errors
    /// [`Open`] while it may not.
    pub fn admit(self: &Arc<Self>, now: Instant) -> Result<Permit, Open> {
        let word = self.word.load(Acquire);
        if state(word) == State::Closed || !self.enabled.load(Relaxed) {
            return Ok(Permit { breaker: Arc::clone(self), era: era(word), kind: Kind::Plain });
        }
        let at = self.at(now);
        if state(word) == State::Open {
            let until = self.until.load(Relaxed);
            if at < until {
                return Err(self.refuse(State::Open, until - at));
            }
        }
        self.admit_probe(at)
    }

    fn admit_probe(self: &Arc<Self>, at: u64) -> Result<Permit, Open> {
        let mut inner = self.lock();
        let (core, policy) = &mut *inner;
        core.half_open_if_due(at);
        self.publish(core);
        match core.state {
            State::Closed => Ok(Permit { breaker: Arc::clone(self), era: core.era, kind: Kind::Plain }),
            State::Open => Err(self.refuse(State::Open, core.until.saturating_sub(at))),
            // Places are taken under the lock only, so the check and the taking are one step; they are given back without it.
            State::HalfOpen if self.out.load(Acquire) < policy.probes => {
                self.out.fetch_add(1, AcqRel);
                Ok(Permit { breaker: Arc::clone(self), era: core.era, kind: Kind::Probe })
            }
            State::HalfOpen => Err(self.refuse(State::HalfOpen, nanos(Duration::from_secs(1)))),
        }
    }

    /// Opened by hand: for so long, or until it is [reset](Self::reset). With an end it half-opens then, as any other.
    pub fn open(&self, now: Instant, length: Option<Duration>) {
        let at = self.at(now);
        let until = length.map_or(u64::MAX, |length| at.saturating_add(nanos(length)).min(u64::MAX - 1));
        let mut inner = self.lock();
        inner.0.open_until(at, until);
        self.openings.fetch_add(1, Relaxed);
        self.publish(&inner.0);
    }

    /// Closed by hand; it begins anew.
    pub fn reset(&self, now: Instant) {
        let at = self.at(now);
        let mut inner = self.lock();
        self.ring.clear();
        inner.0.close(at);
        self.publish(&inner.0);
    }

    /// The service answered a question that was not a client's: an open breaker admits probes from now on.
    pub fn answered(&self, now: Instant) {
        let at = self.at(now);
        let mut inner = self.lock();
        inner.0.half_open_early(at);
        self.publish(&inner.0);
    }

    /// Its state; one that is due for probes is still open until somebody asks.
    pub fn state(&self) -> State {
        state(self.word.load(Acquire))
    }

    /// What metrics and the API show.
    pub fn status(&self, now: Instant) -> Status {
        let at = self.at(now);
        let inner = self.lock();
        let (core, policy) = &*inner;
        let (good, bad) = self.ring.totals(at / policy.bucket);
        Status {
            name: self.name.to_string(),
            state: core.state,
            for_seconds: Duration::from_nanos(at.saturating_sub(core.since)).as_secs_f64(),
            retry_after_seconds: (core.state == State::Open && core.until != u64::MAX)
                .then(|| Duration::from_nanos(core.until.saturating_sub(at)).as_secs_f64()),
            by_hand: core.state == State::Open && core.until == u64::MAX,
            requests: good + bad,
            failures: bad,
            probes: self.out.load(Acquire),
            refused: self.refused.load(Relaxed),
            openings: self.openings.load(Relaxed),
        }
    }

    fn ended(&self, now: Instant, good: bool, permit_era: u64, kind: Kind) {
        let at = self.at(now);
        match kind {
            Kind::Plain => {
                if era(self.word.load(Acquire)) != permit_era
                    || state(self.word.load(Acquire)) != State::Closed
                {
                    return;
                }
                let epoch = at.checked_div(self.bucket.load(Relaxed)).unwrap_or(0);
                self.ring.count(epoch, good);
                if !good {
                    let mut inner = self.lock();
                    let (core, policy) = &mut *inner;
                    if core.era == permit_era {
                        core.failed(at, self.ring.totals(epoch), policy);
                        self.changed(core, permit_era);
                    }
                }
            }
            Kind::Probe => {
                let mut inner = self.lock();
                let (core, policy) = &mut *inner;
                if core.era == permit_era {
                    core.probed(at, good, policy);
                    self.changed(core, permit_era);
                }
            }
        }
    }

    fn changed(&self, core: &Core, before: u64) {
        if core.era == before {
            return;
        }
        match core.state {
            State::Open => {
                self.openings.fetch_add(1, Relaxed);
                tracing::warn!(breaker = %self.name, openings = core.openings, "circuit opened");
            }
            State::Closed => {
                self.ring.clear();
                tracing::info!(breaker = %self.name, "circuit closed");
            }
            State::HalfOpen => {}
        }
        self.publish(core);
    }

    fn publish(&self, core: &Core) {
        self.until.store(core.until, Relaxed);
        self.word.store(word(core), Release);
    }

    fn refuse(&self, state: State, wait: u64) -> Open {
        self.refused.fetch_add(1, Relaxed);
        Open { state, retry_after: Duration::from_nanos(wait).min(Duration::from_hours(24)) }
    }

    fn at(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.made))
    }

    fn lock(&self) -> MutexGuard<'_, (Core, Policy)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn word(core: &Core) -> u64 {
    let state = match core.state {
        State::Closed => 0,
        State::Open => 1,
        State::HalfOpen => 2,
    };
    (core.era << STATE_BITS) | state
}

const fn state(word: u64) -> State {
    match word & 3 {
        0 => State::Closed,
        1 => State::Open,
        _ => State::HalfOpen,
    }
}

const fn era(word: u64) -> u64 {
    word >> STATE_BITS
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Probe,
}

/// Leave to ask the service once. Dropped without a word it counts neither way: the client went away.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    breaker: Arc<Breaker>,
    era: u64,
    kind: Kind,
}

impl Permit {
    /// The service answered. Slower than the breaker's `timeout` is a failure all the same.
    pub fn success(self, now: Instant, latency: Duration) {
        let good = nanos(latency) <= self.breaker.timeout.load(Relaxed);
        self.breaker.ended(now, good, self.era, self.kind);
    }

    /// The service did not answer, or with 5xx.
    pub fn failure(self, now: Instant) {
        self.breaker.ended(now, false, self.era, self.kind);
    }

    /// Whether this is one of the few that find out.
    pub fn is_probe(&self) -> bool {
        self.kind == Kind::Probe
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.kind == Kind::Probe {
            self.breaker.out.fetch_sub(1, AcqRel);
        }
    }
}
