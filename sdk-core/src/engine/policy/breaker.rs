//! The circuit breaker, off unless a client asks for it: when the share of failures passes a threshold, calls fail at once instead of waiting for
//! a server that is down, until a few probes show that it is back.
//!
//! ```text
//! closed --(failures over the threshold)--> open --(reset passed)--> half-open --(all probes succeed)--> closed
//!                                             ^                          |
//!                                             +----(a probe fails; reset doubles)
//! ```

use std::time::Duration;

use crate::engine::time::nanos;

/// When the breaker opens and how it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// The share of failures that opens it, in percent (50).
    pub failure_percent: u32,
    /// Over this long (10 s).
    pub window: Duration,
    /// With at least this many attempts (20).
    pub minimum_attempts: u32,
    /// How long it stays open at first (30 s); doubles with each failed probe.
    pub reset: Duration,
    /// The longest it stays open (5 min).
    pub reset_cap: Duration,
    /// Probes that must succeed to close it (3), and the most that are in flight while it is half-open.
    pub probes: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failure_percent: 50,
            window: Duration::from_secs(10),
            minimum_attempts: 20,
            reset: Duration::from_secs(30),
            reset_cap: Duration::from_secs(300),
            probes: 3,
        }
    }
}

/// How an attempt went, as far as the server's health is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// An answer below 500, other than 429.
    Good,
    /// 429: the server is well and busy. Counts as nothing while closed, and fails a probe.
    Busy,
    /// 5xx, or no answer.
    Bad,
    /// It says nothing about the server: the caller gave up.
    Unknown,
}

/// An attempt's leave to be sent. Give it back with [`Breaker::report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Which closed or half-open period it was given in; reports of an earlier one count for nothing.
    period: u64,
}

/// The breaker of one client.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: State,
    period: u64,
    /// How long it stays open next time.
    reset: Duration,
}

#[derive(Debug)]
enum State {
    Closed { slices: Vec<Slice> },
    Open { until: Duration },
    HalfOpen { in_flight: u32, succeeded: u32 },
}

/// A tenth of the window.
#[derive(Debug)]
struct Slice {
    number: u64,
    good: u32,
    bad: u32,
}

/// The window is counted in this many slices: old attempts leave it a tenth at a time.
const SLICES: u64 = 10;

impl Breaker {
    /// A closed breaker.
    pub fn new(options: BreakerOptions) -> Self {
        Self { options, state: State::Closed { slices: Vec::new() }, period: 0, reset: options.reset }
    }

    /// Leave to send one attempt, or how long to wait before asking again.
    ///
    /// # Errors
    /// The rest of the time that it stays open; zero when it is half-open and all probes are in flight.
    pub fn permit(&mut self, elapsed: Duration) -> Result<Permit, Duration> {
        if let State::Open { until } = self.state {
            if elapsed < until {
                return Err(until.saturating_sub(elapsed));
            }
            self.enter(State::HalfOpen { in_flight: 0, succeeded: 0 });
        }
        if let State::HalfOpen { in_flight, succeeded } = &mut self.state {
            if *in_flight + *succeeded >= self.options.probes.max(1) {
                return Err(Duration::ZERO);
            }
            *in_flight += 1;
        }
        Ok(Permit { period: self.period })
    }

    /// How an attempt that was permitted went.
    pub fn report(&mut self, permit: Permit, health: Health, elapsed: Duration) {
        if permit.period != self.period {
            return;
        }
        match &mut self.state {
            State::Open { .. } => {}
            State::HalfOpen { in_flight, succeeded } => {
                *in_flight = in_flight.saturating_sub(1);
                match health {
                    Health::Unknown => {}
                    Health::Good => {
                        *succeeded += 1;
                        if *succeeded >= self.options.probes.max(1) {
                            self.reset = self.options.reset;
                            self.enter(State::Closed { slices: Vec::new() });
                        }
                    }
                    Health::Busy | Health::Bad => {
                        self.reset = self.reset.saturating_mul(2).min(self.options.reset_cap);
                        self.open(elapsed);
                    }
                }
            }
            State::Closed { slices } => {
                let bad = match health {
                    Health::Good => false,
                    Health::Bad => true,
                    Health::Busy | Health::Unknown => return,
                };
                let number = nanos(elapsed) / (nanos(self.options.window) / SLICES).max(1);
                slices.retain(|slice| slice.number + SLICES > number);
                if slices.last().is_none_or(|slice| slice.number < number) {
                    slices.push(Slice { number, good: 0, bad: 0 });
                }
                if let Some(slice) = slices.last_mut() {
                    *(if bad { &mut slice.bad } else { &mut slice.good }) += 1;
                }
                let failures: u64 = slices.iter().map(|slice| u64::from(slice.bad)).sum();
                let all: u64 = failures + slices.iter().map(|slice| u64::from(slice.good)).sum::<u64>();
                let enough = all >= u64::from(self.options.minimum_attempts);
                if enough && failures * 100 >= all * u64::from(self.options.failure_percent) && failures > 0 {
                    self.open(elapsed);
                }
            }
        }
    }

    fn open(&mut self, elapsed: Duration) {
        let until = elapsed.saturating_add(self.reset);
        self.enter(State::Open { until });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.period += 1;
    }
}
