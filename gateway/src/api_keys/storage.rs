//! API keys in the database.

use std::sync::Arc;

use sqlx::FromRow;
use waypost_types::{ApiKey, ApiKeyStatus};

use super::rules;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Position;
use crate::store::{Readers, SystemTx, TenantExecutor, TenantReader, WriteTx, sql};

/// What a key is good for.
#[derive(Debug)]
pub(crate) struct KeyRecord {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) user_id: String,
    pub(crate) permissions: Arc<[String]>,
    pub(crate) tier: String,
    pub(crate) hash: Vec<u8>,
    /// The hash of the secret before, and until when it works as well.
    pub(crate) previous: Option<(Vec<u8>, i64)>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked: bool,
    /// When it was last used; 0 if never.
    pub(crate) last_used_at: i64,
    /// Whether its tenant is that of those who run the gateway.
    pub(crate) platform: bool,
}

/// A key as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) hint: String,
    pub(crate) permissions: String,
    pub(crate) tier: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) previous_hash: Option<Vec<u8>>,
    pub(crate) previous_expires_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) rotated_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
}

impl KeyRow {
    /// A row whose permissions cannot be read grants none.
    fn permissions(&self) -> Vec<String> {
        serde_json::from_str(&self.permissions).unwrap_or_default()
    }

    /// The key as its tenant sees it at `now`.
    pub(crate) fn api_key(&self, now: i64) -> ApiKey {
        let time = |time: Option<i64>| time.map(to_rfc3339);
        let mut key = ApiKey::new(
            self.id.as_str(),
            self.name.as_str(),
            self.hint.as_str(),
            self.permissions(),
            self.tier.as_str().into(),
            rules::status(self, now),
            to_rfc3339(self.created_at),
        );
        key.expires_at = time(self.expires_at);
        key.last_used_at = time(self.last_used_at);
        key.rotated_at = time(self.rotated_at);
        key.previous_secret_expires_at = time(self.previous_expires_at.filter(|until| now < *until));
        key.revoked_at = time(self.revoked_at);
        key
    }
}

impl KeyRecord {
    fn new(row: KeyRow, platform: bool) -> Self {
        Self {
            permissions: row.permissions().into(),
            previous: row.previous_hash.zip(row.previous_expires_at),
            id: row.id,
            tenant_id: row.tenant_id,
            user_id: row.user_id,
            tier: row.tier,
            hash: row.hash,
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
            last_used_at: row.last_used_at.unwrap_or(0),
            platform,
        }
    }
}

/// The text that reads whole keys, and which.
macro_rules! key {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant_id, user_id, name, hint, permissions, tier, hash, previous_hash, previous_expires_at,
             created_at, expires_at, rotated_at, revoked_at, last_used_at FROM api_keys ",
            $which
        )
    };
}

/// Whatever tenant it belongs to: for finding out who calls.
pub(crate) async fn record(readers: &Readers, id: &str) -> Result<Option<KeyRecord>, sqlx::Error> {
    let row = sqlx::query_as::<_, KeyRow>(key!("WHERE id = $1")).bind(id).fetch_optional(readers).await?;
    let Some(row) = row else { return Ok(None) };
    let platform = crate::auth::storage::is_platform(readers, &row.tenant_id).await?;
    Ok(Some(KeyRecord::new(row, platform)))
}

pub(crate) async fn get<'q>(
    tenant: impl TenantExecutor<'q>,
    id: &str,
) -> Result<Option<KeyRow>, sqlx::Error> {
    tenant.query(sql!(key!("WHERE tenant_id = $1 AND id = $2"))).bind(id).fetch_optional_as().await
}

/// The tenant's keys, newest first, after a position; of these states at `now`, or of all.
pub(crate) async fn list(
    tenant: TenantReader<'_>,
    states: &[ApiKeyStatus],
    after: Option<&Position>,
    limit: i64,
    now: i64,
) -> Result<Vec<KeyRow>, sqlx::Error> {
    let (time, id) = after.map_or((i64::MAX, ""), |position| (position.created_at, position.id.as_str()));
    let wanted = |state: &ApiKeyStatus| states.is_empty() || states.contains(state);
    let query = tenant.query(sql!(key!(
        "WHERE tenant_id = $1 AND (created_at, id) < ($2, $3) AND (
           ($4 AND revoked_at IS NOT NULL) OR
           ($5 AND revoked_at IS NULL AND expires_at <= $7) OR
           ($6 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $7)))
         ORDER BY created_at DESC, id DESC LIMIT $8"
    )));
    query
        .bind(time)
        .bind(id)
        .bind(wanted(&ApiKeyStatus::Revoked))
        .bind(wanted(&ApiKeyStatus::Expired))
        .bind(wanted(&ApiKeyStatus::Active))
        .bind(now)
        .bind(limit)
        .fetch_all_as()
        .await
}

/// Writes a new key of the row's tenant, which is the transaction's.
pub(crate) async fn insert(tx: &mut WriteTx, row: &KeyRow) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO api_keys (tenant_id, id, user_id, name, hint, permissions, tier, hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(&row.id)
    .bind(&row.user_id)
    .bind(&row.name)
    .bind(&row.hint)
    .bind(&row.permissions)
    .bind(&row.tier)
    .bind(&row.hash)
    .bind(row.created_at)
    .bind(row.expires_at)
    .execute()
    .await
    .map(drop)
}

/// Writes what a rotation changes.
pub(crate) async fn update_secret(tx: &mut WriteTx, row: &KeyRow) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "UPDATE api_keys SET hash = $2, hint = $3, previous_hash = $4, previous_expires_at = $5, rotated_at = $6
         WHERE tenant_id = $1 AND id = $7"
    ))
    .bind(&row.hash)
    .bind(&row.hint)
    .bind(&row.previous_hash)
    .bind(row.previous_expires_at)
    .bind(row.rotated_at)
    .bind(&row.id)
    .execute()
    .await
    .map(drop)
}

/// Revokes a key that is not revoked yet.
pub(crate) async fn revoke(tx: &mut WriteTx, id: &str) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let revoke =
        sql!("UPDATE api_keys SET revoked_at = $2 WHERE tenant_id = $1 AND id = $3 AND revoked_at IS NULL");
    tx.query(revoke).bind(now).bind(id).execute().await.map(drop)
}

/// Notes when a key or a service token was last used, whosever it is; never backwards.
pub(crate) async fn set_last_used(tx: &mut SystemTx, id: &str, time: i64) -> Result<(), sqlx::Error> {
    let note = match id.starts_with("key_") {
        true => {
            "UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)"
        }
        false => {
            "UPDATE service_tokens SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)"
        }
    };
    sqlx::query(note).bind(time).bind(id).execute(tx.connection()).await.map(drop)
}
