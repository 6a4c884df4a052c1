//! The cookies of sessions in the database, as hashes.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use crate::store::Readers;

/// A session with its user, found by its cookie.
#[derive(Debug, Clone, FromRow)]
pub(super) struct BrowserSessionRow {
    pub(super) id: String,
    pub(super) tenant_id: String,
    pub(super) user_id: String,
    pub(super) email: String,
    pub(super) tier: String,
    pub(super) platform: i64,
    pub(super) last_used_at: i64,
    /// When the cookie ends, however much it is used.
    pub(super) ends_at: i64,
}

/// The session of a cookie; none if it has ended or expired at `now`.
pub(super) async fn find(
    readers: &Readers,
    hash: &[u8; 32],
    now: i64,
) -> Result<Option<BrowserSessionRow>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.id, s.tenant_id, s.user_id, u.email, t.tier, t.platform, s.last_used_at, b.expires_at AS ends_at
         FROM browser_sessions b
         JOIN sessions s ON s.id = b.session_id JOIN users u ON u.id = s.user_id JOIN tenants t ON t.id = s.tenant_id
         WHERE b.hash = $1 AND b.expires_at > $2 AND s.ended_at IS NULL AND s.expires_at > $3",
    )
    .bind(hash.as_slice())
    .bind(now)
    .bind(now)
    .fetch_optional(readers)
    .await
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    session_id: &str,
    expires_at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO browser_sessions (hash, session_id, expires_at) VALUES ($1, $2, $3)")
        .bind(hash.as_slice())
        .bind(session_id)
        .bind(expires_at)
        .execute(connection)
        .await
        .map(drop)
}

/// Notes that a session was used, which lets it live on until `expires_at`.
pub(super) async fn touch(
    connection: &mut SqliteConnection,
    session_id: &str,
    expires_at: i64,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sessions SET last_used_at = $1, expires_at = $2 WHERE id = $3 AND ended_at IS NULL")
        .bind(now)
        .bind(expires_at)
        .bind(session_id)
        .execute(connection)
        .await
        .map(drop)
}

/// Ends the session that a browser had, of whichever tenant, since another begins.
pub(super) async fn end(connection: &mut SqliteConnection, session_id: &str, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE sessions SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL")
        .bind(now)
        .bind(session_id)
        .execute(connection)
        .await
        .map(drop)
}

/// Removes some of the cookies that have expired at `now`. Those of sessions that were removed went with them.
pub(crate) async fn forget_expired(connection: &mut SqliteConnection, now: i64) -> Result<u64, sqlx::Error> {
    sqlx::query("DELETE FROM browser_sessions WHERE hash IN (SELECT hash FROM browser_sessions WHERE expires_at <= $1 LIMIT 1000)")
        .bind(now)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}
