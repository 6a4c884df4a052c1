//! The wallets' SQL.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::ledger::storage::open_accounts;
use crate::ledger::{Wallet, WalletStatus};
use crate::store::list::{Page, Window, any_of};
use crate::store::statement::{Listing, Statement};
use crate::store::{TenantExecutor, TenantReader, WriteTx, listing, part_sql, sql};

/// A wallet with everything that its owner sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: Wallet,
    pub(super) name: Option<String>,
    /// JSON text.
    pub(super) metadata: Option<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) closed_at: Option<i64>,
}

/// What a list of wallets is narrowed by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) statuses: &'a [&'a str],
    pub(super) currency: Option<&'a str>,
}

const SELECT: Listing = listing!(
    "SELECT w.id, w.currency, w.status, a.balance, h.balance, w.name, w.metadata,
    w.created_at, w.updated_at, w.closed_at, a.updated_at, h.updated_at
  FROM wallets w
  JOIN ledger_accounts a ON a.id = w.id || ':available'
  JOIN ledger_accounts h ON h.id = w.id || ':held'
  WHERE w.tenant_id = "
);

const SELECT_ONE: Statement = sql!(
    "SELECT w.id, w.currency, w.status, a.balance, h.balance, w.name, w.metadata,
    w.created_at, w.updated_at, w.closed_at, a.updated_at, h.updated_at
  FROM wallets w
  JOIN ledger_accounts a ON a.id = w.id || ':available'
  JOIN ledger_accounts h ON h.id = w.id || ':held'
  WHERE w.tenant_id = $1 AND w.id = $2"
);

fn record_of(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let status: &str = row.try_get(2)?;
    let state = Wallet {
        id: row.try_get(0)?,
        currency: row.try_get(1)?,
        status: WalletStatus::parse(status)
            .ok_or_else(|| sqlx::Error::Decode(format!("wallet status `{status}`").into()))?,
        available: row.try_get(3)?,
        held: row.try_get(4)?,
    };
    // Money does not touch the wallet's own row, so its last change is the latest of the three rows.
    let changed: [i64; 3] = [row.try_get(8)?, row.try_get(10)?, row.try_get(11)?];
    Ok(Record {
        state,
        name: row.try_get(5)?,
        metadata: row.try_get(6)?,
        created_at: row.try_get(7)?,
        updated_at: changed.into_iter().max().unwrap_or_default(),
        closed_at: row.try_get(9)?,
    })
}

/// Writes a new wallet and opens its accounts.
pub(super) async fn insert(tx: &mut WriteTx, wallet: &Record) -> Result<(), sqlx::Error> {
    tx.query(sql!(
        "INSERT INTO wallets (tenant_id, id, name, currency, status, metadata, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)"
    ))
    .bind(wallet.state.id.as_str())
    .bind(wallet.name.as_deref())
    .bind(wallet.state.currency.as_str())
    .bind(wallet.state.status.as_str())
    .bind(wallet.metadata.as_deref())
    .bind(wallet.created_at)
    .execute()
    .await?;
    open_accounts(tx, &wallet.state.id, &wallet.state.currency).await
}

/// The tenant's wallet, if it has one with this id.
pub(super) async fn find<'q>(
    tenant: impl TenantExecutor<'q>,
    wallet_id: &str,
) -> Result<Option<Record>, sqlx::Error> {
    let row = tenant.query(SELECT_ONE).bind(wallet_id).fetch_optional().await?;
    row.as_ref().map(record_of).transpose()
}

/// Whether the tenant has a wallet with this id.
pub(super) async fn exists(tenant: TenantReader<'_>, wallet_id: &str) -> Result<bool, sqlx::Error> {
    let found = tenant.query(sql!("SELECT 1 FROM wallets WHERE tenant_id = $1 AND id = $2"));
    Ok(found.bind(wallet_id).fetch_optional().await?.is_some())
}

/// One page of the tenant's wallets, newest first.
pub(super) async fn list(
    tenant: TenantReader<'_>,
    filter: Filter<'_>,
    window: &Window,
) -> Result<Page<Record>, sqlx::Error> {
    let mut list = tenant.list(SELECT);
    any_of(list.filter(), "w.status", filter.statuses.iter().copied());
    any_of(list.filter(), "w.currency", filter.currency);
    window.finish(list.filter(), "w");
    let rows = list.fetch_all().await?;
    let records = rows.iter().map(record_of).collect::<Result<Vec<_>, _>>()?;
    Ok(window.page(records, |record| (record.created_at, &record.state.id)))
}

/// Gives the wallet another status and remembers who did it, and why.
pub(super) async fn set_status(
    tx: &mut WriteTx,
    wallet_id: &str,
    status: WalletStatus,
    author: Author<'_>,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let closed_at = (status == WalletStatus::Closed).then_some(now);
    tx.query(sql!(
        "UPDATE wallets SET status = $3, updated_at = $4, closed_at = $5 WHERE tenant_id = $1 AND id = $2"
    ))
    .bind(wallet_id)
    .bind(status.as_str())
    .bind(now)
    .bind(closed_at)
    .execute()
    .await?;
    tx.query(part_sql!(
        "INSERT INTO wallet_history (wallet_id, created_at, status, user_id, request_id, reason)
         VALUES ($1, $2, $3, $4, $5, $6)"
    ))
    .bind(wallet_id)
    .bind(now)
    .bind(status.as_str())
    .bind(author.user_id)
    .bind(author.request_id)
    .bind(author.reason)
    .execute()
    .await
    .map(drop)
}

/// Who changes a wallet's status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) user_id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) reason: Option<&'a str>,
}
