//! The cards' SQL.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::rules::{Cover, Status};
use crate::store::list::{Page, Window, any_of};
use crate::store::statement::{Listing, Statement};
use crate::store::{TenantExecutor, TenantReader, WriteTx, listing, sql};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) cover: Cover,
    pub(crate) holder_name: String,
    pub(crate) holder_reference: Option<String>,
    pub(crate) plan: String,
    pub(crate) currency: String,
    /// JSON text.
    pub(crate) metadata: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// What a list of cards is narrowed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) statuses: &'a [&'a str],
    pub(super) holder_reference: Option<&'a str>,
}

/// Who changes a card's status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) user_id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) reason: Option<&'a str>,
}

const SELECT_ONE: Statement = sql!(
    "SELECT m.id, m.status, m.holder_name, m.holder_reference, m.plan, m.currency, m.coverage_limit, m.covered_amount,
    m.valid_until, m.metadata, m.created_at, m.updated_at
  FROM medcards m WHERE m.tenant_id = $1 AND m.id = $2"
);

const SELECT_MANY: Listing = listing!(
    "SELECT m.id, m.status, m.holder_name, m.holder_reference, m.plan, m.currency, m.coverage_limit, m.covered_amount,
    m.valid_until, m.metadata, m.created_at, m.updated_at
  FROM medcards m WHERE m.tenant_id = "
);

fn record_of(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let status: &str = row.try_get(1)?;
    let cover = Cover {
        status: Status::parse(status).ok_or_else(|| sqlx::Error::Decode("medcard status".into()))?,
        limit: row.try_get(6)?,
        covered: row.try_get(7)?,
        valid_until: row.try_get(8)?,
    };
    Ok(Record {
        id: row.try_get(0)?,
        cover,
        holder_name: row.try_get(2)?,
        holder_reference: row.try_get(3)?,
        plan: row.try_get(4)?,
        currency: row.try_get(5)?,
        metadata: row.try_get(9)?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
    })
}

/// Writes a new card.
pub(super) async fn insert(tx: &mut WriteTx, card: &Record) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO medcards (tenant_id, id, status, holder_name, holder_reference, plan, currency, coverage_limit,
           covered_amount, valid_until, metadata, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"
    ))
    .bind(card.id.as_str())
    .bind(card.cover.status.as_str())
    .bind(card.holder_name.as_str())
    .bind(card.holder_reference.as_deref())
    .bind(card.plan.as_str())
    .bind(card.currency.as_str())
    .bind(card.cover.limit)
    .bind(card.cover.covered)
    .bind(card.cover.valid_until)
    .bind(card.metadata.as_deref())
    .bind(card.created_at)
    .execute()
    .await
    .map(drop)
}

/// The tenant's card, if it has one with this id.
pub(crate) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    medcard_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = tenant.query(SELECT_ONE).bind(medcard_id).fetch_optional().await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of the tenant's cards, newest first.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut list = tenant.list(SELECT_MANY);
    any_of(list.filter(), "m.status", filter.statuses.iter().copied());
    any_of(list.filter(), "m.holder_reference", filter.holder_reference);
    window.finish(list.filter(), "m");
    let rows = list.fetch_all().await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}

/// Gives the card another status and remembers who did it, and why.
pub(super) async fn set_status(
    tx: &mut WriteTx,
    medcard_id: &str,
    status: Status,
    author: Author<'_>,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!("UPDATE medcards SET status = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2"))
        .bind(medcard_id)
        .bind(status.as_str())
        .bind(now)
        .execute()
        .await?;
    tx.query(sql!(
        "INSERT INTO medcard_history (tenant_id, medcard_id, created_at, status, user_id, request_id, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    ))
    .bind(medcard_id)
    .bind(now)
    .bind(status.as_str())
    .bind(author.user_id)
    .bind(author.request_id)
    .bind(author.reason)
    .execute()
    .await
    .map(drop)
}

/// Writes what is covered on the card in all.
pub(crate) async fn set_covered(tx: &mut WriteTx, medcard_id: &str, covered: i64) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!(
        "UPDATE medcards SET covered_amount = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2"
    ))
    .bind(medcard_id)
    .bind(covered)
    .bind(now)
    .execute()
    .await
    .map(drop)
}
