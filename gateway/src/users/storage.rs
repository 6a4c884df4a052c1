//! The users of a tenant and their roles, in the database. Making users is `auth`.

use sqlx::FromRow;
use waypost_types::User;

use super::rules::CustomRole;
use crate::auth::roles;
use crate::store::clock::to_rfc3339;
use crate::store::list::{Page, Window};
use crate::store::{TenantExecutor, TenantReader, WriteTx, listing, sql};

/// A user as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UserRow {
    pub(crate) id: String,
    tenant_id: String,
    email: String,
    name: String,
    pub(crate) role: String,
    pub(crate) created_at: i64,
}

impl UserRow {
    pub(super) fn user(self, custom_roles: Vec<String>) -> User {
        let mut user = User::new(
            self.id,
            self.tenant_id,
            self.email,
            self.name,
            self.role.as_str().into(),
            to_rfc3339(self.created_at),
        );
        user.custom_roles = Some(custom_roles).filter(|roles| !roles.is_empty());
        user
    }
}

/// The tenant's user, if it has one with this id.
pub(crate) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    user_id: &str,
) -> Result<Option<UserRow>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT id, tenant_id, email, name, role, created_at FROM users
         WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL"
    ));
    query.bind(user_id).fetch_optional_as().await
}

/// One page of the tenant's users, newest first.
pub(super) async fn list(tenant: TenantReader<'_>, window: &Window) -> Result<Page<UserRow>, sqlx::Error> {
    let mut list = tenant.list(listing!(
        "SELECT u.id, u.tenant_id, u.email, u.name, u.role, u.created_at FROM users u WHERE u.removed_at IS NULL AND u.tenant_id = "
    ));
    window.finish(list.filter(), "u");
    Ok(window.page(list.fetch_all_as().await?, |row: &UserRow| (row.created_at, &row.id)))
}

/// The tenant's own roles that a user has, by name, with what they may do.
pub(super) async fn custom_roles<'q>(
    tenant: impl TenantExecutor<'q>,
    user_id: &str,
) -> Result<Vec<CustomRole>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT r.name, r.permissions FROM user_roles ur
         JOIN roles r ON r.tenant_id = ur.tenant_id AND r.name = ur.role_name
         WHERE ur.tenant_id = $1 AND ur.user_id = $2 ORDER BY r.name"
    ));
    let rows: Vec<(String, String)> = query.bind(user_id).fetch_all_as().await?;
    Ok(rows.into_iter().map(|(name, permissions)| (name, crate::roles::permissions(&permissions))).collect())
}

/// All that a user may do when signed in.
pub(crate) async fn permissions_of(
    tenant: TenantReader<'_>,
    user: &UserRow,
) -> Result<Vec<String>, sqlx::Error> {
    let custom = custom_roles(tenant, &user.id).await?;
    Ok(roles::union(&user.role, custom.into_iter().flat_map(|(_, permissions)| permissions)))
}

/// How many admins the tenant has.
pub(super) async fn admins(tx: &mut WriteTx) -> Result<i64, sqlx::Error> {
    let count = sql!("SELECT COUNT(*) FROM users WHERE tenant_id = $1 AND role = 'admin'");
    let count: Option<(i64,)> = tx.query(count).fetch_optional_as().await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Gives the user these roles in place of those that it has.
pub(super) async fn set_roles(
    tx: &mut WriteTx,
    user_id: &str,
    role: &str,
    custom: &[CustomRole],
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!("UPDATE users SET role = $2, updated_at = $3 WHERE tenant_id = $1 AND id = $4"))
        .bind(role)
        .bind(now)
        .bind(user_id)
        .execute()
        .await?;
    tx.query(sql!("DELETE FROM user_roles WHERE tenant_id = $1 AND user_id = $2"))
        .bind(user_id)
        .execute()
        .await?;
    for (name, _) in custom {
        tx.query(sql!("INSERT INTO user_roles (tenant_id, user_id, role_name) VALUES ($1, $2, $3)"))
            .bind(user_id)
            .bind(name.as_str())
            .execute()
            .await?;
    }
    Ok(())
}

/// What has the user's permissions: the sessions in which the user is signed in, and what was granted to programs.
pub(super) async fn credentials(tx: &mut WriteTx, user_id: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT id FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL
         UNION ALL SELECT id FROM oauth_grants WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL"
    ));
    let rows: Vec<(String,)> = query.bind(user_id).fetch_all_as().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What stops working when the user goes, besides [`credentials`]: API keys, and what was granted to the clients that the user registered, by whomever.
pub(super) async fn belongings(tx: &mut WriteTx, user_id: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT id FROM api_keys WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL
         UNION ALL SELECT g.id FROM oauth_grants g JOIN oauth_clients c ON c.id = g.client_id
           WHERE c.tenant_id = $1 AND c.user_id = $2 AND g.ended_at IS NULL"
    ));
    let rows: Vec<(String,)> = query.bind(user_id).fetch_all_as().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Ends the account: nothing of it signs anybody in or acts any more, and its address is free. The row stays for what refers to it.
pub(super) async fn remove(tx: &mut WriteTx, user_id: &str) -> Result<(), sqlx::Error> {
    let now = tx.now();
    for end in [
        sql!("UPDATE sessions SET ended_at = $2 WHERE tenant_id = $1 AND user_id = $3 AND ended_at IS NULL"),
        sql!(
            "UPDATE api_keys SET revoked_at = $2 WHERE tenant_id = $1 AND user_id = $3 AND revoked_at IS NULL"
        ),
        sql!(
            "UPDATE oauth_grants SET ended_at = $2 WHERE tenant_id = $1 AND user_id = $3 AND ended_at IS NULL"
        ),
    ] {
        tx.query(end).bind(now).bind(user_id).execute().await?;
    }
    for delete in [
        sql!("DELETE FROM oauth_clients WHERE tenant_id = $1 AND user_id = $2"),
        sql!("DELETE FROM identities WHERE tenant_id = $1 AND user_id = $2"),
        sql!("DELETE FROM user_roles WHERE tenant_id = $1 AND user_id = $2"),
    ] {
        tx.query(delete).bind(user_id).execute().await?;
    }
    // No mailbox has such an address (RFC 2606), and no role allows less.
    tx.query(sql!(
        "UPDATE users SET removed_at = $2, updated_at = $2, email = id || '@removed.invalid', name = 'Removed user',
           role = 'service', password_hash = NULL WHERE tenant_id = $1 AND id = $3"
    ))
    .bind(now)
    .bind(user_id)
    .execute()
    .await
    .map(drop)
}
