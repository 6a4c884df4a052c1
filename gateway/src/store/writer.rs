//! The one writer: transactions run one after another on one connection, and those that wait together commit together.
//!
//! A task owns the turn. It lends the connection to one [`SystemTx`] at a time, gets it back when the transaction commits
//! or is dropped, and asks the disk once for all that were ready (group commit): the first opens the SQLite transaction,
//! each later one runs in a savepoint, so a dropped one takes only itself away. Nobody is told "committed" before the
//! `COMMIT` returned. Because the task and not the request ends transactions, a request that is cancelled at any
//! `await` can neither leave one open nor take the others' commit down with it.

use std::sync::Arc;

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, mpsc, oneshot};

use super::{Clock, StoreError, dialect, idempotency};
use crate::http::Idempotency;
use crate::secrets::Sealer;

/// Most transactions in one batch: bounds how long the first waits for the last (64 transfers take some milliseconds).
const MEMBERS: usize = 64;

/// Requests that may queue before `begin` itself waits.
const QUEUE: usize = 1024;

type Ack = oneshot::Sender<Result<(), StoreError>>;
type Lease = OwnedMutexGuard<Desk>;

/// What is lent: the connection, and the word of the borrower about how it ended.
struct Desk {
    connection: SqliteConnection,
    /// Set by a commit; a borrower that goes away without it is rolled back.
    committed: Option<Ack>,
}

enum Message {
    Begin(oneshot::Sender<Result<Lease, StoreError>>),
    Close(oneshot::Sender<()>),
}

/// The handle to the writer's task.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    clock: Arc<Clock>,
    outbox: Arc<Notify>,
}

impl Writer {
    pub(super) fn spawn(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        clock: Arc<Clock>,
    ) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let desk = Arc::new(Mutex::new(Desk { connection, committed: None }));
        tokio::spawn(Task { messages, desk, options, broken: false }.run());
        Self { queue, clock, outbox: Arc::default() }
    }

    /// Woken by every commit that told of something.
    pub(super) fn outbox(&self) -> &Notify {
        &self.outbox
    }

    pub(super) async fn begin(
        &self,
        idempotency: Option<Idempotency>,
        sealer: Sealer,
    ) -> Result<SystemTx, StoreError> {
        let (reply, lease) = oneshot::channel();
        self.queue.send(Message::Begin(reply)).await.map_err(|_| StoreError::Closed)?;
        let lease = lease.await.map_err(|_| StoreError::Closed)??;
        // Taken under the lease, so that times are in the order of commits.
        let now = self.clock.tick();
        Ok(SystemTx { lease, now, idempotency, sealer, told: 0, outbox: Arc::clone(&self.outbox) })
    }

    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            closed.await.ok();
        }
    }
}

/// A write transaction of the gateway's own work, over all tenants; a handler has a [`super::WriteTx`]. Dropped without a commit, it leaves nothing behind.
pub struct SystemTx {
    lease: Lease,
    now: i64,
    idempotency: Option<Idempotency>,
    sealer: Sealer,
    /// Events that it tells of so far.
    told: u16,
    outbox: Arc<Notify>,
}

impl std::fmt::Debug for SystemTx {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SystemTx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl SystemTx {
    /// The connection to run SQL on. It reads its own writes. Do not send `BEGIN`, `COMMIT` or `ROLLBACK`.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.lease.connection
    }

    /// Goes on as a transaction of the tenant that was found or made in it.
    pub fn in_tenant(self, tenant_id: impl Into<String>) -> super::WriteTx {
        super::WriteTx::new(self, tenant_id.into())
    }

    /// This transaction's time in microseconds: later than that of every transaction before.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Counts one event that the transaction tells of; the commit wakes whoever waits for events. Answers how many there were before.
    pub(super) fn tell(&mut self) -> u16 {
        let before = self.told;
        self.told = before.saturating_add(1);
        before
    }

    /// Commits, and records `answer` (the success body) if the request came with an idempotency key.
    /// Returns when it is durable.
    pub async fn commit<T: Serialize + ?Sized>(mut self, answer: &T) -> Result<(), StoreError> {
        if self.idempotency.is_some() {
            let body = serde_json::to_vec(answer)?;
            self.record(&body).await?;
        }
        self.finish().await
    }

    /// Commits a change whose success has no body (204), recording it like [`SystemTx::commit`].
    pub async fn commit_empty(mut self) -> Result<(), StoreError> {
        self.record(b"").await?;
        self.finish().await
    }

    async fn record(&mut self, body: &[u8]) -> Result<(), StoreError> {
        let Some(key) = self.idempotency.take() else { return Ok(()) };
        idempotency::insert(
            &mut self.lease.connection,
            &self.sealer,
            &key.scope,
            &key.fingerprint,
            key.status,
            body,
            self.now,
        )
        .await
    }

    async fn finish(self) -> Result<(), StoreError> {
        let Self { mut lease, told, outbox, .. } = self;
        let (ack, durable) = oneshot::channel();
        lease.committed = Some(ack);
        drop(lease);
        let outcome = durable.await.map_err(|_| StoreError::Closed)?;
        if told > 0 && outcome.is_ok() {
            outbox.notify_one();
        }
        outcome
    }
}

struct Task {
    messages: mpsc::Receiver<Message>,
    desk: Arc<Mutex<Desk>>,
    options: SqliteConnectOptions,
    /// A rollback failed: the connection's state is unknown, so the next batch opens a new one.
    broken: bool,
}

impl Task {
    async fn run(mut self) {
        while let Some(message) = self.messages.recv().await {
            match message {
                Message::Begin(reply) => {
                    if let Some(closing) = self.batch(reply).await {
                        return self.close(closing).await;
                    }
                }
                Message::Close(reply) => return self.close(reply).await,
            }
        }
    }

    /// Everything from one `BEGIN` to its `COMMIT`. Answers a `close` that came in between.
    async fn batch(
        &mut self,
        first: oneshot::Sender<Result<Lease, StoreError>>,
    ) -> Option<oneshot::Sender<()>> {
        let mut desk = Arc::clone(&self.desk).lock_owned().await;
        if let Err(error) = self.open(&mut desk).await {
            first.send(Err(error.into())).ok();
            return None;
        }
        let mut acks = Vec::new();
        let mut closing = None;
        let mut next = Some(first);
        let mut failed = None;
        let mut savepoint_open = false;
        // Those that are rolled back count as well, or a stream of refusals would keep the others from their commit.
        let mut members = 0;
        while let Some(reply) = next.take() {
            let in_savepoint = !acks.is_empty();
            if in_savepoint {
                let statement = if savepoint_open { dialect::NEXT_SAVEPOINT } else { dialect::SAVEPOINT };
                if let Err(error) = run(&mut desk.connection, statement).await {
                    let error = Arc::new(error);
                    reply.send(Err(StoreError::Commit(Arc::clone(&error)))).ok();
                    failed = Some(error);
                    break;
                }
                savepoint_open = true;
            }
            desk.committed = None;
            // A caller that went away drops the lease, here or in its channel; either way the lock comes back.
            reply.send(Ok(desk)).ok();
            desk = Arc::clone(&self.desk).lock_owned().await;
            let ended = match (desk.committed.take(), in_savepoint) {
                (Some(ack), _) => {
                    acks.push(ack);
                    Ok(())
                }
                (None, true) => run(&mut desk.connection, dialect::ROLLBACK_TO).await,
                // The first of a batch has no savepoint: nothing is in the transaction but what it wrote.
                (None, false) => {
                    self.rollback(&mut desk.connection).await;
                    return None;
                }
            };
            if let Err(error) = ended {
                failed = Some(Arc::new(error));
                break;
            }
            members += 1;
            if members < MEMBERS {
                match self.messages.try_recv() {
                    Ok(Message::Begin(reply)) => next = Some(reply),
                    Ok(Message::Close(reply)) => closing = Some(reply),
                    Err(_) => {}
                }
            }
        }
        let outcome = match failed {
            None => run(&mut desk.connection, dialect::COMMIT).await.map_err(Arc::new),
            Some(error) => Err(error),
        };
        match outcome {
            Ok(()) => acks.into_iter().for_each(|ack| {
                ack.send(Ok(())).ok();
            }),
            Err(error) => {
                self.rollback(&mut desk.connection).await;
                for ack in acks {
                    ack.send(Err(StoreError::Commit(Arc::clone(&error)))).ok();
                }
            }
        }
        closing
    }

    async fn open(&mut self, desk: &mut Lease) -> Result<(), sqlx::Error> {
        if self.broken {
            desk.connection = dialect::connect(&self.options).await?;
            self.broken = false;
        }
        run(&mut desk.connection, dialect::BEGIN).await
    }

    async fn rollback(&mut self, connection: &mut SqliteConnection) {
        // After some failures (a full disk, an I/O error) SQLite has rolled back by itself and says so with an error;
        // a new connection is right in both cases.
        if let Err(error) = run(connection, dialect::ROLLBACK).await {
            tracing::warn!(%error, "rollback failed; the writer reconnects");
            self.broken = true;
        }
    }

    async fn close(self, reply: oneshot::Sender<()>) {
        use sqlx::Connection as _;
        drop(self.messages);
        // Waits for a borrower, if any. The last reference closes the connection, which writes the log back.
        drop(self.desk.lock().await);
        if let Some(desk) = Arc::into_inner(self.desk)
            && let Err(error) = desk.into_inner().connection.close().await
        {
            tracing::warn!(%error, "closing the database failed");
        }
        reply.send(()).ok();
    }
}

async fn run(connection: &mut SqliteConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(connection).await.map(drop)
}
