//! The payments' SQL.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteExecutor};

use super::rules::{Progress, Status};
use crate::store::list::{Page, Window, any_of};

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
    pub(super) tenant_id: &'a str,
    pub(super) statuses: &'a [&'a str],
    pub(super) payer_wallet_id: Option<&'a str>,
    pub(super) currency: Option<&'a str>,
}

const SELECT_ONE: &str = "SELECT p.id, p.status, p.payer_wallet_id, p.destination_wallet_id, p.destination_reference,
    p.destination_name, p.currency, p.amount, p.captured_amount, p.refunded_amount, p.capture_method, p.description,
    p.metadata, p.created_at, p.updated_at
  FROM payments p WHERE p.tenant_id = $1 AND p.id = $2";

const SELECT_MANY: &str = "SELECT p.id, p.status, p.payer_wallet_id, p.destination_wallet_id, p.destination_reference,
    p.destination_name, p.currency, p.amount, p.captured_amount, p.refunded_amount, p.capture_method, p.description,
    p.metadata, p.created_at, p.updated_at
  FROM payments p WHERE p.tenant_id = ";

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
pub(super) async fn insert(
    executor: impl SqliteExecutor<'_>,
    tenant_id: &str,
    payment: &Record,
) -> Result<(), sqlx::Error> {
    let (wallet_id, reference, name) = match &payment.destination {
        Destination::Wallet(wallet_id) => (Some(wallet_id.as_str()), None, None),
        Destination::External { reference, name } => (None, Some(reference.as_str()), name.as_deref()),
    };
    sqlx::query(
        "INSERT INTO payments (id, tenant_id, status, payer_wallet_id, destination_wallet_id, destination_reference,
           destination_name, currency, amount, captured_amount, refunded_amount, capture_method, description, metadata,
           created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(payment.id.as_str())
    .bind(tenant_id)
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
    .execute(executor)
    .await
    .map(drop)
}

/// Writes how far a payment has come.
pub(super) async fn update(
    executor: impl SqliteExecutor<'_>,
    payment_id: &str,
    progress: Progress,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE payments SET status = $2, captured_amount = $3, refunded_amount = $4, updated_at = $5 WHERE id = $1",
    )
    .bind(payment_id)
    .bind(progress.status.as_str())
    .bind(progress.captured)
    .bind(progress.refunded)
    .bind(now)
    .execute(executor)
    .await
    .map(drop)
}

/// The tenant's payment, if it has one with this id.
pub(super) async fn find(
    executor: impl SqliteExecutor<'_>,
    tenant_id: &str,
    payment_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = sqlx::query(SELECT_ONE).bind(tenant_id).bind(payment_id).fetch_optional(executor).await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of the tenant's payments, newest first.
pub(super) async fn list(
    executor: impl SqliteExecutor<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT_MANY);
    query.push_bind(filter.tenant_id.to_owned());
    any_of(&mut query, "p.status", filter.statuses.iter().copied());
    any_of(&mut query, "p.payer_wallet_id", filter.payer_wallet_id);
    any_of(&mut query, "p.currency", filter.currency);
    window.finish(&mut query, "p");
    let rows = query.build().fetch_all(executor).await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}
