//! Tenants, users, sessions and refresh tokens in the database.
//!
//! Who is not signed in yet has no tenant: what signing in needs is the gateway's own work and takes [`Readers`] or a [`SystemTx`](crate::store::SystemTx). All else
//! is of the caller's tenant. Functions that change something take a write transaction; the caller commits.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use waypost_types::{Tenant, User};

use crate::http::Identity;
use crate::store::clock::to_rfc3339;
use crate::store::{Readers, TenantExecutor as _, TenantReader, WriteTx, sql};

/// A user with the tenant that it belongs to.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) password_hash: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) tenant_name: String,
    pub(crate) tenant_description: Option<String>,
    pub(crate) tenant_parent_id: Option<String>,
    pub(crate) tenant_tier: String,
    pub(crate) tenant_created_at: i64,
}

impl UserRow {
    pub(crate) fn user(&self) -> User {
        User::new(
            self.id.as_str(),
            self.tenant_id.as_str(),
            self.email.as_str(),
            self.name.as_str(),
            self.role.as_str().into(),
            to_rfc3339(self.created_at),
        )
    }

    pub(crate) fn tenant(&self) -> Tenant {
        let tier = self.tenant_tier.as_str().into();
        let mut tenant = Tenant::new(
            self.tenant_id.as_str(),
            self.tenant_name.as_str(),
            tier,
            to_rfc3339(self.tenant_created_at),
        );
        tenant.description = self.tenant_description.clone();
        tenant.parent_id = self.tenant_parent_id.clone();
        tenant
    }
}

/// What a session is good for.
#[derive(Debug)]
pub(crate) struct SessionRecord {
    pub(crate) identity: Identity,
    pub(crate) expires_at: i64,
}

/// A refresh token as it was issued, with its session.
#[derive(Debug, FromRow)]
pub(crate) struct RefreshRow {
    pub(crate) tenant_id: String,
    pub(crate) session_id: String,
    pub(crate) user_id: String,
    pub(crate) expires_at: i64,
    pub(crate) used_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

/// A session to start.
#[derive(Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenant_id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) ip_address: Option<String>,
    pub(crate) expires_at: i64,
}

/// The text that reads users with their tenants, and which.
macro_rules! user {
    ($which:literal) => {
        concat!(
            "SELECT u.id, u.tenant_id, u.email, u.name, u.role, u.password_hash, u.created_at,
             t.name AS tenant_name, t.description AS tenant_description, t.parent_id AS tenant_parent_id,
             t.tier AS tenant_tier, t.created_at AS tenant_created_at
             FROM users u JOIN tenants t ON t.id = u.tenant_id ",
            $which
        )
    };
}

pub(crate) async fn user_by_email(readers: &Readers, email: &str) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as(user!("WHERE u.email = $1")).bind(email).fetch_optional(readers).await
}

pub(crate) async fn user_by_id(tenant: TenantReader<'_>, id: &str) -> Result<Option<UserRow>, sqlx::Error> {
    tenant.query(sql!(user!("WHERE u.tenant_id = $1 AND u.id = $2"))).bind(id).fetch_optional_as().await
}

/// Whether there is an account with this address.
pub(crate) async fn email_taken(
    executor: impl sqlx::SqliteExecutor<'_>,
    email: &str,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar::<_, i64>("SELECT 1 FROM users WHERE email = $1");
    found.bind(email).fetch_optional(executor).await.map(|found| found.is_some())
}

/// `platform`: whether it is that of those who run the gateway.
pub(crate) async fn insert_tenant(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    platform: bool,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO tenants (id, name, tier, platform, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&tenant.id)
        .bind(&tenant.name)
        .bind(tenant.tier.as_str())
        .bind(i64::from(platform))
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
}

/// A unique violation means that the address is taken.
pub(crate) async fn insert_user(
    connection: &mut SqliteConnection,
    user: &User,
    password_hash: Option<&str>,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO users (id, tenant_id, email, name, role, password_hash, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&user.id)
    .bind(&user.tenant_id)
    .bind(&user.email)
    .bind(&user.name)
    .bind(user.role.as_str())
    .bind(password_hash)
    .bind(now)
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// Sets the password if the present hash is still `expected`; says whether it was.
pub(crate) async fn replace_password(
    tx: &mut WriteTx,
    user_id: &str,
    expected: &str,
    hash: &str,
) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let replace = tx.query(sql!(
        "UPDATE users SET password_hash = $2, updated_at = $3
         WHERE tenant_id = $1 AND id = $4 AND password_hash = $5"
    ));
    Ok(replace.bind(hash).bind(now).bind(user_id).bind(expected).execute().await? == 1)
}

/// Whether the user's password hash is still this one: a login that was checked before the transaction holds only then.
pub(crate) async fn has_password(
    connection: &mut SqliteConnection,
    user_id: &str,
    hash: &str,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar::<_, i64>("SELECT 1 FROM users WHERE id = $1 AND password_hash = $2");
    found.bind(user_id).bind(hash).fetch_optional(connection).await.map(|found| found.is_some())
}

pub(crate) async fn insert_session(
    connection: &mut SqliteConnection,
    session: &NewSession<'_>,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sessions (id, tenant_id, user_id, user_agent, ip_address, created_at, last_used_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(session.id)
    .bind(session.tenant_id)
    .bind(session.user_id)
    .bind(session.user_agent)
    .bind(session.ip_address.as_deref())
    .bind(now)
    .bind(now)
    .bind(session.expires_at)
    .execute(connection)
    .await
    .map(drop)
}

/// What a session is good for; `None` if there is none, it has ended, or it expires at `now`.
pub(crate) async fn session_record(
    readers: &Readers,
    session_id: &str,
    now: i64,
) -> Result<Option<SessionRecord>, sqlx::Error> {
    let row: Option<(String, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT s.tenant_id, s.user_id, u.role, t.tier, t.platform, s.expires_at
         FROM sessions s JOIN users u ON u.id = s.user_id JOIN tenants t ON t.id = s.tenant_id
         WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > $2",
    )
    .bind(session_id)
    .bind(now)
    .fetch_optional(readers)
    .await?;
    let Some((tenant_id, user_id, role, tier, platform, expires_at)) = row else { return Ok(None) };
    let custom: Vec<String> = sqlx::query_scalar(
        "SELECT r.permissions FROM user_roles ur
         JOIN roles r ON r.tenant_id = ur.tenant_id AND r.name = ur.role_name WHERE ur.user_id = $1",
    )
    .bind(&user_id)
    .fetch_all(readers)
    .await?;
    let custom = custom.iter().flat_map(|permissions| crate::roles::permissions(permissions));
    let identity = Identity {
        tenant_id,
        user_id,
        credential_id: session_id.to_owned(),
        permissions: super::roles::union(&role, custom).into(),
        tier,
        platform: platform != 0,
    };
    Ok(Some(SessionRecord { identity, expires_at }))
}

/// Whether a tenant is that of those who run the gateway.
pub(crate) async fn is_platform(readers: &Readers, tenant_id: &str) -> Result<bool, sqlx::Error> {
    let platform = sqlx::query_scalar::<_, i64>("SELECT platform FROM tenants WHERE id = $1");
    Ok(platform.bind(tenant_id).fetch_optional(readers).await?.is_some_and(|platform| platform != 0))
}

/// The tier of a user's tenant, whosever it is: for those who run the gateway.
pub(crate) async fn tier_of(readers: &Readers, user_id: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT t.tier FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = $1")
        .bind(user_id)
        .fetch_optional(readers)
        .await
}

/// Whether the user with this address has been signed in from here. The same work whether there is such a user or not.
pub(crate) async fn is_known_place(
    readers: &Readers,
    email: &str,
    address: &str,
) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = $1 AND s.ip_address = $2 LIMIT 1",
    )
    .bind(email)
    .bind(address)
    .fetch_optional(readers)
    .await?;
    Ok(found.is_some())
}

pub(crate) async fn insert_refresh_token(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    session_id: &str,
    expires_at: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(hash.as_slice())
    .bind(session_id)
    .bind(now)
    .bind(expires_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(crate) async fn refresh_token(
    executor: impl sqlx::SqliteExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<RefreshRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.tenant_id, r.session_id, s.user_id, r.expires_at, r.used_at, s.ended_at
         FROM refresh_tokens r JOIN sessions s ON s.id = r.session_id WHERE r.hash = $1",
    )
    .bind(hash.as_slice())
    .fetch_optional(executor)
    .await
}

/// Uses up the token and lets its session live on until `expires_at`.
pub(crate) async fn use_refresh_token(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    session_id: &str,
    expires_at: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE refresh_tokens SET used_at = $1 WHERE hash = $2")
        .bind(now)
        .bind(hash.as_slice())
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE sessions SET last_used_at = $1, expires_at = $2 WHERE id = $3")
        .bind(now)
        .bind(expires_at)
        .bind(session_id)
        .execute(connection)
        .await
        .map(drop)
}

/// Ends a session of this user; says whether there was one to end.
pub(crate) async fn end_session(
    tx: &mut WriteTx,
    user_id: &str,
    session_id: &str,
) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let end = tx.query(sql!(
        "UPDATE sessions SET ended_at = $2
         WHERE tenant_id = $1 AND id = $3 AND user_id = $4 AND ended_at IS NULL AND expires_at > $2"
    ));
    Ok(end.bind(now).bind(session_id).bind(user_id).execute().await? == 1)
}

/// Ends the user's sessions but this one, and says which they were.
pub(crate) async fn end_sessions_but(
    tx: &mut WriteTx,
    user_id: &str,
    kept: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let now = tx.now();
    let end = tx.query(sql!(
        "UPDATE sessions SET ended_at = $2
         WHERE tenant_id = $1 AND user_id = $3 AND id <> $4 AND ended_at IS NULL RETURNING id"
    ));
    let ended: Vec<(String,)> = end.bind(now).bind(user_id).bind(kept).fetch_all_as().await?;
    Ok(ended.into_iter().map(|(id,)| id).collect())
}

/// Removes some of the refresh tokens, sessions, counted attempts and invitations that have expired at `now`, and says whether there may be more: so that requests
/// never wait long for it.
pub(crate) async fn prune(connection: &mut SqliteConnection, now: i64) -> Result<bool, sqlx::Error> {
    const AT_ONCE: i64 = 1_000;
    let tokens = "DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at <= $1 LIMIT $2)";
    let sessions =
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)";
    let attempts = "DELETE FROM attempts WHERE counter IN (SELECT counter FROM attempts WHERE expires_at <= $1 LIMIT $2)";
    let invitations =
        "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at <= $1 LIMIT $2)";
    let mut more = false;
    for statement in [tokens, sessions, attempts, invitations] {
        let done = sqlx::query(statement).bind(now).bind(AT_ONCE).execute(&mut *connection).await?;
        more |= done.rows_affected() >= AT_ONCE.unsigned_abs();
    }
    Ok(more)
}
