//! What the calls of one client share. Each core has its own lock, held for a few instructions and never across a wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::breaker::{Breaker, Health, Permit};
use super::budget::Budget;
use super::cache::{Cache, Key, Stored};
use super::pacing::Pacing;
use crate::engine::message::Headers;
use crate::engine::options::ClientOptions;

/// The state that all calls of a client share: retry budget, breaker, pacing, cache. Behind an `Arc` in the client.
#[derive(Debug, Default)]
pub struct Shared {
    budget: Option<Mutex<Budget>>,
    breaker: Option<Mutex<Breaker>>,
    cache: Option<Mutex<Cache>>,
    pacing: Mutex<Pacing>,
}

impl Shared {
    /// Fresh state, sized by the options.
    pub fn new(options: &ClientOptions) -> Self {
        Self {
            budget: options.budget.map(|options| Mutex::new(Budget::new(options))),
            breaker: options.breaker.map(|options| Mutex::new(Breaker::new(options))),
            cache: options.cache.map(|options| Mutex::new(Cache::new(options))),
            pacing: Mutex::default(),
        }
    }

    /// Takes one retry out of the budget.
    pub(crate) fn withdraw_retry(&self, elapsed: Duration) -> bool {
        self.budget.as_ref().is_none_or(|budget| lock(budget).withdraw(elapsed))
    }

    /// A call succeeded.
    pub(crate) fn succeeded(&self) {
        if let Some(budget) = &self.budget {
            lock(budget).succeeded();
        }
    }

    /// Leave to send; no permit when there is no breaker.
    pub(crate) fn permit(&self, elapsed: Duration) -> Result<Option<Permit>, Duration> {
        self.breaker.as_ref().map(|breaker| lock(breaker).permit(elapsed)).transpose()
    }

    /// How a permitted attempt went.
    pub(crate) fn report(&self, permit: Permit, health: Health, elapsed: Duration) {
        if let Some(breaker) = &self.breaker {
            lock(breaker).report(permit, health, elapsed);
        }
    }

    /// The server asked this operation to wait.
    pub(crate) fn hold(&self, operation: &'static str, wait: Duration, elapsed: Duration) {
        lock(&self.pacing).hold(operation, wait, elapsed);
    }

    /// How long this operation has to wait.
    pub(crate) fn held(&self, operation: &str, elapsed: Duration) -> Option<Duration> {
        lock(&self.pacing).wait(operation, elapsed)
    }

    /// Are answers kept at all?
    pub(crate) const fn caches(&self) -> bool {
        self.cache.is_some()
    }

    /// Is any answer kept?
    pub(crate) fn has_stored(&self) -> bool {
        self.cache.as_ref().is_some_and(|cache| !lock(cache).is_empty())
    }

    /// The stored answer of a request.
    pub(crate) fn stored(&self, key: &Key) -> Option<Stored> {
        lock(self.cache.as_ref()?).get(key)
    }

    /// Keeps an answer.
    pub(crate) fn store(&self, key: Key, status: u16, headers: &Headers, body: &Bytes) {
        if let Some(cache) = &self.cache {
            lock(cache).put(key, status, headers, body);
        }
    }
}

/// The cores hold no invariant that a panic elsewhere could break, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
