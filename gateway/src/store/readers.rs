//! The connections that read: as many as the configuration allows, opened when they are first needed and kept.
//!
//! Why not sqlx's own pool: each time that a connection is given back it asks it whether it still lives, and for SQLite that is a second trip to the
//! connection's thread for every query, which costs as much as a small read. A connection to a file does not die between two queries, so here only one
//! whose query was given up half way is asked.
//!
//! Promises: a query waits for a connection no longer than its patience; one that is given up leaves no connection with work of its own to the next;
//! after the store was closed there is none to be had.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo,
};
use sqlx::{Connection as _, Either, Error, Execute, Executor, SqlStr, Sqlite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::dialect;

/// How long a query of the gateway waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The readers. They see every committed change and cannot write. An [`Executor`]: hand it to a query.
pub struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    options: SqliteConnectOptions,
    most: u32,
    patience: Duration,
    /// One for each connection that may be lent.
    permits: Arc<Semaphore>,
    /// Those that nobody has; the one that was used last is the next, as its pages are still at hand.
    idle: Mutex<Vec<SqliteConnection>>,
    open: AtomicU32,
    closing: AtomicBool,
}

/// A connection on loan. Unless it is [settled](Lent::settle), it is asked whether it lives before anybody else gets it.
pub struct Lent {
    pool: Arc<Pool>,
    permit: Option<OwnedSemaphorePermit>,
    /// Gone only while the loan is given back.
    connection: Option<SqliteConnection>,
    settled: bool,
}

impl Readers {
    /// Opens the first connection, so that a database that cannot be read is found out at once.
    pub(super) async fn open(
        options: SqliteConnectOptions,
        most: u32,
        patience: Duration,
    ) -> Result<Self, Error> {
        let most = most.max(1);
        let first = dialect::connect(&options).await?;
        let pool = Pool {
            options,
            most,
            patience,
            permits: Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS))),
            idle: Mutex::new(vec![first]),
            open: AtomicU32::new(1),
            closing: AtomicBool::new(false),
        };
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Lends a connection, for several statements on the same one.
    ///
    /// # Errors
    /// [`Error::PoolTimedOut`] when none came free in time, [`Error::PoolClosed`] after the store was closed, and whatever opening one can end in.
    pub async fn lend(&self) -> Result<Lent, Error> {
        let pool = &self.pool;
        if pool.closing.load(Ordering::Acquire) {
            return Err(Error::PoolClosed);
        }
        let permit = match Arc::clone(&pool.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(Error::PoolClosed),
            Err(TryAcquireError::NoPermits) => {
                let waiting = tokio::time::timeout(pool.patience, Arc::clone(&pool.permits).acquire_owned());
                waiting.await.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?
            }
        };
        // Asked again: whoever closes waits for all permits, so those who waited before get theirs first.
        if pool.closing.load(Ordering::Acquire) {
            return Err(Error::PoolClosed);
        }
        let idle = pool.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = dialect::connect(&pool.options).await?;
                pool.open.fetch_add(1, Ordering::Relaxed);
                connection
            }
        };
        Ok(Lent {
            pool: Arc::clone(pool),
            permit: Some(permit),
            connection: Some(connection),
            settled: false,
        })
    }

    /// How many connections are open.
    pub fn size(&self) -> u32 {
        self.pool.open.load(Ordering::Relaxed)
    }

    /// How many of them nobody uses.
    pub fn num_idle(&self) -> usize {
        self.pool.idle().len()
    }

    /// Waits for the queries under way and closes every connection. Later queries fail.
    pub(super) async fn close(&self) {
        self.pool.closing.store(true, Ordering::Release);
        // It is never closed before this, so there is nothing to fail.
        let all = self.pool.permits.acquire_many(self.pool.most).await;
        let idle = std::mem::take(&mut *self.pool.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a reader was not closed in order");
            }
        }
        self.pool.open.store(0, Ordering::Relaxed);
        self.pool.permits.close();
        drop(all);
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        // Nothing is done while it is held that could leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// The connection.
    ///
    /// # Errors
    /// None that can happen while the loan lasts.
    pub fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        self.connection.as_mut().ok_or(Error::PoolClosed)
    }

    /// A statement came to its end, whichever it was; only a connection whose thread is gone is of no more use.
    fn ended<T>(mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        if !matches!(outcome, Err(Error::WorkerCrashed)) {
            self.settle();
        }
        outcome
    }

    /// Says that no statement is under way, so that the next may have the connection at once.
    pub fn settle(&mut self) {
        self.settled = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(mut connection), permit) = (self.connection.take(), self.permit.take()) else { return };
        if self.settled {
            self.pool.idle().push(connection);
            return;
        }
        let pool = Arc::clone(&self.pool);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            pool.open.fetch_sub(1, Ordering::Relaxed);
            return;
        };
        runtime.spawn(async move {
            // Answered when what was under way has been broken off.
            match connection.ping().await {
                Ok(()) => pool.idle().push(connection),
                Err(error) => {
                    tracing::warn!(%error, "a reader is given up");
                    pool.open.fetch_sub(1, Ordering::Relaxed);
                }
            }
            drop(permit);
        });
    }
}

impl<'r> Executor<'r> for &'r Readers {
    type Database = Sqlite;

    /// All rows are read before the first is handed on, so that whoever is slow with them holds up no reader. Every list of ours is bounded.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let rows = async move {
            let mut lent = self.lend().await?;
            let rows: Result<Vec<_>, Error> = lent.connection()?.fetch_many(query).try_collect().await;
            Ok::<_, Error>(stream::iter(lent.ended(rows)?.into_iter().map(Ok)))
        };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<SqliteRow>, Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        Box::pin(async move {
            let mut lent = self.lend().await?;
            let rows = lent.connection()?.fetch_all(query).await;
            lent.ended(rows)
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'r: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        Box::pin(async move {
            let mut lent = self.lend().await?;
            let row = lent.connection()?.fetch_optional(query).await;
            lent.ended(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'r: 'e,
    {
        Box::pin(async move {
            let mut lent = self.lend().await?;
            let statement = lent.connection()?.prepare_with(sql, parameters).await;
            lent.ended(statement)
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<Sqlite>, Error>>
    where
        'r: 'e,
    {
        Box::pin(async move {
            let mut lent = self.lend().await?;
            let description = lent.connection()?.describe(sql).await;
            lent.ended(description)
        })
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readers").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lent").field("settled", &self.settled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn readers(most: u32) -> (tempfile::TempDir, Readers) {
        patient(most, Duration::from_secs(30)).await
    }

    async fn patient(most: u32, patience: Duration) -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let options =
            SqliteConnectOptions::new().filename(folder.path().join("a.db")).create_if_missing(true);
        (folder, Readers::open(options, most, patience).await.unwrap())
    }

    async fn one(readers: &Readers) -> i64 {
        sqlx::query_scalar("SELECT 1").fetch_one(readers).await.unwrap()
    }

    #[tokio::test]
    async fn connections_are_opened_when_they_are_needed_and_kept() {
        let (_folder, readers) = readers(2).await;
        assert_eq!((readers.size(), readers.num_idle()), (1, 1));
        let lent = readers.lend().await.unwrap();
        assert_eq!(one(&readers).await, 1);
        assert_eq!((readers.size(), readers.num_idle()), (2, 1));
        drop(lent);
        assert_eq!(one(&readers).await, 1);
        assert_eq!(readers.size(), 2);
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_connection_is_told() {
        let (_folder, readers) = patient(1, Duration::from_millis(1)).await;
        let _lent = readers.lend().await.unwrap();
        let waited = sqlx::query("SELECT 1").execute(&readers).await.unwrap_err();
        assert!(matches!(waited, Error::PoolTimedOut), "{waited}");
    }

    #[tokio::test]
    async fn a_statement_that_fails_leaves_its_connection_to_the_next() {
        let (_folder, readers) = readers(1).await;
        sqlx::query("SELECT nothing FROM nowhere").execute(&readers).await.unwrap_err();
        assert_eq!((readers.size(), readers.num_idle()), (1, 1));
        assert_eq!(one(&readers).await, 1);
    }

    #[tokio::test]
    async fn a_query_that_is_given_up_keeps_its_connection_until_it_has_broken_off() {
        let (_folder, readers) = readers(1).await;
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT MAX(i) FROM n";
        let given_up = tokio::time::timeout(
            Duration::from_millis(1),
            sqlx::query_scalar::<_, i64>(endless).fetch_one(&readers),
        );
        assert!(given_up.await.is_err());
        assert_eq!(readers.num_idle(), 0, "still at work");
        assert_eq!(one(&readers).await, 1);
        assert_eq!((readers.size(), readers.num_idle()), (1, 1));
    }

    #[tokio::test]
    async fn closing_waits_for_what_is_under_way_and_refuses_what_comes_after() {
        let (_folder, readers) = readers(1).await;
        let lent = readers.lend().await.unwrap();
        let waiting = sqlx::query("SELECT 1").execute(&readers);
        let ((), waited) = tokio::join!(
            async {
                let closed = readers.close();
                drop(lent);
                closed.await;
            },
            waiting,
        );
        assert!(waited.is_ok() || matches!(waited, Err(Error::PoolClosed)));
        let refused = sqlx::query("SELECT 1").execute(&readers).await.unwrap_err();
        assert!(matches!(refused, Error::PoolClosed), "{refused}");
        assert_eq!(readers.size(), 0);
    }
}
