//! Events in the database.

use super::document::Stored;
use super::rules::Filter;
use crate::secrets::id;
use crate::store::{Readers, StoreError, SystemTx, TenantExecutor, TenantReader, WriteTx, listing, sql};

/// An event to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) kind: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) actor_id: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) origin_id: Option<&'a str>,
    pub(super) attributes: Option<&'a str>,
    pub(super) data: &'a str,
}

/// The text that reads whole events, and which.
macro_rules! event {
    ($which:literal) => {
        concat!(
            "SELECT e.id, e.tenant_id, e.type, e.subject, e.actor_id, e.source, e.origin_id, e.attributes, e.data, e.created_at
             FROM events e ",
            $which
        )
    };
}

/// Writes an event of the transaction's tenant, behind every event before.
pub(super) async fn insert(tx: &mut WriteTx, event: New<'_>) -> Result<String, sqlx::Error> {
    let now = tx.now();
    let id = id::at("evt", now, tx.tell());
    tx.query(sql!(
        "INSERT INTO events (tenant_id, id, type, subject, actor_id, source, origin_id, attributes, data, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(id.as_str())
    .bind(event.kind)
    .bind(event.subject)
    .bind(event.actor_id)
    .bind(event.source)
    .bind(event.origin_id)
    .bind(event.attributes)
    .bind(event.data)
    .bind(now)
    .execute()
    .await?;
    Ok(id)
}

/// The tenant's event with this id.
pub(super) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    event_id: &str,
) -> Result<Option<Stored>, sqlx::Error> {
    let query = tenant.query(sql!(event!("WHERE e.tenant_id = $1 AND e.id = $2")));
    query.bind(event_id).fetch_optional_as().await
}

/// The tenant's event that its publisher knows by this.
pub(super) async fn find_origin(
    tx: &mut WriteTx,
    source: &str,
    origin_id: &str,
) -> Result<Option<Stored>, sqlx::Error> {
    let query = tx.query(sql!(event!("WHERE e.tenant_id = $1 AND e.source = $2 AND e.origin_id = $3")));
    query.bind(source).bind(origin_id).fetch_optional_as().await
}

/// Which part of a tenant's events: ids between two bounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Span {
    /// Behind this one.
    pub(crate) after: Option<String>,
    /// This one or later.
    pub(crate) from: Option<String>,
    /// Before this one.
    pub(crate) before: Option<String>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Newest,
    Oldest,
}

/// The tenant's events in a span, up to `limit`.
pub(crate) async fn list(
    tenant: TenantReader<'_>,
    filter: &Filter,
    span: &Span,
    order: Order,
    limit: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    let mut list = tenant.list(listing!(event!("WHERE e.tenant_id = ")));
    let query = list.filter();
    filter.narrow(query);
    for (operator, bound) in
        [(" AND e.id > ", &span.after), (" AND e.id >= ", &span.from), (" AND e.id < ", &span.before)]
    {
        if let Some(id) = bound {
            query.push(operator).push_bind(id.clone());
        }
    }
    query.push(match order {
        Order::Newest => " ORDER BY e.id DESC LIMIT ",
        Order::Oldest => " ORDER BY e.id LIMIT ",
    });
    query.push_bind(limit);
    list.fetch_all_as().await
}

/// The id of the tenant's newest event.
pub(crate) async fn newest(tenant: TenantReader<'_>) -> Result<Option<String>, sqlx::Error> {
    let query = tenant.query(sql!("SELECT id FROM events WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1"));
    Ok(query.fetch_optional_as::<(String,)>().await?.map(|(id,)| id))
}

/// Types of the tenant's events, each found by one look into the index; up to `limit`.
pub(super) async fn types(tenant: TenantReader<'_>, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    let query = tenant.query(sql!(
        "WITH RECURSIVE found (type) AS (
           SELECT MIN(type) FROM events WHERE tenant_id = $1
           UNION ALL
           SELECT (SELECT MIN(e.type) FROM events e WHERE e.tenant_id = $1 AND e.type > f.type) FROM found f
           WHERE f.type IS NOT NULL
         )
         SELECT type FROM found WHERE type IS NOT NULL LIMIT $2"
    ));
    Ok(query.bind(limit).fetch_all_as::<(String,)>().await?.into_iter().map(|(kind,)| kind).collect())
}

/// Removes the tenant's oldest events before an id, up to `limit`; says how many.
pub(super) async fn prune(
    tx: &mut WriteTx,
    filter: &Filter,
    before: &str,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let mut list = (&mut *tx).list(listing!("SELECT e.id FROM events e WHERE e.tenant_id = "));
    filter.narrow(list.filter());
    list.filter().push(" AND e.id < ").push_bind(before.to_owned());
    list.filter().push(" ORDER BY e.id LIMIT ").push_bind(limit);
    let ids: Vec<(String,)> = list.fetch_all_as().await?;
    let mut removed = 0;
    for (id,) in ids {
        removed +=
            tx.query(sql!("DELETE FROM events WHERE tenant_id = $1 AND id = $2")).bind(id).execute().await?;
    }
    Ok(removed)
}

/// Removes the oldest events of all tenants before an id, up to `limit`; says how many.
pub(super) async fn expire(tx: &mut SystemTx, before: &str, limit: i64) -> Result<u64, sqlx::Error> {
    let delete = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2)";
    let done = sqlx::query(delete).bind(before).bind(limit).execute(tx.connection()).await?;
    Ok(done.rows_affected())
}

/// What the bus is told of: ids, tenants and types of events of all tenants behind one, in order.
pub(super) async fn behind(
    readers: &Readers,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as("SELECT id, tenant_id, type FROM events WHERE id > $1 ORDER BY id LIMIT $2")
        .bind(after)
        .bind(limit)
        .fetch_all(readers)
        .await
}

/// Up to which event a reader of the outbox has come; before all of them if it never was there.
pub(super) async fn position(readers: &Readers, name: &str) -> Result<String, StoreError> {
    let found = sqlx::query_scalar("SELECT event_id FROM event_positions WHERE name = $1");
    Ok(found.bind(name).fetch_optional(readers).await?.unwrap_or_default())
}

/// Notes up to which event a reader of the outbox has come.
pub(super) async fn set_position(tx: &mut SystemTx, name: &str, event_id: &str) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO event_positions (name, event_id, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET event_id = excluded.event_id, updated_at = excluded.updated_at",
    )
    .bind(name)
    .bind(event_id)
    .bind(now)
    .execute(tx.connection())
    .await
    .map(drop)
}
