//! The bus: tells what is in this process of every event, after the commit that it came with.
//!
//! It follows the table of events, woken by each commit of this process at once and looking by itself every second, for what other processes wrote and for a
//! wake that was lost. Handlers are told in the order of their priorities, those of one priority at the same time. One that fails, panics or hangs is tried
//! again and then left behind for that event, and holds up no other for longer than its tries take. Up to where it has come is written about every second:
//! after a crash the last events are told again, so a handler is told of each at least once and knows them apart by their ids.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;

use super::storage;
use crate::secrets::id;
use crate::store::{Store, StoreError, System};

/// How often it looks without being woken.
const POLL: Duration = Duration::from_secs(1);

/// How often it writes up to where it has come.
const NOTE: Duration = Duration::from_secs(1);

/// Events that are read at once.
const BATCH: i64 = 256;

/// Events that are removed in one transaction.
const STEP: i64 = 500;

/// How long a handler may take for one event, and how long to wait before each further try.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// The name under which its place is kept.
const NAME: &str = "bus";

/// What a handler is told. What the event says is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// `evt_…`
    pub id: String,
    /// Whose event it is.
    pub tenant_id: String,
    /// `wallet.created`.
    pub kind: String,
}

/// Why a handler did not do its work.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Something in this process that is told of events.
pub trait Handler: Send + Sync + 'static {
    /// For the log.
    fn name(&self) -> &'static str;

    /// Told of one event, at least once, in order. An error, a panic or more than ten seconds is a failed try; there are three.
    fn handle<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), Failure>>;
}

/// When a handler's turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before the others.
    High,
    /// With most.
    Normal,
    /// After the others.
    Low,
}

/// The bus of one gateway.
pub struct Bus {
    handlers: RwLock<Vec<(Priority, Arc<dyn Handler>)>>,
    tenants: Mutex<HashMap<String, Waiters>>,
    /// The last event that all handlers were told of.
    position: Mutex<String>,
    closing: watch::Sender<bool>,
    pauses: [Duration; 2],
}

/// Those who wait for events of one tenant.
struct Waiters {
    wake: watch::Sender<()>,
    count: usize,
}

/// A place among those who wait for events of a tenant; given back when it is dropped.
pub(crate) struct Waiter {
    bus: Arc<Bus>,
    tenant_id: String,
    wake: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bus").field("position", &*locked(&self.position)).finish_non_exhaustive()
    }
}

/// Nothing is done under these locks that could leave what they guard half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus {
    /// The bus of this database, at the place where it was left.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            handlers: RwLock::default(),
            tenants: Mutex::default(),
            position: Mutex::new(storage::position(store.system(System::Events), NAME).await?),
            closing: watch::Sender::new(false),
            pauses: PAUSES,
        })
    }

    /// Adds a handler. It is told of events from the bus's present place on.
    pub fn subscribe(&self, priority: Priority, handler: Arc<dyn Handler>) {
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        let place = handlers.partition_point(|(other, _)| *other <= priority);
        handlers.insert(place, (priority, handler));
    }

    /// The last event that was told; empty before the first.
    pub fn position(&self) -> String {
        locked(&self.position).clone()
    }

    /// Tells everybody who waits that nothing comes any more.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// A place among the tenant's waiters, of which there may be `most`.
    pub(crate) fn wait(self: &Arc<Self>, tenant_id: &str, most: usize) -> Option<Waiter> {
        let mut tenants = locked(&self.tenants);
        let waiters = tenants
            .entry(tenant_id.to_owned())
            .or_insert_with(|| Waiters { wake: watch::Sender::new(()), count: 0 });
        if waiters.count >= most {
            return None;
        }
        waiters.count += 1;
        Some(Waiter {
            bus: Arc::clone(self),
            tenant_id: tenant_id.to_owned(),
            wake: waiters.wake.subscribe(),
            closing: self.closing.subscribe(),
        })
    }

    /// Tells of events for as long as it is polled.
    pub async fn run(&self, store: &Store) {
        let mut noted = (self.position(), Instant::now());
        loop {
            // A wake that comes while it tells is kept for the next round.
            let _woken_or_not = tokio::time::timeout(POLL, store.outbox().notified()).await;
            if let Err(error) = self.round(store, &mut noted).await {
                tracing::warn!(%error, "events could not be told; it will be tried again");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Tells of everything that is there.
    async fn round(&self, store: &Store, noted: &mut (String, Instant)) -> Result<(), StoreError> {
        loop {
            let after = self.position();
            let events = storage::behind(store.system(System::Events), &after, BATCH).await?;
            let more = i64::try_from(events.len()).is_ok_and(|count| count == BATCH);
            for (id, tenant_id, kind) in events {
                if let Some(waiters) = locked(&self.tenants).get(&tenant_id) {
                    waiters.wake.send_replace(());
                }
                self.tell(&Notice { id: id.clone(), tenant_id, kind }).await;
                *locked(&self.position) = id;
            }
            let position = self.position();
            if position != noted.0 && noted.1.elapsed() >= NOTE {
                let mut tx = store.begin_system(System::Events).await?;
                storage::set_position(&mut tx, NAME, &position).await?;
                tx.commit_empty().await?;
                *noted = (position, Instant::now());
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Tells every handler of one event, priority by priority.
    async fn tell(&self, notice: &Notice) {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for group in handlers.chunk_by(|(one, _), (other, _)| one == other) {
            join_all(group.iter().map(|(_, handler)| told(&**handler, notice, self.pauses))).await;
        }
    }

    /// Removes events that are older than `before` (microseconds) and that everybody was told of, of all tenants, step by step.
    pub(crate) async fn expire(&self, store: &Store, before: i64) -> Result<(), StoreError> {
        let before = id::first_at("evt", before).min(self.position());
        loop {
            let mut tx = store.begin_system(System::Housekeeping).await?;
            let removed = storage::expire(&mut tx, &before, STEP).await?;
            tx.commit_empty().await?;
            if i64::try_from(removed).unwrap_or_default() < STEP {
                return Ok(());
            }
        }
    }
}

/// Tells one handler, up to three times.
async fn told(handler: &dyn Handler, notice: &Notice, pauses: [Duration; 2]) {
    for pause in pauses.into_iter().map(Some).chain([None]) {
        let work = AssertUnwindSafe(handler.handle(notice)).catch_unwind();
        let error: Failure = match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error,
            Ok(Err(_panic)) => "it panicked".into(),
            Err(_) => "it took too long".into(),
        };
        tracing::warn!(handler = handler.name(), event = notice.id, %error, last = pause.is_none(), "an event was not handled");
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
}

impl Waiter {
    /// Ready when there may be something new of the tenant, or when the gateway is about to stop.
    pub(crate) async fn woken(&mut self) {
        let Self { wake, closing, .. } = self;
        // Neither is closed while somebody waits.
        tokio::select! {
            _ = wake.changed() => {}
            _ = closing.changed() => {}
        }
    }

    /// Whether the gateway is about to stop.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut tenants = locked(&self.bus.tenants);
        if let Some(waiters) = tenants.get_mut(&self.tenant_id) {
            waiters.count -= 1;
            if waiters.count == 0 {
                tenants.remove(&self.tenant_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Fails as often as it is told to, in the way that it is told to, and remembers.
    struct Clumsy {
        name: &'static str,
        failures: AtomicUsize,
        panics: bool,
        log: Arc<Mutex<Vec<String>>>,
    }

    impl Handler for Clumsy {
        fn name(&self) -> &'static str {
            self.name
        }

        fn handle<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async move {
                let fails = self
                    .failures
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if fails.is_ok() {
                    assert!(!self.panics, "as it was told");
                    return Err("not yet".into());
                }
                locked(&self.log).push(format!("{} {}", self.name, notice.id));
                Ok(())
            })
        }
    }

    async fn told_of(handlers: &[(&'static str, Priority, usize, bool)]) -> Vec<String> {
        let bus = Bus {
            handlers: RwLock::default(),
            tenants: Mutex::default(),
            position: Mutex::default(),
            closing: watch::Sender::new(false),
            pauses: [Duration::ZERO; 2],
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        for (name, priority, failures, panics) in handlers.iter().copied() {
            let failures = AtomicUsize::new(failures);
            bus.subscribe(priority, Arc::new(Clumsy { name, failures, panics, log: Arc::clone(&log) }));
        }
        for id in ["evt_1", "evt_2"] {
            bus.tell(&Notice { id: id.to_owned(), tenant_id: "ten_1".to_owned(), kind: "a.b".to_owned() })
                .await;
        }
        locked(&log).clone()
    }

    #[tokio::test]
    async fn handlers_are_told_in_the_order_of_their_priorities() {
        use Priority::{High, Low, Normal};
        let told =
            told_of(&[("late", Low, 0, false), ("early", High, 0, false), ("usual", Normal, 0, false)]).await;
        assert_eq!(
            told,
            ["early evt_1", "usual evt_1", "late evt_1", "early evt_2", "usual evt_2", "late evt_2"]
        );
    }

    #[tokio::test]
    async fn one_that_fails_or_panics_is_tried_again_and_keeps_nobody_from_an_event() {
        use Priority::{High, Low};
        let told =
            told_of(&[("clumsy", High, 2, false), ("wild", High, 3, true), ("good", Low, 0, false)]).await;
        assert_eq!(told, ["clumsy evt_1", "good evt_1", "clumsy evt_2", "wild evt_2", "good evt_2"]);
    }
}
