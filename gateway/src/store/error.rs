//! What can go wrong with the database, and what a client is told about it.

use std::path::PathBuf;
use std::sync::Arc;

/// The database failed, or refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database's folder cannot be made.
    #[error("cannot make the folder {path}: {source}; choose another data directory or make it writable", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be opened as a database.
    #[error("cannot open the database {path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// The commit failed, so nothing of the transaction happened. Shared by all transactions of that commit.
    #[error("commit failed: {0}")]
    Commit(Arc<sqlx::Error>),
    /// Another request with the same idempotency key was recorded meanwhile.
    #[error("another request with this idempotency key has just finished")]
    KeyInFlight,
    /// An answer cannot be written as JSON.
    #[error("cannot encode the answer: {0}")]
    Encode(#[from] serde_json::Error),
    /// A recorded answer cannot be sealed or opened.
    #[error("cannot seal or open a recorded answer: {0}")]
    Seal(#[from] crate::secrets::SealError),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    fn sql(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Open { source, .. } | Self::Sql(source) => Some(source),
            Self::Commit(source) => Some(source),
            _ => None,
        }
    }
}

impl From<StoreError> for crate::http::Error {
    fn from(error: StoreError) -> Self {
        let unavailable = |detail: &str, seconds| Self {
            retry_after: Some(seconds),
            ..Self::new(503, "storage_unavailable", detail)
        };
        let answer = match &error {
            StoreError::KeyInFlight => {
                return Self::conflict(
                    "idempotency_in_flight",
                    "A request with this Idempotency-Key is being answered. Wait, then send it again to get its answer.",
                );
            }
            StoreError::Closed | StoreError::Sql(sqlx::Error::PoolClosed) => {
                unavailable("The gateway is shutting down. Try again.", 1)
            }
            error if error.sql().is_some_and(super::dialect::is_busy) => {
                unavailable("The database is busy. Try again.", 1)
            }
            error if error.sql().is_some_and(super::dialect::is_full) => {
                unavailable("The database cannot grow: its disk is full.", 30)
            }
            // The cause may have been another transaction of the same commit, so trying again is worth it.
            StoreError::Commit(_) => {
                unavailable("The change could not be committed; nothing of it happened. Try again.", 1)
            }
            _ => return Self::internal(error),
        };
        Self { source: Some(Box::new(error)), ..answer }
    }
}
