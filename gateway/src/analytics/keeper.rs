//! From the data plane's memory to the database. What cannot be written waits, so many steps at most; beyond that the oldest are dropped and counted.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use waypost_proxy::observe::analytics::Step;

use super::storage;
use crate::Gateway;
use crate::secrets::id;
use crate::store::{StoreError, System};

/// Steps that may wait for the database: two hours of minutes.
const WAITING: usize = 120;

/// Steps that one question reads at once.
const CHUNK: i64 = 256;

/// What is not in the database yet.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Names this run of this node: two runs may share a minute.
    node: String,
    waiting: Mutex<VecDeque<Step>>,
    dropped: AtomicU64,
}

impl Keeper {
    pub(crate) fn new() -> Self {
        Self { node: id::new("nod"), waiting: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Step>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts steps behind those that wait.
    fn take_in(&self, waiting: &mut VecDeque<Step>, steps: Vec<Step>) {
        waiting.extend(steps);
        while waiting.len() > WAITING {
            if let Some(step) = waiting.pop_front() {
                self.dropped.fetch_add(step.total.requests, Relaxed);
            }
        }
    }

    /// Requests whose step was dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

impl Gateway {
    /// Writes what the data plane has finished.
    pub(crate) async fn keep_analytics(&self) -> Result<(), StoreError> {
        if let Ok(proxy) = self.proxy() {
            // Under one lock with the waiting ones, so that whoever asks finds each step in one place at least.
            let mut waiting = self.analytics.waiting();
            let finished = proxy.recorder().analytics().flush();
            self.analytics.take_in(&mut waiting, finished);
        }
        let steps: Vec<Step> = self.analytics.waiting().iter().cloned().collect();
        if steps.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin_system(System::DataPlane).await?;
        for step in &steps {
            storage::save(tx.connection(), &self.analytics.node, step).await?;
        }
        tx.commit_empty().await?;
        // Steps that came meanwhile are behind these.
        let mut waiting = self.analytics.waiting();
        let written = steps.len().min(waiting.len());
        waiting.drain(..written);
        Ok(())
    }

    /// Writes everything, the minute under way too: the process is about to end.
    pub(crate) async fn end_analytics(&self) {
        if let Ok(proxy) = self.proxy() {
            proxy.recorder().settle();
            proxy.recorder().analytics().end();
        }
        if let Err(error) = self.keep_analytics().await {
            tracing::warn!(%error, "the last minutes of analytics could not be written");
        }
    }

    /// Removes what is older than the configuration wants to know.
    pub(crate) async fn prune_analytics(&self) -> Result<(), StoreError> {
        let kept = i64::try_from(self.config.analytics.retention.as_millis()).unwrap_or(i64::MAX);
        let before = (self.store.now() / 1_000).saturating_sub(kept);
        let mut tx = self.store.begin_system(System::DataPlane).await?;
        storage::prune(tx.connection(), before).await?;
        tx.commit_empty().await
    }

    /// Hands every step of a time (milliseconds of the Unix time) on, in no order: of all nodes from the database, and of this one also what is not there yet.
    pub(super) async fn steps(
        &self,
        from: i64,
        to: i64,
        mut each: impl FnMut(&Step) + Send,
    ) -> Result<(), StoreError> {
        let within = |step: &Step| i64::try_from(step.at).is_ok_and(|at| (from..to).contains(&at));
        // Memory first: what moves into the database between the two looks is then seen twice and counted once.
        let mut held = self.held();
        held.retain(within);
        let mut stored: BTreeSet<u64> = BTreeSet::new();
        let mut after = (from, String::new());
        loop {
            let rows = storage::steps(self.store.system(System::DataPlane), &after, to, CHUNK).await?;
            let Some(last) = rows.last() else { break };
            after = (last.at, last.node.clone());
            for row in &rows {
                if row.node == self.analytics.node {
                    stored.insert(row.step.at);
                }
                each(&row.step);
            }
        }
        held.iter().filter(|step| !stored.contains(&step.at)).for_each(each);
        Ok(())
    }

    /// What is not in the database yet.
    fn held(&self) -> Vec<Step> {
        let waiting = self.analytics.waiting();
        let mut held: Vec<Step> = waiting.iter().cloned().collect();
        if let Ok(proxy) = self.proxy() {
            held.extend(proxy.recorder().analytics().unflushed());
        }
        held
    }
}
