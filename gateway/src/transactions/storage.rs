//! The transactions' SQL. Rows are written by the ledger and never change.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteExecutor};

use crate::store::cursor::Position;
use crate::store::list::{Page, Window, any_of};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) wallet_id: String,
    pub(crate) entry_id: String,
    pub(crate) kind: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) balance_after: i64,
    pub(crate) available_after: i64,
    pub(crate) counterpart_wallet_id: Option<String>,
    pub(crate) payment_id: Option<String>,
    pub(crate) description: Option<String>,
    /// JSON text.
    pub(crate) metadata: Option<String>,
    pub(crate) created_at: i64,
}

fn record_of(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        id: row.try_get(0)?,
        wallet_id: row.try_get(1)?,
        entry_id: row.try_get(2)?,
        kind: row.try_get(3)?,
        amount: row.try_get(4)?,
        currency: row.try_get(5)?,
        balance_after: row.try_get(6)?,
        available_after: row.try_get(7)?,
        counterpart_wallet_id: row.try_get(8)?,
        payment_id: row.try_get(9)?,
        description: row.try_get(10)?,
        metadata: row.try_get(11)?,
        created_at: row.try_get(12)?,
    })
}

/// The tenant's transaction, if it has one with this id.
pub(crate) async fn find(
    executor: impl SqliteExecutor<'_>,
    tenant_id: &str,
    transaction_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t WHERE t.id = $1 AND t.tenant_id = $2",
    )
    .bind(transaction_id)
    .bind(tenant_id)
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of a wallet's transactions, newest first. Empty as well if the tenant has no such wallet.
pub(crate) async fn list(
    executor: impl SqliteExecutor<'_>,
    tenant_id: &str,
    wallet_id: &str,
    types: &[&str],
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t WHERE t.wallet_id = ",
    );
    query.push_bind(wallet_id.to_owned());
    query.push(" AND t.tenant_id = ").push_bind(tenant_id.to_owned());
    any_of(&mut query, "t.type", types.iter().copied());
    window.finish(&mut query, "t");
    let rows = query.build().fetch_all(executor).await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}

/// Where a wallet's ledger ends now.
pub(crate) async fn newest(
    executor: impl SqliteExecutor<'_>,
    wallet_id: &str,
) -> Result<Option<Position>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT created_at, id FROM transactions WHERE wallet_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
    )
    .bind(wallet_id)
    .fetch_optional(executor)
    .await?;
    row.map(|row| Ok(Position { created_at: row.try_get(0)?, id: row.try_get(1)? })).transpose()
}

/// The next rows of a statement, oldest first: after one place, up to and with another.
pub(crate) async fn next(
    executor: impl SqliteExecutor<'_>,
    wallet_id: &str,
    after: &Position,
    last: &Position,
    limit: i64,
) -> Result<Vec<Record>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t
         WHERE t.wallet_id = $1 AND (t.created_at, t.id) > ($2, $3) AND (t.created_at, t.id) <= ($4, $5)
         ORDER BY t.created_at, t.id LIMIT $6",
    )
    .bind(wallet_id)
    .bind(after.created_at)
    .bind(after.id.as_str())
    .bind(last.created_at)
    .bind(last.id.as_str())
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.iter().map(record_of).collect()
}
