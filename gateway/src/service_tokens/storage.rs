//! Service tokens in the database.

use sqlx::FromRow;
use waypost_types::ServiceToken;

use super::rules;
use crate::api_keys::storage::KeyRecord;
use crate::store::clock::to_rfc3339;
use crate::store::list::{Page, Window};
use crate::store::{Readers, TenantExecutor as _, TenantReader, WriteTx, listing, sql};

/// A token as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) created_by: String,
    pub(super) name: String,
    pub(super) hint: String,
    /// JSON text.
    pub(super) permissions: String,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
    pub(super) revoked_at: Option<i64>,
    pub(super) last_used_at: Option<i64>,
}

impl TokenRow {
    /// The token as its tenant sees it at `now`.
    pub(super) fn service_token(self, now: i64) -> ServiceToken {
        let mut token = ServiceToken::new(
            self.id,
            self.name,
            self.hint,
            crate::roles::permissions(&self.permissions),
            rules::status(self.revoked_at, self.expires_at, now),
            self.created_by,
            to_rfc3339(self.created_at),
            to_rfc3339(self.expires_at),
        );
        token.last_used_at = self.last_used_at.map(to_rfc3339);
        token.revoked_at = self.revoked_at.map(to_rfc3339);
        token
    }
}

/// What opens, whatever tenant it belongs to: for finding out who calls.
#[derive(FromRow)]
struct Opens {
    tenant_id: String,
    created_by: String,
    permissions: String,
    hash: Vec<u8>,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    tier: String,
    platform: i64,
}

/// What a token is good for. It has its tenant's tier.
pub(crate) async fn record(readers: &Readers, id: &str) -> Result<Option<KeyRecord>, sqlx::Error> {
    let row: Option<Opens> = sqlx::query_as(
        "SELECT s.tenant_id, s.created_by, s.permissions, s.hash, s.expires_at, s.revoked_at, s.last_used_at, t.tier, t.platform
         FROM service_tokens s JOIN tenants t ON t.id = s.tenant_id WHERE s.id = $1",
    )
    .bind(id)
    .fetch_optional(readers)
    .await?;
    Ok(row.map(|row| KeyRecord {
        id: id.to_owned(),
        tenant_id: row.tenant_id,
        user_id: row.created_by,
        permissions: crate::roles::permissions(&row.permissions).into(),
        tier: row.tier,
        hash: row.hash,
        previous: None,
        expires_at: Some(row.expires_at),
        revoked: row.revoked_at.is_some(),
        last_used_at: row.last_used_at.unwrap_or(0),
        platform: row.platform != 0,
    }))
}

/// One page of the tenant's tokens, newest first.
pub(super) async fn list(tenant: TenantReader<'_>, window: &Window) -> Result<Page<TokenRow>, sqlx::Error> {
    let mut list = tenant.list(listing!(
        "SELECT s.id, s.created_by, s.name, s.hint, s.permissions, s.created_at, s.expires_at, s.revoked_at, s.last_used_at
         FROM service_tokens s WHERE s.tenant_id = "
    ));
    window.finish(list.filter(), "s");
    Ok(window.page(list.fetch_all_as().await?, |row: &TokenRow| (row.created_at, &row.id)))
}

/// Writes a new token and the hash of its secret.
pub(super) async fn insert(tx: &mut WriteTx, row: &TokenRow, hash: &[u8]) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO service_tokens (tenant_id, id, created_by, name, hint, permissions, hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    ))
    .bind(row.id.as_str())
    .bind(row.created_by.as_str())
    .bind(row.name.as_str())
    .bind(row.hint.as_str())
    .bind(row.permissions.as_str())
    .bind(hash)
    .bind(row.created_at)
    .bind(row.expires_at)
    .execute()
    .await
    .map(drop)
}

/// Revokes a token; says whether the tenant has it. One that was revoked before stays as it is.
pub(super) async fn revoke(tx: &mut WriteTx, id: &str) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let revoke = tx.query(sql!(
        "UPDATE service_tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE tenant_id = $1 AND id = $3"
    ));
    Ok(revoke.bind(now).bind(id).execute().await? == 1)
}
