//! The recorded answers of requests that came with an `Idempotency-Key`.
//!
//! A success is recorded by [`super::WriteTx::commit`], in the transaction that makes the change. A client error is
//! recorded afterwards by the pipeline ([`Store::record`]); a server error never, so it may be tried again. Answers
//! are kept for 24 hours and lie sealed in the database, because some of them hold tokens.
//! Which of two requests with one key is "in flight" is the pipeline's business; this table is the last line: a second
//! answer under a key that is still kept fails the transaction that wanted to write it.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{Store, StoreError, System};
use crate::secrets::{SealError, Sealer};

/// How long an answer is kept, in microseconds: 24 hours.
pub const KEPT: i64 = 24 * 60 * 60 * 1_000_000;

/// Rows that one pruning transaction removes, so that requests never wait long for it.
const PRUNED_AT_ONCE: i64 = 1_000;

/// An answer to give again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Keyed hash of the body that was answered; another one under the same key is an error of the caller.
    pub fingerprint: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// The body as it was sent: JSON, a problem document from 400 on, or nothing.
    pub body: Vec<u8>,
}

impl Store {
    /// The answer that is recorded under this key, if it is not older than 24 hours.
    pub async fn find(&self, scope: &[u8; 32]) -> Result<Option<Recorded>, StoreError> {
        let row = sqlx::query(
            "SELECT fingerprint, status, body FROM idempotency WHERE scope = $1 AND created_at > $2",
        )
        .bind(scope.as_slice())
        .bind(self.now().saturating_sub(KEPT))
        .fetch_optional(self.system(System::RecordedAnswers))
        .await?;
        let Some(row) = row else { return Ok(None) };
        let fingerprint: Vec<u8> = row.try_get(0)?;
        let fingerprint = fingerprint.try_into().map_err(|_| StoreError::Seal(SealError::Damaged))?;
        let status: i64 = row.try_get(1)?;
        let sealed: Vec<u8> = row.try_get(2)?;
        let body = self.sealer().open(scope, &sealed)?;
        Ok(Some(Recorded { fingerprint, status: u16::try_from(status).unwrap_or(500), body }))
    }

    /// Records an answer that changed nothing else: a client error.
    pub async fn record(
        &self,
        scope: &[u8; 32],
        fingerprint: &[u8; 32],
        status: u16,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_system(System::RecordedAnswers).await?;
        let now = tx.now();
        insert(tx.connection(), self.sealer(), scope, fingerprint, status, body, now).await?;
        tx.commit_empty().await
    }

    /// Removes the answers that are older than 24 hours at `now` (microseconds) and says how many.
    pub async fn prune(&self, now: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let mut tx = self.begin_system(System::Housekeeping).await?;
            let done = sqlx::query(
                "DELETE FROM idempotency WHERE scope IN
                 (SELECT scope FROM idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
            )
            .bind(now.saturating_sub(KEPT))
            .bind(PRUNED_AT_ONCE)
            .execute(tx.connection())
            .await?
            .rows_affected();
            tx.commit_empty().await?;
            removed += done;
            if done < PRUNED_AT_ONCE.unsigned_abs() {
                return Ok(removed);
            }
        }
    }
}

/// Writes the row, over an expired one if there is one; under a key that is still kept it is [`StoreError::KeyInFlight`].
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    sealer: &Sealer,
    scope: &[u8; 32],
    fingerprint: &[u8; 32],
    status: u16,
    body: &[u8],
    now: i64,
) -> Result<(), StoreError> {
    let sealed = sealer.seal(scope, body)?;
    let written = sqlx::query(
        "INSERT INTO idempotency (scope, fingerprint, status, body, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
           body = excluded.body, created_at = excluded.created_at
         WHERE idempotency.created_at <= $6",
    )
    .bind(scope.as_slice())
    .bind(fingerprint.as_slice())
    .bind(i64::from(status))
    .bind(sealed)
    .bind(now)
    .bind(now.saturating_sub(KEPT))
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 { Err(StoreError::KeyInFlight) } else { Ok(()) }
}
