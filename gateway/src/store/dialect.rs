//! Everything that only SQLite understands: connection settings, transaction statements, error codes.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Durability, StoreConfig};

/// Opens the write lock at once: a transaction that reads first and upgrades later can fail half way.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";
pub(super) const SAVEPOINT: &str = "SAVEPOINT member";
/// Ends the savepoint of the member before in the same round trip; `COMMIT` ends the last one.
pub(super) const NEXT_SAVEPOINT: &str = "RELEASE member; SAVEPOINT member";
pub(super) const ROLLBACK_TO: &str = "ROLLBACK TO member";

fn options(config: &StoreConfig) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&config.path)
        .busy_timeout(config.busy_timeout)
        .foreign_keys(true)
        .disable_statement_logging()
}

pub(super) fn writer_options(config: &StoreConfig) -> SqliteConnectOptions {
    options(config)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(match config.durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::Normal => SqliteSynchronous::Normal,
        })
        .thread_name(|_| "store-writer".to_owned())
}

pub(super) fn reader_options(config: &StoreConfig) -> SqliteConnectOptions {
    options(config).read_only(true).thread_name(|number| format!("store-reader-{number}"))
}

pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnection::connect_with(options).await
}

/// The newest time in the ledger and among the events, or 0. Identifiers sort by birth, so the newest row of each is the last of its primary key.
pub(super) async fn latest_time(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let newest = sqlx::query_scalar(
        "SELECT MAX(created_at) FROM (
           SELECT * FROM (SELECT created_at FROM transactions ORDER BY id DESC LIMIT 1)
           UNION ALL SELECT * FROM (SELECT created_at FROM events ORDER BY id DESC LIMIT 1)) newest",
    );
    let newest: Option<i64> = newest.fetch_one(connection).await?;
    Ok(newest.unwrap_or(0))
}

/// Another process holds the write lock (`SQLITE_BUSY`, `SQLITE_LOCKED`, and their extended forms), or no reader came free in time.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || matches!(primary_code(error), Some(5 | 6))
}

/// The disk is full (`SQLITE_FULL`).
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(13)
}

/// The low byte of an extended result code (sqlite.org/rescode.html).
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// A unique or primary key is already there.
pub fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// How many entries the ledger has. Entries are never removed, so the newest row's number is their count, which a look at
/// the end of the table finds; counting would read all of it.
pub(crate) async fn newest_entry(readers: &super::Readers) -> Result<i64, super::StoreError> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT MAX(rowid) FROM ledger_entries").fetch_one(readers).await?;
    Ok(newest.unwrap_or(0))
}

/// Those of the newest 100 entries whose postings do not sum to zero.
pub(crate) async fn unbalanced_entries(readers: &super::Readers) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT entry_id FROM ledger_postings
         WHERE entry_id IN (SELECT id FROM ledger_entries ORDER BY id DESC LIMIT 100)
         GROUP BY entry_id HAVING SUM(amount) <> 0",
    )
    .fetch_all(readers)
    .await
}

/// Whether the table of recorded answers can be read.
pub(crate) async fn recorded_answers(readers: &super::Readers) -> Result<(), super::StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM idempotency LIMIT 1").fetch_optional(readers).await?;
    tracing::trace!(any = found.is_some(), "recorded answers can be read");
    Ok(())
}
