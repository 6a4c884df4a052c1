//! One target: how many requests it has, how fast it answers, how it is.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::{Authority, Scheme};
use serde::Serialize;

use super::balance;
use super::health::{Asked, Treated, ms};
use super::policy::{self, Spec};
use crate::config::ActiveHealth;

/// How long an average of response times remembers.
const DECAY: Duration = Duration::from_secs(10);

/// What a failure counts as in the average, at least: one that fails fast is not fast.
const FAILED: f64 = 1e9;

/// A target of a service.
#[derive(Debug)]
pub struct Target {
    key: Arc<str>,
    id: u64,
    url: Uri,
    address: Option<IpAddr>,
    made: Instant,
    weight: AtomicU16,
    priority: AtomicU16,
    in_flight: AtomicU32,
    requests: AtomicU64,
    failures: AtomicU64,
    /// Nanoseconds, as the bits of an `f64`, and when they were true.
    average: AtomicU64,
    averaged: AtomicU64,
    well: AtomicBool,
    ejected_until: AtomicU64,
    /// Of nginx's algorithm; changed under the service's lock.
    pub(super) current: AtomicI64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    asked: Asked,
    treated: Treated,
}

/// What is shown of a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Its base URL.
    pub url: String,
    /// Its share beside the others'.
    pub weight: u16,
    /// Whether it answers our own questions; true where none are asked.
    pub healthy: bool,
    /// For how many seconds more it is left out, where it is.
    pub ejected_seconds: Option<f64>,
    /// Requests that it has now.
    pub in_flight: u32,
    /// Requests that it had, ever.
    pub requests: u64,
    /// Of them, failures.
    pub failures: u64,
    /// The average of its response times in milliseconds; the latest weigh most, and a failure counts as a second.
    pub average_ms: f64,
}

impl Target {
    pub(super) fn new(spec: &Spec, now: Instant) -> Self {
        let key = spec.key();
        Self {
            id: balance::hash(key.as_bytes()),
            key: key.into(),
            url: spec.url.clone(),
            address: spec.address,
            made: now,
            weight: AtomicU16::new(spec.weight),
            priority: AtomicU16::new(spec.priority),
            in_flight: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            average: AtomicU64::new(0),
            averaged: AtomicU64::new(0),
            well: AtomicBool::new(true),
            ejected_until: AtomicU64::new(0),
            current: AtomicI64::new(0),
            state: Mutex::new(State { asked: Asked::new(), treated: Treated::default() }),
        }
    }

    pub(super) fn update(&self, spec: &Spec) {
        self.weight.store(spec.weight, Relaxed);
        self.priority.store(spec.priority, Relaxed);
    }

    /// What tells it from others, and metrics name: `http://10.0.0.7:8080`.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Its base URL, with the name that it is known by: `Host` and certificates go by it.
    pub const fn url(&self) -> &Uri {
        &self.url
    }

    /// Where to connect to, where the name was looked up already.
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The host to connect to: the address, or else the URL's host without brackets.
    pub fn host(&self) -> String {
        self.address.map_or_else(
            || self.url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            |address| address.to_string(),
        )
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        policy::port(&self.url)
    }

    /// Whether it speaks TLS.
    pub fn secure(&self) -> bool {
        self.url.scheme() == Some(&Scheme::HTTPS)
    }

    /// Host and port, as the URL has them.
    pub fn authority(&self) -> Option<&Authority> {
        self.url.authority()
    }

    /// What goes in front of every path, without a `/` at its end; empty as a rule.
    pub fn prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Requests that it has now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn weight(&self) -> u32 {
        u32::from(self.weight.load(Relaxed))
    }

    pub(super) fn priority(&self) -> u16 {
        self.priority.load(Relaxed)
    }

    pub(super) fn well(&self) -> bool {
        self.well.load(Relaxed)
    }

    pub(super) fn ejected(&self, now: Instant) -> bool {
        let until = self.ejected_until.load(Relaxed);
        until != 0 && self.at(now) < until
    }

    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Peak-EWMA: the expected wait of one more request, in nanoseconds. A slower answer counts at once and whole, a faster one by and by; without answers
    /// the average falls, so that one which was slow is tried again.
    pub(super) fn load(&self, now: Instant) -> f64 {
        let average = self.average_at(nanos(now.saturating_duration_since(self.made)));
        let waiting = f64::from(self.in_flight());
        let expected =
            if average == 0.0 && waiting > 0.0 { FAILED + waiting } else { average * (waiting + 1.0) };
        expected / f64::from(self.weight().max(1))
    }

    #[expect(clippy::cast_precision_loss, reason = "nanoseconds")]
    fn average_at(&self, at: u64) -> f64 {
        let average = f64::from_bits(self.average.load(Relaxed));
        let since = at.saturating_sub(self.averaged.load(Relaxed));
        average * (-(since as f64) / DECAY.as_nanos() as f64).exp()
    }

    /// What became of a request; whether it is to be left out for it.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds")]
    pub(super) fn report(
        &self,
        good: bool,
        latency: Duration,
        now: Instant,
        policy: &crate::config::PassiveHealth,
    ) -> bool {
        let took = if good { nanos(latency) as f64 } else { (nanos(latency) as f64).max(FAILED) };
        let at = nanos(now.saturating_duration_since(self.made));
        if !good {
            self.failures.fetch_add(1, Relaxed);
        }
        let mut state = self.lock();
        let average = f64::from_bits(self.average.load(Relaxed));
        let since = at.saturating_sub(self.averaged.load(Relaxed));
        let kept = (-(since as f64) / DECAY.as_nanos() as f64).exp();
        let next = if took > average { took } else { average.mul_add(kept, took * (1.0 - kept)) };
        self.average.store(next.to_bits(), Relaxed);
        self.averaged.store(at, Relaxed);
        state.treated.outcome(good, policy) && !state.treated.ejected(self.at(now))
    }

    pub(super) fn eject(&self, now: Instant, policy: &crate::config::PassiveHealth) {
        let mut state = self.lock();
        state.treated.eject(self.at(now), policy);
        self.ejected_until.store(state.treated.until, Relaxed);
    }

    /// One more answer to our own question; whether it changed anything.
    pub(super) fn answer(&self, good: bool, policy: &ActiveHealth) -> bool {
        let mut state = self.lock();
        let changed = state.asked.answer(good, policy);
        self.well.store(state.asked.well, Relaxed);
        if changed && good {
            state.treated.clear();
            self.ejected_until.store(0, Relaxed);
        }
        changed
    }

    /// It is not asked any more, and so counts as well.
    pub(super) fn unasked(&self) {
        self.lock().asked = Asked::new();
        self.well.store(true, Relaxed);
    }

    /// What is shown of it.
    pub fn status(&self, now: Instant) -> TargetStatus {
        let left = self.ejected_until.load(Relaxed).saturating_sub(self.at(now));
        TargetStatus {
            url: self.key.to_string(),
            weight: self.weight.load(Relaxed),
            healthy: self.well(),
            ejected_seconds: (left > 0).then(|| Duration::from_millis(left).as_secs_f64()),
            in_flight: self.in_flight(),
            requests: self.requests.load(Relaxed),
            failures: self.failures.load(Relaxed),
            average_ms: f64::from_bits(self.average.load(Relaxed)) / 1e6,
        }
    }

    /// Milliseconds of its own clock; never 0, which stands for never.
    fn at(&self, now: Instant) -> u64 {
        ms(now.saturating_duration_since(self.made)) + 1
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
