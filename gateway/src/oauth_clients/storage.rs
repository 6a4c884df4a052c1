//! Clients in the database.

use sqlx::FromRow;
use waypost_types::OAuthClient;

use crate::store::clock::to_rfc3339;
use crate::store::cursor::Position;
use crate::store::{Readers, TenantExecutor as _, TenantReader, WriteTx, sql};

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

/// The text that reads whole clients, and which.
macro_rules! client {
    ($which:literal) => {
        concat!(
            "SELECT id, tenant_id, user_id, name, type, authentication, grant_types, redirect_uris, scopes, secret_hash, jwks, created_at
             FROM oauth_clients ",
            $which
        )
    };
}

/// Writes a new client of the transaction's tenant.
pub(super) async fn insert(tx: &mut WriteTx, row: &ClientRow) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO oauth_clients
         (tenant_id, id, user_id, name, type, authentication, grant_types, redirect_uris, scopes, secret_hash, jwks, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    ))
    .bind(&row.id)
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
    .execute()
    .await
    .map(drop)
}

/// Whoever it belongs to: for the endpoints that clients themselves ask.
pub(crate) async fn by_id(
    executor: impl sqlx::SqliteExecutor<'_>,
    id: &str,
) -> Result<Option<ClientRow>, sqlx::Error> {
    sqlx::query_as(client!("WHERE id = $1")).bind(id).fetch_optional(executor).await
}

pub(super) async fn get(tenant: TenantReader<'_>, id: &str) -> Result<Option<ClientRow>, sqlx::Error> {
    tenant.query(sql!(client!("WHERE tenant_id = $1 AND id = $2"))).bind(id).fetch_optional_as().await
}

/// Newest first, after a position.
pub(super) async fn list_of(
    tenant: TenantReader<'_>,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<ClientRow>, sqlx::Error> {
    let (time, id) = after.map_or((i64::MAX, ""), |position| (position.created_at, position.id.as_str()));
    let query = tenant.query(sql!(client!(
        "WHERE tenant_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4"
    )));
    query.bind(time).bind(id).bind(limit).fetch_all_as().await
}

/// What was granted to a client, by people of whatever tenant.
pub(super) async fn grants_of(readers: &Readers, id: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM oauth_grants WHERE client_id = $1").bind(id).fetch_all(readers).await
}

/// Takes it away with its grants; says whether the tenant has such a client.
pub(super) async fn delete(tx: &mut WriteTx, id: &str) -> Result<bool, sqlx::Error> {
    let delete = tx.query(sql!("DELETE FROM oauth_clients WHERE tenant_id = $1 AND id = $2"));
    Ok(delete.bind(id).execute().await? == 1)
}
