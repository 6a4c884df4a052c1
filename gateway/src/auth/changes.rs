//! What changed about credentials, told to every process on the same database.
//!
//! A change is written in the transaction that makes it, and forgotten here before that commits ([`Auth::changed`]). Other processes look for new ones every second
//! ([`Auth::follow`]) and forget as well.

use std::sync::atomic::Ordering;

use super::Auth;
use crate::secrets::id;
use crate::store::{Store, StoreError, System, SystemTx, WriteTx, sql};

/// How far before the newest change one looks again: clocks of machines differ, and commits do not come in the order of their times.
const OVERLAP: i64 = 10_000_000;

/// How long a change is kept: longer than any process remembers what it read before.
const KEPT: i64 = 3_600_000_000;

impl Auth {
    /// To be called in the transaction that changes what a session, an API key, a service token or a grant is good for. From its commit on this process asks the
    /// database again, and within seconds every other one does.
    pub(crate) async fn changed(&self, tx: &mut WriteTx, credential_id: &str) -> Result<(), sqlx::Error> {
        self.known.changed(credential_id);
        let now = tx.now();
        tx.query(sql!(
            "INSERT INTO credential_changes (tenant_id, id, credential_id, created_at) VALUES ($1, $2, $3, $4)"
        ))
        .bind(id::new("chg"))
        .bind(credential_id)
        .bind(now)
        .execute()
        .await
        .map(drop)
    }

    /// Forgets what other processes changed.
    pub(crate) async fn follow(&self, store: &Store) -> Result<(), StoreError> {
        let seen = self.seen.load(Ordering::Relaxed);
        let changes: Vec<(String, i64)> = sqlx::query_as(
            "SELECT credential_id, created_at FROM credential_changes WHERE created_at > $1 ORDER BY created_at",
        )
        .bind(seen.saturating_sub(OVERLAP))
        .fetch_all(store.system(System::Authentication))
        .await?;
        for (credential_id, time) in changes {
            self.known.changed(&credential_id);
            self.seen.fetch_max(time, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Removes the changes that everybody has seen.
pub(crate) async fn prune(tx: &mut SystemTx) -> Result<(), sqlx::Error> {
    let before = tx.now().saturating_sub(KEPT);
    sqlx::query("DELETE FROM credential_changes WHERE created_at <= $1")
        .bind(before)
        .execute(tx.connection())
        .await
        .map(drop)
}
