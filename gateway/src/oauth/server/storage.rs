//! Grants and what hangs on them, in the database. Secrets come in as hashes.
//!
//! Functions that change something take the connection of a write transaction; the caller commits.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use waypost_types::AuditType;

use super::scope;
use crate::audit;
use crate::auth::roles;
use crate::http::Identity;
use crate::store::Readers;

/// A sealed seed.
#[derive(Debug, FromRow)]
pub(super) struct SigningKeyRow {
    pub(super) kid: String,
    pub(super) seed: Vec<u8>,
    pub(super) active_from: i64,
}

/// In the order in which they take over.
pub(super) async fn signing_keys(
    executor: impl sqlx::SqliteExecutor<'_>,
) -> Result<Vec<SigningKeyRow>, sqlx::Error> {
    sqlx::query_as("SELECT kid, seed, active_from FROM oauth_signing_keys ORDER BY active_from, kid")
        .fetch_all(executor)
        .await
}

pub(super) async fn insert_signing_key(
    connection: &mut SqliteConnection,
    kid: &str,
    seed: &[u8],
    active_from: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO oauth_signing_keys (kid, seed, created_at, active_from) VALUES ($1, $2, $3, $4)")
        .bind(kid)
        .bind(seed)
        .bind(now)
        .bind(active_from)
        .execute(connection)
        .await
        .map(drop)
}

/// What a client was granted.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) expires_at: i64,
    pub(crate) ended_at: Option<i64>,
}

impl Grant {
    pub(crate) const fn works(&self, now: i64) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    /// What happened to it, for the audit trail of the tenant whose it is.
    pub(super) fn entry(&self, kind: AuditType) -> audit::Entry<'_> {
        audit::Entry::new(kind, &self.client_id).with_detail(&format!("{}: {}", self.id, self.scope))
    }
}

const GRANT: &str = "g.id, g.tenant_id, g.client_id, g.user_id, g.subject, g.scope, g.expires_at, g.ended_at";

pub(super) async fn insert_grant(
    connection: &mut SqliteConnection,
    grant: &Grant,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO oauth_grants (id, tenant_id, client_id, user_id, subject, scope, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&grant.id)
    .bind(&grant.tenant_id)
    .bind(&grant.client_id)
    .bind(&grant.user_id)
    .bind(&grant.subject)
    .bind(&grant.scope)
    .bind(now)
    .bind(grant.expires_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn extend_grant(
    connection: &mut SqliteConnection,
    id: &str,
    expires_at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_grants SET expires_at = $1 WHERE id = $2 AND expires_at < $3")
        .bind(expires_at)
        .bind(id)
        .bind(expires_at)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn end_grant(
    connection: &mut SqliteConnection,
    id: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_grants SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL")
        .bind(now)
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}

/// What an access token of a grant is good for.
#[derive(Debug)]
pub(crate) struct GrantRecord {
    /// With what both the grant and the user cover.
    pub(crate) identity: Identity,
    pub(crate) email: String,
    pub(crate) scope: String,
    pub(crate) expires_at: i64,
}

/// What a grant is good for; none if there is none, it has ended, or it has expired at `now`.
pub(super) async fn grant_record(
    readers: &Readers,
    id: &str,
    now: i64,
) -> Result<Option<GrantRecord>, sqlx::Error> {
    let row: Option<(String, String, String, String, String, i64, i64)> = sqlx::query_as(
        "SELECT g.tenant_id, g.user_id, u.email, g.scope, t.tier, t.platform, g.expires_at
         FROM oauth_grants g JOIN users u ON u.id = g.user_id JOIN tenants t ON t.id = g.tenant_id
         WHERE g.id = $1 AND g.ended_at IS NULL AND g.expires_at > $2",
    )
    .bind(id)
    .bind(now)
    .fetch_optional(readers)
    .await?;
    let Some((tenant_id, user_id, email, scope, tier, platform, expires_at)) = row else { return Ok(None) };
    let held = permissions_of(readers, &user_id).await?;
    let identity = Identity {
        tenant_id,
        user_id,
        credential_id: id.to_owned(),
        permissions: scope::meet(&scope::parse(&scope), &held).into(),
        tier,
        platform: platform != 0,
    };
    Ok(Some(GrantRecord { identity, email, scope, expires_at }))
}

/// What a user may do, by the built-in role and the tenant's own.
pub(crate) async fn permissions_of(readers: &Readers, user_id: &str) -> Result<Vec<String>, sqlx::Error> {
    let role = sqlx::query_scalar::<_, String>("SELECT role FROM users WHERE id = $1");
    let Some(role) = role.bind(user_id).fetch_optional(readers).await? else { return Ok(Vec::new()) };
    let custom = sqlx::query_scalar::<_, String>(
        "SELECT r.permissions FROM user_roles ur
         JOIN roles r ON r.tenant_id = ur.tenant_id AND r.name = ur.role_name WHERE ur.user_id = $1",
    );
    let custom = custom.bind(user_id).fetch_all(readers).await?;
    Ok(roles::union(&role, custom.iter().flat_map(|permissions| crate::roles::permissions(permissions))))
}

/// An authorization code with its grant.
#[derive(Debug, FromRow)]
pub(super) struct CodeRow {
    #[sqlx(flatten)]
    pub(super) grant: Grant,
    pub(super) redirect_uri: Option<String>,
    pub(super) challenge: String,
    pub(super) code_expires_at: i64,
    pub(super) used_at: Option<i64>,
}

pub(super) async fn insert_code(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    grant_id: &str,
    redirect_uri: Option<&str>,
    challenge: &str,
    expires_at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO oauth_codes (hash, grant_id, redirect_uri, challenge, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(hash.as_slice())
    .bind(grant_id)
    .bind(redirect_uri)
    .bind(challenge)
    .bind(expires_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn code(
    executor: impl sqlx::SqliteExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<CodeRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {GRANT}, c.redirect_uri, c.challenge, c.expires_at AS code_expires_at, c.used_at
         FROM oauth_codes c JOIN oauth_grants g ON g.id = c.grant_id WHERE c.hash = $1"
    )))
    .bind(hash.as_slice())
    .fetch_optional(executor)
    .await
}

pub(super) async fn use_code(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_codes SET used_at = $1 WHERE hash = $2")
        .bind(now)
        .bind(hash.as_slice())
        .execute(connection)
        .await
        .map(drop)
}

/// A refresh token with its grant.
#[derive(Debug, FromRow)]
pub(super) struct RefreshRow {
    #[sqlx(flatten)]
    pub(super) grant: Grant,
    pub(super) issued_at: i64,
    pub(super) token_expires_at: i64,
    pub(super) used_at: Option<i64>,
}

pub(super) async fn insert_refresh_token(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    grant_id: &str,
    expires_at: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO oauth_refresh_tokens (hash, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(hash.as_slice())
    .bind(grant_id)
    .bind(now)
    .bind(expires_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn refresh_token(
    executor: impl sqlx::SqliteExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<RefreshRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {GRANT}, r.created_at AS issued_at, r.expires_at AS token_expires_at, r.used_at
         FROM oauth_refresh_tokens r JOIN oauth_grants g ON g.id = r.grant_id WHERE r.hash = $1"
    )))
    .bind(hash.as_slice())
    .fetch_optional(executor)
    .await
}

pub(super) async fn use_refresh_token(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_refresh_tokens SET used_at = $1 WHERE hash = $2")
        .bind(now)
        .bind(hash.as_slice())
        .execute(connection)
        .await
        .map(drop)
}

/// Notes an assertion; says whether it is new.
pub(super) async fn insert_assertion(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    expires_at: i64,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "INSERT INTO oauth_assertions (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
    )
    .bind(hash.as_slice())
    .bind(expires_at)
    .execute(connection)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// A device's codes.
#[derive(Debug, FromRow)]
pub(super) struct DeviceRow {
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) grant_id: Option<String>,
    pub(super) denied_at: Option<i64>,
    pub(super) used_at: Option<i64>,
    pub(super) asked_at: Option<i64>,
    pub(super) wait_seconds: i64,
    pub(super) expires_at: i64,
}

const DEVICE: &str =
    "SELECT client_id, scope, grant_id, denied_at, used_at, asked_at, wait_seconds, expires_at
    FROM oauth_device_codes";

pub(super) async fn insert_device(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    user_code_hash: &[u8; 32],
    device: &DeviceRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO oauth_device_codes (hash, user_code_hash, client_id, scope, wait_seconds, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash.as_slice())
    .bind(user_code_hash.as_slice())
    .bind(&device.client_id)
    .bind(&device.scope)
    .bind(device.wait_seconds)
    .bind(device.expires_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn device(
    executor: impl sqlx::SqliteExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<DeviceRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!("{DEVICE} WHERE hash = $1")))
        .bind(hash.as_slice())
        .fetch_optional(executor)
        .await
}

/// The device of a code that a person typed, if nobody has decided on it and it has not expired.
pub(super) async fn open_device(
    executor: impl sqlx::SqliteExecutor<'_>,
    user_code_hash: &[u8; 32],
    now: i64,
) -> Result<Option<DeviceRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{DEVICE} WHERE user_code_hash = $1 AND expires_at > $2 AND grant_id IS NULL AND denied_at IS NULL"
    )))
    .bind(user_code_hash.as_slice())
    .bind(now)
    .fetch_optional(executor)
    .await
}

pub(super) async fn decide_device(
    connection: &mut SqliteConnection,
    user_code_hash: &[u8; 32],
    grant_id: Option<&str>,
    now: i64,
) -> Result<(), sqlx::Error> {
    let denied_at = if grant_id.is_none() { Some(now) } else { None };
    sqlx::query("UPDATE oauth_device_codes SET grant_id = $1, denied_at = $2 WHERE user_code_hash = $3")
        .bind(grant_id)
        .bind(denied_at)
        .bind(user_code_hash.as_slice())
        .execute(connection)
        .await
        .map(drop)
}

/// Notes that a device asked.
pub(super) async fn device_asked(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    wait_seconds: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_device_codes SET asked_at = $1, wait_seconds = $2 WHERE hash = $3")
        .bind(now)
        .bind(wait_seconds)
        .bind(hash.as_slice())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn use_device(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE oauth_device_codes SET used_at = $1 WHERE hash = $2")
        .bind(now)
        .bind(hash.as_slice())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn grant_by_id(
    executor: impl sqlx::SqliteExecutor<'_>,
    id: &str,
) -> Result<Option<Grant>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT {GRANT} FROM oauth_grants g WHERE g.id = $1")))
        .bind(id)
        .fetch_optional(executor)
        .await
}

/// Removes some of what has expired at `now`, and says whether there may be more. What hangs on a grant goes with it.
pub(crate) async fn prune(connection: &mut SqliteConnection, now: i64) -> Result<bool, sqlx::Error> {
    const AT_ONCE: u64 = 1_000;
    const STATEMENTS: [&str; 6] = [
        "DELETE FROM oauth_codes WHERE hash IN (SELECT hash FROM oauth_codes WHERE expires_at <= $1 LIMIT 1000)",
        "DELETE FROM oauth_refresh_tokens WHERE hash IN (SELECT hash FROM oauth_refresh_tokens WHERE expires_at <= $1 LIMIT 1000)",
        "DELETE FROM oauth_device_codes WHERE hash IN (SELECT hash FROM oauth_device_codes WHERE expires_at <= $1 LIMIT 1000)",
        "DELETE FROM oauth_assertions WHERE hash IN (SELECT hash FROM oauth_assertions WHERE expires_at <= $1 LIMIT 1000)",
        "DELETE FROM sign_in_states WHERE hash IN (SELECT hash FROM sign_in_states WHERE expires_at <= $1 LIMIT 1000)",
        "DELETE FROM oauth_grants WHERE id IN (SELECT id FROM oauth_grants WHERE expires_at <= $1 LIMIT 1000)",
    ];
    let mut more = false;
    for statement in STATEMENTS {
        let done = sqlx::query(statement).bind(now).execute(&mut *connection).await?;
        more |= done.rows_affected() >= AT_ONCE;
    }
    Ok(more)
}
