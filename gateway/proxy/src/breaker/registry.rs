//! Breakers by name. They outlive snapshots: a new configuration finds the breakers that are there, in the state that they are in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use serde::Serialize;

use super::{Breaker, Policy, State};

/// What is shown of a breaker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// A service's name, or `service/route`.
    pub name: String,
    /// Its state.
    pub state: State,
    /// For how long it has been in it, in seconds.
    pub for_seconds: f64,
    /// When an open one admits probes, in seconds.
    pub retry_after_seconds: Option<f64>,
    /// Opened by hand, without an end.
    pub by_hand: bool,
    /// Requests that ended within the window.
    pub requests: u64,
    /// Of them, failures.
    pub failures: u64,
    /// Probes that are out.
    pub probes: u32,
    /// Requests that it refused, ever.
    pub refused: u64,
    /// How often it opened, ever.
    pub openings: u64,
}

/// All breakers.
#[derive(Debug, Default)]
pub struct Breakers(RwLock<BTreeMap<Arc<str>, Arc<Breaker>>>);

impl Breakers {
    /// The breaker of that name with these settings; made where there is none.
    pub fn of(&self, name: &str, policy: Policy, now: Instant) -> Arc<Breaker> {
        let mut breakers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(breaker) = breakers.get(name) {
            breaker.configure(policy);
            return Arc::clone(breaker);
        }
        let name: Arc<str> = Arc::from(name);
        let breaker = Arc::new(Breaker::new(Arc::clone(&name), policy, now));
        breakers.insert(name, Arc::clone(&breaker));
        breaker
    }

    /// The breaker of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<Arc<Breaker>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Forgets those that no configuration names any more.
    pub fn keep(&self, names: &BTreeSet<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names.contains(&**name));
    }

    /// All, by name.
    pub fn list(&self, now: Instant) -> Vec<Status> {
        let breakers: Vec<_> =
            self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        breakers.iter().map(|breaker| breaker.status(now)).collect()
    }
}
