//! One tenant's part of the database: the only way to it for a handler.
//!
//! [`Store::tenant`](super::Store::tenant) reads, [`Store::begin`](super::Store::begin) writes; both take the tenant from the caller whom the request was
//! authenticated as. They run [`Statement`]s, in which the compiler has seen the tenant, and bind it themselves. What has to look beyond
//! one tenant is the gateway's own work and says which: [`System`].

use serde::Serialize;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Encode, FromRow, QueryBuilder, Sqlite, Type};

use super::statement::{Listing, Statement};
use super::{Readers, StoreError, SystemTx};

/// The gateway's own work that is not for one tenant. Each is a reason why a query has no tenant; there is no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// From a credential to its tenant: keys, tokens, sessions.
    Authentication,
    /// Accounts are found by an address that is unique over all tenants; registering makes a tenant.
    SignIn,
    /// Programs and browsers that are asked about before anybody is known: clients, grants, cookies, identities.
    OAuth,
    /// Tenants made by a tenant: the one that makes them names them.
    Tenants,
    /// The data plane's configuration and what it counts are the whole platform's.
    DataPlane,
    /// What has expired goes, whosever it was; what was noted in memory is written.
    Housekeeping,
    /// The outbox is read on for whoever waits in this process, and where it has come is kept.
    Events,
    /// Whether the database answers and the ledger balances.
    Health,
    /// The books of all tenants, proved at once.
    Proof,
    /// Recorded answers are found by a hash that has the caller in it.
    RecordedAnswers,
    /// Whoever has the data directory: the command line.
    Operator,
    /// Tests and tools that look under the surface.
    Inspection,
}

/// One tenant's rows, to be read. Cheap to copy.
#[derive(Clone, Copy)]
pub struct TenantReader<'s> {
    readers: &'s Readers,
    tenant_id: &'s str,
}

/// One tenant's write transaction. Dropped without a commit, it leaves nothing behind.
#[derive(Debug)]
pub struct WriteTx {
    tx: SystemTx,
    tenant_id: String,
}

/// What runs one statement of a tenant: a [`TenantReader`], or a `&mut` [`WriteTx`], which reads its own writes.
pub trait TenantExecutor<'q>: Sized + Send {
    /// A statement, its tenant bound.
    fn query(self, statement: Statement) -> TenantQuery<'q>;

    /// A list, its tenant bound, to be narrowed.
    fn list(self, listing: Listing) -> TenantList<'q>;
}

enum On<'q> {
    Readers(&'q Readers),
    Writer(&'q mut SqliteConnection),
}

/// A statement that waits for its other parameters.
#[must_use]
pub struct TenantQuery<'q> {
    on: On<'q>,
    query: sqlx::query::Query<'static, Sqlite, SqliteArguments>,
}

/// A list that waits for what narrows it.
#[must_use]
pub struct TenantList<'q> {
    on: On<'q>,
    builder: QueryBuilder<Sqlite>,
}

impl std::fmt::Debug for TenantReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TenantReader").field("tenant_id", &self.tenant_id).finish_non_exhaustive()
    }
}

impl<'s> TenantReader<'s> {
    pub(super) fn new(readers: &'s Readers, tenant_id: &'s str) -> Self {
        Self { readers, tenant_id }
    }

    /// Whose rows these are.
    pub fn tenant_id(&self) -> &'s str {
        self.tenant_id
    }
}

impl<'s> TenantExecutor<'s> for TenantReader<'s> {
    fn query(self, statement: Statement) -> TenantQuery<'s> {
        TenantQuery::new(On::Readers(self.readers), statement, self.tenant_id)
    }

    fn list(self, listing: Listing) -> TenantList<'s> {
        TenantList::new(On::Readers(self.readers), listing, self.tenant_id)
    }
}

impl WriteTx {
    pub(super) fn new(tx: SystemTx, tenant_id: String) -> Self {
        Self { tx, tenant_id }
    }

    /// Whose rows these are.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// This transaction's time in microseconds: later than that of every transaction before.
    pub fn now(&self) -> i64 {
        self.tx.now()
    }

    /// Counts one event that the transaction tells of; the commit wakes whoever waits for events. Answers how many there were before.
    pub(crate) fn tell(&mut self) -> u16 {
        self.tx.tell()
    }

    /// A statement, its tenant bound.
    pub fn query(&mut self, statement: Statement) -> TenantQuery<'_> {
        TenantQuery::new(On::Writer(self.tx.connection()), statement, &self.tenant_id)
    }

    /// Commits, and records `answer` (the success body) if the request came with an idempotency key.
    /// Returns when it is durable.
    pub async fn commit<T: Serialize + ?Sized>(self, answer: &T) -> Result<(), StoreError> {
        self.tx.commit(answer).await
    }

    /// Commits a change whose success has no body (204), recording it like [`WriteTx::commit`].
    pub async fn commit_empty(self) -> Result<(), StoreError> {
        self.tx.commit_empty().await
    }
}

impl<'q> TenantExecutor<'q> for &'q mut WriteTx {
    fn query(self, statement: Statement) -> TenantQuery<'q> {
        WriteTx::query(self, statement)
    }

    fn list(self, listing: Listing) -> TenantList<'q> {
        TenantList::new(On::Writer(self.tx.connection()), listing, &self.tenant_id)
    }
}

impl<'q> TenantQuery<'q> {
    fn new(on: On<'q>, statement: Statement, tenant_id: &str) -> Self {
        let query = sqlx::query(statement.text);
        Self { on, query: if statement.names_tenant { query.bind(tenant_id) } else { query } }
    }

    /// The next parameter.
    pub fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        self.query = self.query.bind(value);
        self
    }

    /// Runs it and says how many rows it changed.
    pub async fn execute(self) -> Result<u64, sqlx::Error> {
        let done = match self.on {
            On::Readers(readers) => self.query.execute(readers).await,
            On::Writer(connection) => self.query.execute(connection).await,
        };
        done.map(|done| done.rows_affected())
    }

    /// Every row.
    pub async fn fetch_all(self) -> Result<Vec<SqliteRow>, sqlx::Error> {
        match self.on {
            On::Readers(readers) => self.query.fetch_all(readers).await,
            On::Writer(connection) => self.query.fetch_all(connection).await,
        }
    }

    /// The row, if there is one.
    pub async fn fetch_optional(self) -> Result<Option<SqliteRow>, sqlx::Error> {
        match self.on {
            On::Readers(readers) => self.query.fetch_optional(readers).await,
            On::Writer(connection) => self.query.fetch_optional(connection).await,
        }
    }

    /// Every row, read into a type; a tuple has one field a column.
    pub async fn fetch_all_as<T>(self) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        self.fetch_all().await?.iter().map(T::from_row).collect()
    }

    /// The row, if there is one, read into a type.
    pub async fn fetch_optional_as<T>(self) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        self.fetch_optional().await?.as_ref().map(T::from_row).transpose()
    }
}

impl<'q> TenantList<'q> {
    fn new(on: On<'q>, listing: Listing, tenant_id: &str) -> Self {
        let mut builder = QueryBuilder::new(listing.text);
        builder.push_bind(tenant_id.to_owned());
        Self { on, builder }
    }

    /// Where ` AND …` is added. What is pushed here cannot widen it but by `OR`, which no list of ours has outside parentheses.
    pub fn filter(&mut self) -> &mut QueryBuilder<Sqlite> {
        &mut self.builder
    }

    /// Every row.
    pub async fn fetch_all(mut self) -> Result<Vec<SqliteRow>, sqlx::Error> {
        match self.on {
            On::Readers(readers) => self.builder.build().fetch_all(readers).await,
            On::Writer(connection) => self.builder.build().fetch_all(connection).await,
        }
    }

    /// Every row, read into a type.
    pub async fn fetch_all_as<T>(self) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        self.fetch_all().await?.iter().map(T::from_row).collect()
    }
}
