//! The payments' SQL.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::rules::{Progress, Status};
use crate::store::list::{Page, Window, any_of};
use crate::store::statement::{Listing, Statement};
use crate::store::{TenantExecutor, TenantReader, WriteTx, listing, sql};

/// Where the money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Wallet(String),
    External { reference: String, name: Option<String> },
}

impl Destination {
    pub(super) fn wallet_id(&self) -> Option<&str> {
        match self {
            Self::Wallet(wallet_id) => Some(wallet_id),
            Self::External { .. } => None,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) progress: Progress,
    pub(super) payer_wallet_id: String,
    pub(super) destination: Destination,
    pub(super) currency: String,
    pub(super) capture_method: String,
    pub(super) description: Option<String>,
    /// JSON text.
    pub(super) metadata: Option<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// What a list of payments is narrowed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) statuses: &'a [&'a str],
    pub(super) payer_wallet_id: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
}

const SELECT_ONE: Statement = sql!(
    "SELECT p.id, p.status, p.payer_wallet_id, p.destination_wallet_id, p.destination_reference,
    p.destination_name, p.currency, p.amount, p.captured_amount, p.refunded_amount, p.capture_method, p.description,
    p.metadata, p.created_at, p.updated_at
  FROM payments p WHERE p.tenant_id = $1 AND p.id = $2"
);

const SELECT_MANY: Listing = listing!(
    "SELECT p.id, p.status, p.payer_wallet_id, p.destination_wallet_id, p.destination_reference,
    p.destination_name, p.currency, p.amount, p.captured_amount, p.refunded_amount, p.capture_method, p.description,
    p.metadata, p.created_at, p.updated_at
  FROM payments p WHERE p.tenant_id = "
);

fn record_of(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let unreadable = |what: &str| sqlx::Error::Decode(what.into());
    let status: &str = row.try_get(1)?;
    let progress = Progress {
        status: Status::parse(status).ok_or_else(|| unreadable("payment status"))?,
        amount: row.try_get(7)?,
        captured: row.try_get(8)?,
        refunded: row.try_get(9)?,
    };
    let destination = match (row.try_get(3)?, row.try_get(4)?) {
        (Some(wallet_id), _) => Destination::Wallet(wallet_id),
        (None, Some(reference)) => Destination::External { reference, name: row.try_get(5)? },
        (None, None) => return Err(unreadable("payment destination")),
    };
    Ok(Record {
        id: row.try_get(0)?,
        progress,
        payer_wallet_id: row.try_get(2)?,
        destination,
        currency: row.try_get(6)?,
        capture_method: row.try_get(10)?,
        description: row.try_get(11)?,
        metadata: row.try_get(12)?,
        created_at: row.try_get(13)?,
        updated_at: row.try_get(14)?,
    })
}

/// Writes a new payment.
pub(super) async fn insert(tx: &mut WriteTx, payment: &Record) -> Result<(), sqlx::Error> {
    let (wallet_id, reference, name) = match &payment.destination {
        Destination::Wallet(wallet_id) => (Some(wallet_id.as_str()), None, None),
        Destination::External { reference, name } => (None, Some(reference.as_str()), name.as_deref()),
    };
    tx.query(sql!(
        "INSERT INTO payments (tenant_id, id, status, payer_wallet_id, destination_wallet_id, destination_reference,
           destination_name, currency, amount, captured_amount, refunded_amount, capture_method, description, metadata,
           created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
    ))
    .bind(payment.id.as_str())
    .bind(payment.progress.status.as_str())
    .bind(payment.payer_wallet_id.as_str())
    .bind(wallet_id)
    .bind(reference)
    .bind(name)
    .bind(payment.currency.as_str())
    .bind(payment.progress.amount)
    .bind(payment.progress.captured)
    .bind(payment.progress.refunded)
    .bind(payment.capture_method.as_str())
    .bind(payment.description.as_deref())
    .bind(payment.metadata.as_deref())
    .bind(payment.created_at)
    .bind(payment.updated_at)
    .execute()
    .await
    .map(drop)
}

/// Writes how far a payment has come.
pub(super) async fn update(
    tx: &mut WriteTx,
    payment_id: &str,
    progress: Progress,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    tx.query(sql!(
        "UPDATE payments SET status = $3, captured_amount = $4, refunded_amount = $5, updated_at = $6
         WHERE tenant_id = $1 AND id = $2"
    ))
    .bind(payment_id)
    .bind(progress.status.as_str())
    .bind(progress.captured)
    .bind(progress.refunded)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

/// The tenant's payment, if it has one with this id.
pub(super) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    payment_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = tenant.query(SELECT_ONE).bind(payment_id).fetch_optional().await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of the tenant's payments, newest first.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut list = tenant.list(SELECT_MANY);
    any_of(list.filter(), "p.status", filter.statuses.iter().copied());
    any_of(list.filter(), "p.payer_wallet_id", filter.payer_wallet_id);
    any_of(list.filter(), "p.currency", filter.currency);
    window.finish(list.filter(), "p");
    let rows = list.fetch_all().await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}
