//! The database: one SQLite file, many readers, one writer, nothing acknowledged before it is on the disk.
//!
//! What lives here: opening and migrating ([`Store::open`]), a tenant's rows to read ([`Store::tenant`]) and to write ([`Store::begin`], [`WriteTx`]), the
//! gateway's own work over all tenants ([`Store::system`], [`System`]), the recorded answers of idempotent requests ([`idempotency`]), the clock and
//! the cursors of lists. What does not: any table of a resource; each resource keeps its SQL in its own `storage.rs`.
//!
//! The rules that callers may build on:
//! - A change and the recorded answer of the request that asked for it are one transaction. A crash leaves both or neither.
//! - [`WriteTx::commit`] returns after the commit is durable. Several transactions may share one commit (and one `fsync`).
//! - A [`WriteTx`] that is dropped (an error, a client that went away, a timeout) leaves nothing behind.
//! - A handler sees its caller's tenant and no other: its statements are checked by the compiler and the tenant is bound for it ([`sql!`](sql)).
//! - Write transactions run one after another, so a rule that is checked inside one still holds when it commits.
//!
//! SQL is written with `$1` placeholders in the subset that SQLite and PostgreSQL share: `TEXT`, `BIGINT` and `BLOB`
//! columns, times as `BIGINT` microseconds. What only SQLite understands lives in [`dialect`].

pub mod clock;
pub mod cursor;
pub mod dialect;
mod error;
pub mod idempotency;
pub mod list;
mod readers;
pub(crate) mod statement;
mod tenant;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::http::{Context, Error};
use crate::secrets::Sealer;
pub use clock::Clock;
pub use error::StoreError;
pub use idempotency::Recorded;
pub use readers::{Lent, Readers};
pub(crate) use statement::{listing, part_sql, sql};
pub use tenant::{System, TenantExecutor, TenantList, TenantQuery, TenantReader, WriteTx};
pub use writer::SystemTx;

/// Where the database is and how it is kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database file; it and its folder are made when they are missing.
    pub path: PathBuf,
    /// What a commit waits for.
    pub durability: Durability,
    /// How many connections read at once; at least 1.
    pub readers: u32,
    /// How long to wait for another process that holds the database's write lock.
    pub busy_timeout: std::time::Duration,
}

impl StoreConfig {
    /// The defaults for a database in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            path: path.into(),
            durability: Durability::Full,
            readers: u32::try_from(cores).unwrap_or(8).clamp(2, 8),
            busy_timeout: std::time::Duration::from_secs(5),
        }
    }
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// An acknowledged change survives a power cut (`synchronous = FULL`).
    #[default]
    Full,
    /// An acknowledged change survives a crash of the process, not of the machine (`synchronous = NORMAL`).
    Normal,
}

/// The open database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    writer: writer::Writer,
    sealer: Sealer,
    clock: Arc<Clock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("readers", &self.inner.readers.size()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the database, makes it if it is missing, and brings its tables up to date.
    ///
    /// `sealer` encrypts the recorded answers, which may hold tokens. Must be called on a Tokio runtime.
    pub async fn open(config: &StoreConfig, sealer: Sealer) -> Result<Self, StoreError> {
        if let Some(folder) = config.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            crate::secrets::create_private_directory(folder)
                .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        }
        let open = |source| StoreError::Open { path: config.path.clone(), source };
        make_private(&config.path).map_err(|error| open(error.into()))?;
        let mut connection = dialect::connect(&dialect::writer_options(config)).await.map_err(open)?;
        sqlx::migrate!("./migrations").run(&mut connection).await?;
        let clock = Arc::new(Clock::starting_at(dialect::latest_time(&mut connection).await?));
        // The readers come second: a read-only connection cannot make the files of the write-ahead log.
        let readers = Readers::open(dialect::reader_options(config), config.readers, readers::PATIENCE)
            .await
            .map_err(open)?;
        let writer = writer::Writer::spawn(connection, dialect::writer_options(config), Arc::clone(&clock));
        Ok(Self { inner: Arc::new(Inner { readers, writer, sealer, clock }) })
    }

    /// The rows of the caller's tenant, to be read: every committed change of it.
    ///
    /// # Errors
    /// 401 if nobody signed in.
    pub fn tenant<'s>(&'s self, context: &'s Context) -> Result<TenantReader<'s>, Error> {
        Ok(TenantReader::new(&self.inner.readers, &context.identity()?.tenant_id))
    }

    /// Waits for the writer and opens a transaction of the caller's tenant for this request.
    ///
    /// If the request came with an idempotency key, [`WriteTx::commit`] records the answer with the change.
    /// Await nothing but SQL while holding it, and never a second `begin`: everybody else waits for this one.
    ///
    /// # Errors
    /// 401 if nobody signed in; 503 if the writer cannot be had.
    pub async fn begin(&self, context: &Context) -> Result<WriteTx, Error> {
        let tenant_id = context.identity()?.tenant_id.clone();
        let tx = self.inner.writer.begin(context.idempotency().cloned(), self.inner.sealer.clone()).await?;
        Ok(WriteTx::new(tx, tenant_id))
    }

    /// The readers of all tenants, for the gateway's own work. They see every committed change and cannot write.
    pub fn system(&self, work: System) -> &Readers {
        tracing::trace!(?work, "a look over all tenants");
        &self.inner.readers
    }

    /// A transaction of the gateway's own work, with no request behind it.
    pub async fn begin_system(&self, work: System) -> Result<SystemTx, StoreError> {
        tracing::trace!(?work, "a change over all tenants");
        self.inner.writer.begin(None, self.inner.sealer.clone()).await
    }

    /// The same for a request of somebody who has no tenant yet: its answer is recorded like that of [`Store::begin`].
    pub async fn begin_system_for(&self, context: &Context, work: System) -> Result<SystemTx, StoreError> {
        tracing::trace!(?work, "a change over all tenants, for a request");
        self.inner.writer.begin(context.idempotency().cloned(), self.inner.sealer.clone()).await
    }

    /// Now, in microseconds since the Unix epoch. For reads and expiry; a write takes [`WriteTx::now`].
    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// Woken by every commit of this process that told of an event.
    pub(crate) fn outbox(&self) -> &tokio::sync::Notify {
        self.inner.writer.outbox()
    }

    /// Lets the running transaction end, writes the log back into the database file and closes every connection.
    /// Later calls fail with [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }
}

/// Makes the file, if it is missing, for its owner only: SQLite would let the whole machine read who has an account and what they
/// own. It gives the files beside it the same mode.
fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
