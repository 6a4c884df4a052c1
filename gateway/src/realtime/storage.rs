//! Tickets and broadcasts in the database.

use sqlx::FromRow;

use crate::store::{Readers, SystemTx, WriteTx, sql};

/// How long a broadcast is there to be read by other nodes, in microseconds.
const KEPT: i64 = 10 * 60 * 1_000_000;

/// A broadcast as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(super) struct StoredBroadcast {
    pub(super) id: String,
    /// None where all tenants are meant.
    pub(super) tenant_id: Option<String>,
    pub(super) topic: String,
    /// JSON text.
    pub(super) data: String,
    pub(super) created_at: i64,
}

/// Writes a ticket of the transaction's tenant, and removes its tickets that have expired.
pub(super) async fn insert_ticket(
    tx: &mut WriteTx,
    hash: &[u8],
    credential_id: &str,
    expires_at: i64,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let delete = sql!("DELETE FROM realtime_tickets WHERE tenant_id = $1 AND expires_at <= $2");
    tx.query(delete).bind(now).execute().await?;
    let insert = sql!(
        "INSERT INTO realtime_tickets (tenant_id, hash, credential_id, expires_at) VALUES ($1, $2, $3, $4)"
    );
    tx.query(insert).bind(hash.to_vec()).bind(credential_id).bind(expires_at).execute().await.map(drop)
}

/// Takes a ticket away: what it was asked for with, if it is there and has not expired.
pub(super) async fn take_ticket(tx: &mut SystemTx, hash: &[u8]) -> Result<Option<String>, sqlx::Error> {
    let now = tx.now();
    let found: Option<(String, i64)> =
        sqlx::query_as("DELETE FROM realtime_tickets WHERE hash = $1 RETURNING credential_id, expires_at")
            .bind(hash.to_vec())
            .fetch_optional(tx.connection())
            .await?;
    Ok(found.filter(|(_, expires_at)| now < *expires_at).map(|(credential_id, _)| credential_id))
}

/// Writes a broadcast, and removes those that every node has read.
pub(super) async fn insert_broadcast(
    tx: &mut SystemTx,
    broadcast: &StoredBroadcast,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM realtime_broadcasts WHERE created_at < $1")
        .bind(broadcast.created_at - KEPT)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO realtime_broadcasts (id, tenant_id, topic, data, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&broadcast.id)
    .bind(&broadcast.tenant_id)
    .bind(&broadcast.topic)
    .bind(&broadcast.data)
    .bind(broadcast.created_at)
    .execute(tx.connection())
    .await
    .map(drop)
}

/// The broadcasts behind one, oldest first.
pub(super) async fn broadcasts(
    readers: &Readers,
    after: &str,
    limit: i64,
) -> Result<Vec<StoredBroadcast>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, tenant_id, topic, data, created_at FROM realtime_broadcasts
         WHERE id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(readers)
    .await
}
