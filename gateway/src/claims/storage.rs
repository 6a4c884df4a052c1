//! The claims' SQL.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::rules::Status;
use crate::store::list::{Page, Window, any_of};
use crate::store::statement::{Listing, Statement};
use crate::store::{TenantExecutor, TenantReader, WriteTx, listing, sql};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) medcard_id: String,
    pub(super) amount: i64,
    pub(super) approved: i64,
    pub(super) currency: String,
    pub(super) provider_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) payout_wallet_id: Option<String>,
    pub(super) transaction_id: Option<String>,
    pub(super) decision_reason: Option<String>,
    pub(super) decided_at: Option<i64>,
    /// JSON text.
    pub(super) metadata: Option<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// What a list of claims is narrowed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) statuses: &'a [&'a str],
    pub(super) medcard_id: Option<&'a str>,
}

const SELECT_ONE: Statement = sql!(
    "SELECT c.id, c.status, c.medcard_id, c.amount, c.approved_amount, c.currency, c.provider_name, c.description,
    c.payout_wallet_id, c.transaction_id, c.decision_reason, c.decided_at, c.metadata, c.created_at, c.updated_at
  FROM claims c WHERE c.tenant_id = $1 AND c.id = $2"
);

const SELECT_MANY: Listing = listing!(
    "SELECT c.id, c.status, c.medcard_id, c.amount, c.approved_amount, c.currency, c.provider_name, c.description,
    c.payout_wallet_id, c.transaction_id, c.decision_reason, c.decided_at, c.metadata, c.created_at, c.updated_at
  FROM claims c WHERE c.tenant_id = "
);

fn record_of(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let status: &str = row.try_get(1)?;
    Ok(Record {
        id: row.try_get(0)?,
        status: Status::parse(status).ok_or_else(|| sqlx::Error::Decode("claim status".into()))?,
        medcard_id: row.try_get(2)?,
        amount: row.try_get(3)?,
        approved: row.try_get(4)?,
        currency: row.try_get(5)?,
        provider_name: row.try_get(6)?,
        description: row.try_get(7)?,
        payout_wallet_id: row.try_get(8)?,
        transaction_id: row.try_get(9)?,
        decision_reason: row.try_get(10)?,
        decided_at: row.try_get(11)?,
        metadata: row.try_get(12)?,
        created_at: row.try_get(13)?,
        updated_at: row.try_get(14)?,
    })
}

/// Writes a new claim.
pub(super) async fn insert(tx: &mut WriteTx, claim: &Record) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO claims (tenant_id, id, status, medcard_id, amount, approved_amount, currency, provider_name, description,
           payout_wallet_id, metadata, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"
    ))
    .bind(claim.id.as_str())
    .bind(claim.status.as_str())
    .bind(claim.medcard_id.as_str())
    .bind(claim.amount)
    .bind(claim.approved)
    .bind(claim.currency.as_str())
    .bind(claim.provider_name.as_deref())
    .bind(claim.description.as_deref())
    .bind(claim.payout_wallet_id.as_deref())
    .bind(claim.metadata.as_deref())
    .bind(claim.created_at)
    .execute()
    .await
    .map(drop)
}

/// Writes how the claim was decided.
pub(super) async fn decide(tx: &mut WriteTx, claim: &Record) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "UPDATE claims SET status = $3, approved_amount = $4, transaction_id = $5, decision_reason = $6, decided_at = $7, updated_at = $7
         WHERE tenant_id = $1 AND id = $2"
    ))
    .bind(claim.id.as_str())
    .bind(claim.status.as_str())
    .bind(claim.approved)
    .bind(claim.transaction_id.as_deref())
    .bind(claim.decision_reason.as_deref())
    .bind(claim.decided_at)
    .execute()
    .await
    .map(drop)
}

/// The tenant's claim, if it has one with this id.
pub(super) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    claim_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = tenant.query(SELECT_ONE).bind(claim_id).fetch_optional().await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of the tenant's claims, newest first.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut list = tenant.list(SELECT_MANY);
    any_of(list.filter(), "c.status", filter.statuses.iter().copied());
    any_of(list.filter(), "c.medcard_id", filter.medcard_id);
    window.finish(list.filter(), "c");
    let rows = list.fetch_all().await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}
