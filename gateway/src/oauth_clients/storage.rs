//! Clients in the database.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use waypost_types::OAuthClient;

use crate::store::Readers;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Position;

/// A client as it is kept: lists are JSON.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ClientRow {
    pub(crate) id: String,
    pub(crate) tenant_id: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    #[sqlx(rename = "type")]
    pub(crate) kind: String,
    pub(crate) authentication: String,
    pub(crate) grant_types: String,
    pub(crate) redirect_uris: String,
    pub(crate) scopes: String,
    pub(crate) secret_hash: Option<Vec<u8>>,
    pub(crate) jwks: Option<String>,
    pub(crate) created_at: i64,
}

impl ClientRow {
    pub(crate) fn grants(&self, grant_type: &str) -> bool {
        list(&self.grant_types).iter().any(|own| own == grant_type)
    }

    pub(crate) fn redirects(&self) -> Vec<String> {
        list(&self.redirect_uris)
    }

    pub(crate) fn scopes(&self) -> Vec<String> {
        list(&self.scopes)
    }

    pub(crate) fn is_public(&self) -> bool {
        self.kind == "public"
    }

    pub(super) fn client(&self) -> OAuthClient {
        OAuthClient::new(
            self.id.as_str(),
            self.name.as_str(),
            self.kind.as_str().into(),
            self.authentication.as_str().into(),
            list(&self.grant_types).iter().map(|grant| grant.as_str().into()).collect::<Vec<_>>(),
            self.redirects(),
            self.scopes(),
            to_rfc3339(self.created_at),
        )
    }
}

/// What is not a list was not written by us, and is as good as none.
fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

const COLUMNS: &str = "id, tenant_id, user_id, name, type, authentication, grant_types, redirect_uris, scopes, secret_hash, jwks, created_at";

pub(super) async fn insert(connection: &mut SqliteConnection, row: &ClientRow) -> Result<(), sqlx::Error> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "INSERT INTO oauth_clients ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    )))
    .bind(&row.id)
    .bind(&row.tenant_id)
    .bind(&row.user_id)
    .bind(&row.name)
    .bind(&row.kind)
    .bind(&row.authentication)
    .bind(&row.grant_types)
    .bind(&row.redirect_uris)
    .bind(&row.scopes)
    .bind(row.secret_hash.as_deref())
    .bind(row.jwks.as_deref())
    .bind(row.created_at)
    .execute(connection)
    .await
    .map(drop)
}

/// Whoever it belongs to: for the endpoints that clients themselves ask.
pub(crate) async fn by_id(
    executor: impl sqlx::SqliteExecutor<'_>,
    id: &str,
) -> Result<Option<ClientRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM oauth_clients WHERE id = $1")))
        .bind(id)
        .fetch_optional(executor)
        .await
}

pub(super) async fn get(
    readers: &Readers,
    tenant_id: &str,
    id: &str,
) -> Result<Option<ClientRow>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM oauth_clients WHERE id = $1 AND tenant_id = $2"
    )))
    .bind(id)
    .bind(tenant_id)
    .fetch_optional(readers)
    .await
}

/// Newest first, after a position.
pub(super) async fn list_of(
    readers: &Readers,
    tenant_id: &str,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<ClientRow>, sqlx::Error> {
    let (time, id) = after.map_or((i64::MAX, ""), |position| (position.created_at, position.id.as_str()));
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM oauth_clients WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)
         ORDER BY created_at DESC, id DESC LIMIT $4"
    )))
    .bind(tenant_id)
    .bind(time)
    .bind(id)
    .bind(limit)
    .fetch_all(readers)
    .await
}

/// Takes it away with its grants, whose identifiers are given; none if the tenant has no such client.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    tenant_id: &str,
    id: &str,
) -> Result<Option<Vec<String>>, sqlx::Error> {
    let grants = sqlx::query_scalar("SELECT id FROM oauth_grants WHERE client_id = $1")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    let done = sqlx::query("DELETE FROM oauth_clients WHERE id = $1 AND tenant_id = $2")
        .bind(id)
        .bind(tenant_id)
        .execute(connection)
        .await?;
    Ok((done.rows_affected() == 1).then_some(grants))
}
