//! The transactions' SQL. Rows are written by the ledger and never change.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::store::cursor::Position;
use crate::store::list::{Page, Window, any_of};
use crate::store::{TenantExecutor as _, TenantReader, listing, sql};

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
    tenant: TenantReader<'_>,
    transaction_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t WHERE t.tenant_id = $1 AND t.id = $2"
    ));
    let row = query.bind(transaction_id).fetch_optional().await?;
    row.as_ref().map(record_of).transpose()
}

/// One page of a wallet's transactions, newest first. Empty as well if the tenant has no such wallet.
pub(crate) async fn list(
    tenant: TenantReader<'_>,
    wallet_id: &str,
    types: &[&str],
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut list = tenant.list(listing!(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t WHERE t.tenant_id = "
    ));
    list.filter().push(" AND t.wallet_id = ").push_bind(wallet_id.to_owned());
    any_of(list.filter(), "t.type", types.iter().copied());
    window.finish(list.filter(), "t");
    let rows = list.fetch_all().await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.id)))
}

/// Where a wallet's ledger ends now.
pub(crate) async fn newest(
    tenant: TenantReader<'_>,
    wallet_id: &str,
) -> Result<Option<Position>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT created_at, id FROM transactions WHERE tenant_id = $1 AND wallet_id = $2
         ORDER BY created_at DESC, id DESC LIMIT 1"
    ));
    let row = query.bind(wallet_id).fetch_optional().await?;
    row.map(|row| Ok(Position { created_at: row.try_get(0)?, id: row.try_get(1)? })).transpose()
}

/// The next rows of a statement, oldest first: after one place, up to and with another.
pub(crate) async fn next(
    tenant: TenantReader<'_>,
    wallet_id: &str,
    after: &Position,
    last: &Position,
    limit: i64,
) -> Result<Vec<Record>, sqlx::Error> {
    let query = tenant.query(sql!(
        "SELECT t.id, t.wallet_id, t.entry_id, t.type, t.amount, t.currency, t.balance_after, t.available_after,
           t.counterpart_wallet_id, t.payment_id, t.description, t.metadata, t.created_at
         FROM transactions t
         WHERE t.tenant_id = $1 AND t.wallet_id = $2 AND (t.created_at, t.id) > ($3, $4) AND (t.created_at, t.id) <= ($5, $6)
         ORDER BY t.created_at, t.id LIMIT $7"
    ));
    let rows = query
        .bind(wallet_id)
        .bind(after.created_at)
        .bind(after.id.as_str())
        .bind(last.created_at)
        .bind(last.id.as_str())
        .bind(limit)
        .fetch_all()
        .await?;
    rows.iter().map(record_of).collect()
}
