//! What the calls of one client share and ask before they send: retry budget, breaker, pacing. Each core has its own lock, held for a few instructions
//! and never across a wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::breaker::{Breaker, BreakerOptions, Health, Permit};
use super::budget::{Budget, BudgetOptions};
use super::pacing::Pacing;

/// Budget, breaker and pacing of one client.
#[derive(Debug, Default)]
pub struct Gates {
    budget: Option<Mutex<Budget>>,
    breaker: Option<Mutex<Breaker>>,
    pacing: Mutex<Pacing>,
}

impl Gates {
    /// Fresh state, sized by the options; `None`: no such gate.
    pub fn new(budget: Option<BudgetOptions>, breaker: Option<BreakerOptions>) -> Self {
        Self {
            budget: budget.map(|options| Mutex::new(Budget::new(options))),
            breaker: breaker.map(|options| Mutex::new(Breaker::new(options))),
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
}

/// The cores hold no invariant that a panic elsewhere could break, so a poisoned lock is as good as any.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
