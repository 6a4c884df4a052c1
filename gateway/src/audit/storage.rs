//! Audit events in the database.

use sqlx::FromRow;
use waypost_types::AuditEvent;

use crate::secrets::id;
use crate::store::clock::to_rfc3339;
use crate::store::list::{Page, Window, any_of};
use crate::store::{SystemTx, TenantExecutor as _, TenantReader, WriteTx, listing, sql};

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) outcome: String,
    pub(crate) actor_id: Option<String>,
    pub(crate) credential_id: Option<String>,
    pub(crate) subject_id: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) ip_address: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// An event as it is stored.
#[derive(Debug, FromRow)]
pub(super) struct EventRow {
    id: String,
    r#type: String,
    outcome: String,
    actor_id: Option<String>,
    credential_id: Option<String>,
    subject_id: Option<String>,
    detail: Option<String>,
    ip_address: Option<String>,
    request_id: Option<String>,
    created_at: i64,
}

impl EventRow {
    pub(super) fn event(self) -> AuditEvent {
        AuditEvent {
            actor_id: self.actor_id,
            credential_id: self.credential_id,
            subject_id: self.subject_id,
            detail: self.detail,
            ip_address: self.ip_address,
            request_id: self.request_id,
            ..AuditEvent::new(
                self.id,
                self.r#type.as_str().into(),
                self.outcome.as_str().into(),
                to_rfc3339(self.created_at),
            )
        }
    }
}

/// What a list of events is narrowed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) types: &'a [&'a str],
    pub(super) actor_id: Option<&'a str>,
}

/// Records an event of the transaction's tenant.
pub(super) async fn insert(tx: &mut WriteTx, event: &Event) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!(
        "INSERT INTO audit_events (tenant_id, id, type, outcome, actor_id, credential_id, subject_id, detail, ip_address,
           request_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(id::new("aud"))
    .bind(event.kind.as_str())
    .bind(event.outcome.as_str())
    .bind(event.actor_id.as_deref())
    .bind(event.credential_id.as_deref())
    .bind(event.subject_id.as_deref())
    .bind(event.detail.as_deref())
    .bind(event.ip_address.as_deref())
    .bind(event.request_id.as_deref())
    .bind(now)
    .execute()
    .await
    .map(drop)
}

/// Records an event that was noted before, of whichever tenant, at the time when it happened. One of a tenant that is gone is left out.
pub(super) async fn insert_noted(
    tx: &mut SystemTx,
    tenant_id: &str,
    event: &Event,
    time: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit_events (tenant_id, id, type, outcome, actor_id, credential_id, subject_id, detail, ip_address,
           request_id, created_at)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM tenants WHERE id = $1",
    )
    .bind(tenant_id)
    .bind(id::new("aud"))
    .bind(event.kind.as_str())
    .bind(event.outcome.as_str())
    .bind(event.actor_id.as_deref())
    .bind(event.credential_id.as_deref())
    .bind(event.subject_id.as_deref())
    .bind(event.detail.as_deref())
    .bind(event.ip_address.as_deref())
    .bind(event.request_id.as_deref())
    .bind(time)
    .execute(tx.connection())
    .await
    .map(drop)
}

/// Removes some of the events from before a time, and says whether there may be more: so that requests never wait long for it.
pub(super) async fn prune(tx: &mut SystemTx, before: i64) -> Result<bool, sqlx::Error> {
    const AT_ONCE: u64 = 1_000;
    let delete =
        "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE created_at < $1 LIMIT 1000)";
    let done = sqlx::query(delete).bind(before).execute(tx.connection()).await?;
    Ok(done.rows_affected() >= AT_ONCE)
}

/// One page of the tenant's events, newest first.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<EventRow>, sqlx::Error> {
    let mut list = tenant.list(listing!(
        "SELECT e.id, e.type, e.outcome, e.actor_id, e.credential_id, e.subject_id, e.detail, e.ip_address, e.request_id,
           e.created_at
         FROM audit_events e WHERE e.tenant_id = "
    ));
    any_of(list.filter(), "e.type", filter.types.iter().copied());
    any_of(list.filter(), "e.actor_id", filter.actor_id);
    window.finish(list.filter(), "e");
    Ok(window.page(list.fetch_all_as().await?, |row: &EventRow| (row.created_at, &row.id)))
}
