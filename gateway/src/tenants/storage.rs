//! Tenants in the database: the caller's own and those that it made.

use sqlx::FromRow;
use waypost_types::Tenant;

use crate::store::clock::to_rfc3339;
use crate::store::cursor::Position;
use crate::store::{SystemTx, TenantExecutor, TenantReader, WriteTx, sql};

/// A tenant as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(super) struct TenantRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) tier: String,
    pub(super) parent_id: Option<String>,
    pub(super) created_at: i64,
}

impl TenantRow {
    pub(super) fn tenant(self) -> Tenant {
        let mut tenant =
            Tenant::new(self.id, self.name, self.tier.as_str().into(), to_rfc3339(self.created_at));
        tenant.description = self.description;
        tenant.parent_id = self.parent_id;
        tenant
    }
}

/// The text that reads the tenants that the caller's may see, and which. The platform's own ($2) may see all.
macro_rules! tenants {
    ($which:literal) => {
        concat!(
            "SELECT t.id, t.name, t.description, t.tier, t.parent_id, t.created_at FROM tenants t
             WHERE ($2 OR $1 IN (t.id, t.parent_id)) ",
            $which
        )
    };
}

/// A tenant that the caller's may see.
pub(super) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    platform: bool,
    id: &str,
) -> Result<Option<TenantRow>, sqlx::Error> {
    tenant.query(sql!(tenants!("AND t.id = $3"))).bind(platform).bind(id).fetch_optional_as().await
}

/// The tenants that the caller's may see, newest first, after a position.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    platform: bool,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<TenantRow>, sqlx::Error> {
    let (time, id) = after.map_or((i64::MAX, ""), |position| (position.created_at, position.id.as_str()));
    let query = tenant.query(sql!(tenants!(
        "AND (t.created_at, t.id) < ($3, $4) ORDER BY t.created_at DESC, t.id DESC LIMIT $5"
    )));
    query.bind(platform).bind(time).bind(id).bind(limit).fetch_all_as().await
}

/// Writes a new tenant, which the row says who makes.
pub(super) async fn insert(tx: &mut SystemTx, row: &TenantRow) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO tenants (id, parent_id, name, description, tier, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row.id.as_str())
    .bind(row.parent_id.as_deref())
    .bind(row.name.as_str())
    .bind(row.description.as_deref())
    .bind(row.tier.as_str())
    .bind(row.created_at)
    .execute(tx.connection())
    .await
    .map(drop)
}

/// Writes what an update changes of a tenant that the caller's may see.
pub(super) async fn update(tx: &mut WriteTx, platform: bool, row: &TenantRow) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "UPDATE tenants AS t SET name = $4, description = $5, tier = $6
         WHERE ($2 OR $1 IN (t.id, t.parent_id)) AND t.id = $3"
    ))
    .bind(platform)
    .bind(row.id.as_str())
    .bind(row.name.as_str())
    .bind(row.description.as_deref())
    .bind(row.tier.as_str())
    .execute()
    .await
    .map(drop)
}

/// The credentials that have the tier of a tenant that the caller's may see: its sessions, service tokens and grants.
pub(super) async fn credentials(
    tx: &mut WriteTx,
    platform: bool,
    id: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT s.id FROM tenants t JOIN sessions s ON s.tenant_id = t.id
         WHERE ($2 OR $1 IN (t.id, t.parent_id)) AND t.id = $3 AND s.ended_at IS NULL
         UNION ALL
         SELECT k.id FROM tenants t JOIN service_tokens k ON k.tenant_id = t.id
         WHERE ($2 OR $1 IN (t.id, t.parent_id)) AND t.id = $3 AND k.revoked_at IS NULL
         UNION ALL
         SELECT g.id FROM tenants t JOIN oauth_grants g ON g.tenant_id = t.id
         WHERE ($2 OR $1 IN (t.id, t.parent_id)) AND t.id = $3 AND g.ended_at IS NULL"
    ));
    let rows: Vec<(String,)> = query.bind(platform).bind(id).fetch_all_as().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
