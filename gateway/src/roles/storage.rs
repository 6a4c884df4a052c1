//! A tenant's own roles in the database.

use sqlx::FromRow;
use waypost_types::RoleDetail;

use crate::store::clock::to_rfc3339;
use crate::store::{TenantExecutor, TenantReader, WriteTx, sql};

/// A role as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct RoleRow {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// JSON text.
    pub(crate) permissions: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl RoleRow {
    pub(crate) fn permissions(&self) -> Vec<String> {
        super::permissions(&self.permissions)
    }

    pub(super) fn role(self) -> RoleDetail {
        let permissions = self.permissions();
        let mut role = RoleDetail::new(self.name, permissions, false);
        role.description = self.description;
        role.created_at = Some(to_rfc3339(self.created_at));
        role.updated_at = Some(to_rfc3339(self.updated_at));
        role
    }
}

/// The tenant's own role of this name.
pub(crate) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    name: &str,
) -> Result<Option<RoleRow>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT name, description, permissions, created_at, updated_at FROM roles WHERE tenant_id = $1 AND name = $2"
    ));
    query.bind(name).fetch_optional_as().await
}

/// All roles of the tenant's own; their number is bounded.
pub(super) async fn all(tenant: TenantReader<'_>) -> Result<Vec<RoleRow>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT name, description, permissions, created_at, updated_at FROM roles WHERE tenant_id = $1"
    ));
    query.fetch_all_as().await
}

/// How many roles of its own the tenant has.
pub(super) async fn count(tx: &mut WriteTx) -> Result<i64, sqlx::Error> {
    let count: Option<(i64,)> =
        tx.query(sql!("SELECT COUNT(*) FROM roles WHERE tenant_id = $1")).fetch_optional_as().await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Makes the role, or writes what it is now.
pub(super) async fn put(tx: &mut WriteTx, role: &RoleRow) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO roles (tenant_id, name, description, permissions, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, name) DO UPDATE SET description = excluded.description,
           permissions = excluded.permissions, updated_at = excluded.updated_at"
    ))
    .bind(role.name.as_str())
    .bind(role.description.as_deref())
    .bind(role.permissions.as_str())
    .bind(role.created_at)
    .bind(role.updated_at)
    .execute()
    .await
    .map(drop)
}

/// The sessions of whoever has the role, and what they granted to programs.
pub(super) async fn credentials(tx: &mut WriteTx, name: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT s.id FROM user_roles ur JOIN sessions s ON s.user_id = ur.user_id
         WHERE ur.tenant_id = $1 AND ur.role_name = $2 AND s.ended_at IS NULL
         UNION ALL SELECT g.id FROM user_roles ur JOIN oauth_grants g ON g.user_id = ur.user_id
         WHERE ur.tenant_id = $1 AND ur.role_name = $2 AND g.ended_at IS NULL"
    ));
    let rows: Vec<(String,)> = query.bind(name).fetch_all_as().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
