//! Sign-ins that were begun, and identities, in the database.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use waypost_types::LinkedIdentity;

use crate::store::clock::to_rfc3339;
use crate::store::{Readers, TenantExecutor, WriteTx, sql};

/// A sign-in that was begun.
#[derive(Debug, FromRow)]
pub(super) struct StateRow {
    pub(super) provider: String,
    pub(super) browser_hash: Vec<u8>,
    pub(super) nonce: String,
    /// Sealed.
    pub(super) verifier: Vec<u8>,
    pub(super) return_to: String,
    /// Whose account is to be linked, if one is.
    pub(super) user_id: Option<String>,
    pub(super) expires_at: i64,
}

pub(super) async fn insert_state(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
    state: &StateRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sign_in_states (hash, provider, browser_hash, nonce, verifier, return_to, user_id, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(hash.as_slice())
    .bind(&state.provider)
    .bind(state.browser_hash.as_slice())
    .bind(&state.nonce)
    .bind(state.verifier.as_slice())
    .bind(&state.return_to)
    .bind(state.user_id.as_deref())
    .bind(state.expires_at)
    .execute(connection)
    .await
    .map(drop)
}

/// Whether there is such a state: asked first without the writer.
pub(super) async fn has_state(readers: &Readers, hash: &[u8; 32]) -> Result<bool, sqlx::Error> {
    let found = sqlx::query_scalar::<_, i64>("SELECT 1 FROM sign_in_states WHERE hash = $1");
    found.bind(hash.as_slice()).fetch_optional(readers).await.map(|found| found.is_some())
}

/// Takes a state away: it is good once.
pub(super) async fn take_state(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
) -> Result<Option<StateRow>, sqlx::Error> {
    sqlx::query_as(
        "DELETE FROM sign_in_states WHERE hash = $1
         RETURNING provider, browser_hash, nonce, verifier, return_to, user_id, expires_at",
    )
    .bind(hash.as_slice())
    .fetch_optional(connection)
    .await
}

/// An account at a provider.
#[derive(Debug, FromRow)]
pub(super) struct IdentityRow {
    pub(super) id: String,
    pub(super) tenant_id: String,
    pub(super) user_id: String,
    pub(super) provider: String,
    pub(super) subject: String,
    pub(super) email: Option<String>,
    pub(super) created_at: i64,
    pub(super) last_used_at: Option<i64>,
}

impl IdentityRow {
    pub(super) fn identity(self) -> LinkedIdentity {
        let mut identity = LinkedIdentity::new(self.id.as_str(), self.provider, to_rfc3339(self.created_at));
        identity.email = self.email;
        identity.last_used_at = self.last_used_at.map(to_rfc3339);
        identity
    }
}

/// The text that reads whole identities, and which.
macro_rules! identity {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant_id, user_id, provider, subject, email, created_at, last_used_at FROM identities ",
            $which
        )
    };
}

pub(super) async fn identity(
    executor: impl sqlx::SqliteExecutor<'_>,
    provider: &str,
    subject: &str,
) -> Result<Option<IdentityRow>, sqlx::Error> {
    sqlx::query_as(identity!("WHERE provider = $1 AND subject = $2"))
        .bind(provider)
        .bind(subject)
        .fetch_optional(executor)
        .await
}

pub(super) async fn identities_of<'q>(
    tenant: impl TenantExecutor<'q>,
    user_id: &str,
) -> Result<Vec<IdentityRow>, sqlx::Error> {
    let query = tenant
        .query(sql!(identity!("WHERE tenant_id = $1 AND user_id = $2 ORDER BY created_at, id LIMIT 100")));
    query.bind(user_id).fetch_all_as().await
}

/// A unique violation means that somebody has it already.
pub(super) async fn insert_identity(
    connection: &mut SqliteConnection,
    row: &IdentityRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identities (id, tenant_id, user_id, provider, subject, email, created_at, last_used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&row.id)
    .bind(&row.tenant_id)
    .bind(&row.user_id)
    .bind(&row.provider)
    .bind(&row.subject)
    .bind(row.email.as_deref())
    .bind(row.created_at)
    .bind(row.last_used_at)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn identity_used(
    connection: &mut SqliteConnection,
    id: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE identities SET last_used_at = $1 WHERE id = $2")
        .bind(now)
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn delete_identity(tx: &mut WriteTx, id: &str) -> Result<(), sqlx::Error> {
    let delete = tx.query(sql!("DELETE FROM identities WHERE tenant_id = $1 AND id = $2"));
    delete.bind(id).execute().await.map(drop)
}

/// Whether the user can sign in with a password.
pub(super) async fn can_use_password(tx: &mut WriteTx, user_id: &str) -> Result<bool, sqlx::Error> {
    let find = sql!("SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND password_hash IS NOT NULL");
    Ok(tx.query(find).bind(user_id).fetch_optional().await?.is_some())
}
