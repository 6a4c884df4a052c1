//! The ledger's SQL: wallets with their accounts in, plans out. Runs inside the caller's write transaction.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::plan::{Account, Kind, Line, Plan, Posting, Wallet, WalletStatus};
use crate::secrets::id;
use crate::store::statement::Statement;
use crate::store::{StoreError, WriteTx, part_sql, sql};

/// What comes with a movement and is no rule's business.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Note<'a> {
    pub(crate) payment_id: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    /// JSON text.
    pub(crate) metadata: Option<&'a str>,
}

/// A line as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posted {
    /// `txn_…`
    pub(crate) id: String,
    pub(crate) line: Line,
}

/// What [`post`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `trf_…` for a transfer, `ent_…` for all else.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) currency: String,
    pub(crate) created_at: i64,
    /// One for each line of the plan, in its order.
    pub(crate) lines: Vec<Posted>,
}

pub(crate) fn available_account(wallet_id: &str) -> String {
    format!("{wallet_id}:available")
}

pub(crate) fn held_account(wallet_id: &str) -> String {
    format!("{wallet_id}:held")
}

pub(crate) fn world_account(tenant_id: &str, currency: &str) -> String {
    format!("{tenant_id}:world:{currency}")
}

fn account_id(account: &Account, tenant_id: &str, currency: &str) -> String {
    match account {
        Account::Available(wallet) => available_account(wallet),
        Account::Held(wallet) => held_account(wallet),
        Account::World => world_account(tenant_id, currency),
    }
}

/// Opens the accounts of a new wallet, and its tenant's world account if this is the first of the currency.
pub(crate) async fn open_accounts(
    tx: &mut WriteTx,
    wallet_id: &str,
    currency: &str,
) -> Result<(), sqlx::Error> {
    let (now, world) = (tx.now(), world_account(tx.tenant_id(), currency));
    tx.query(sql!(
        "INSERT INTO ledger_accounts (tenant_id, id, wallet_id, kind, currency, balance, updated_at)
         VALUES ($1, $2, $5, 'available', $6, 0, $7), ($1, $3, $5, 'held', $6, 0, $7), ($1, $4, NULL, 'world', $6, 0, $7)
         ON CONFLICT (id) DO NOTHING"
    ))
    .bind(available_account(wallet_id))
    .bind(held_account(wallet_id))
    .bind(world)
    .bind(wallet_id)
    .bind(currency)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

fn wallet_of(row: &SqliteRow) -> Result<Wallet, sqlx::Error> {
    let status: &str = row.try_get(2)?;
    Ok(Wallet {
        id: row.try_get(0)?,
        currency: row.try_get(1)?,
        status: WalletStatus::parse(status)
            .ok_or_else(|| sqlx::Error::Decode(format!("wallet status `{status}`").into()))?,
        available: row.try_get(3)?,
        held: row.try_get(4)?,
    })
}

/// The tenant's wallet as the rules see it.
pub(crate) async fn wallet(tx: &mut WriteTx, wallet_id: &str) -> Result<Option<Wallet>, sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT w.id, w.currency, w.status, a.balance, h.balance FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         WHERE w.tenant_id = $1 AND w.id = $2"
    ));
    let row = query.bind(wallet_id).fetch_optional().await?;
    row.as_ref().map(wallet_of).transpose()
}

/// Two of the tenant's wallets, in one statement; the same one twice if the ids are equal.
/// The tenant is compared as an expression: as a column it makes the planner walk all wallets of the tenant instead of two keys.
pub(crate) async fn wallet_pair(
    tx: &mut WriteTx,
    first: &str,
    second: &str,
) -> Result<(Option<Wallet>, Option<Wallet>), sqlx::Error> {
    let query = tx.query(sql!(
        "SELECT w.id, w.currency, w.status, a.balance, h.balance FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         WHERE w.id IN ($2, $3) AND w.tenant_id || '' = $1"
    ));
    let rows = query.bind(first).bind(second).fetch_all().await?;
    let wallets = rows.iter().map(wallet_of).collect::<Result<Vec<_>, _>>()?;
    let find = |id: &str| wallets.iter().find(|wallet| wallet.id == id).cloned();
    Ok((find(first), find(second)))
}

/// Writes a plan: the entry, its postings, the balances, and the lines that owners see.
pub(crate) async fn post(tx: &mut WriteTx, plan: Plan, note: Note<'_>) -> Result<Entry, StoreError> {
    let now = tx.now();
    let entry_id = id::new(if plan.kind == Kind::Transfer { "trf" } else { "ent" });
    tx.query(sql!("INSERT INTO ledger_entries (tenant_id, id, kind, created_at) VALUES ($1, $2, $3, $4)"))
        .bind(entry_id.as_str())
        .bind(plan.kind.as_str())
        .bind(now)
        .execute()
        .await?;
    let postings: Vec<(String, i64)> = plan
        .postings
        .iter()
        .map(|Posting { account, amount }| (account_id(account, tx.tenant_id(), &plan.currency), *amount))
        .collect();
    change_balances(tx, &postings).await?;
    insert_postings(tx, &entry_id, &postings).await?;
    let lines: Vec<Posted> = plan.lines.into_iter().map(|line| Posted { id: id::new("txn"), line }).collect();
    insert_lines(tx, &entry_id, &plan.currency, &lines, note).await?;
    Ok(Entry { id: entry_id, kind: plan.kind, currency: plan.currency, created_at: now, lines })
}

/// One statement for all accounts. The text depends on how many there are only, so each is prepared once.
async fn change_balances(tx: &mut WriteTx, postings: &[(String, i64)]) -> Result<(), StoreError> {
    let statement = match postings.len() {
        2 => sql!(
            "UPDATE ledger_accounts SET updated_at = $2, balance = balance + CASE id WHEN $3 THEN $4 ELSE $6 END
             WHERE id IN ($3, $5) AND tenant_id = $1"
        ),
        3 => sql!(
            "UPDATE ledger_accounts SET updated_at = $2,
               balance = balance + CASE id WHEN $3 THEN $4 WHEN $5 THEN $6 ELSE $8 END
             WHERE id IN ($3, $5, $7) AND tenant_id = $1"
        ),
        count => return Err(unsupported("postings", count)),
    };
    let now = tx.now();
    let mut query = tx.query(statement).bind(now);
    for (account, amount) in postings {
        query = query.bind(account.as_str()).bind(*amount);
    }
    let changed = query.execute().await?;
    if changed == postings.len() as u64 { Ok(()) } else { Err(StoreError::Sql(sqlx::Error::RowNotFound)) }
}

async fn insert_postings(
    tx: &mut WriteTx,
    entry_id: &str,
    postings: &[(String, i64)],
) -> Result<(), StoreError> {
    let statement = match postings.len() {
        2 => part_sql!(
            "INSERT INTO ledger_postings (entry_id, account_id, amount) VALUES ($1, $2, $3), ($1, $4, $5)"
        ),
        3 => part_sql!(
            "INSERT INTO ledger_postings (entry_id, account_id, amount) VALUES ($1, $2, $3), ($1, $4, $5), ($1, $6, $7)"
        ),
        count => return Err(unsupported("postings", count)),
    };
    let mut query = tx.query(statement).bind(entry_id);
    for (account, amount) in postings {
        query = query.bind(account.as_str()).bind(*amount);
    }
    query.execute().await?;
    Ok(())
}

const LINES: [Statement; 3] = [
    sql!(
        "INSERT INTO transactions (tenant_id, entry_id, currency, payment_id, description, metadata, created_at,
           id, wallet_id, type, amount, balance_after, available_after, counterpart_wallet_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    ),
    sql!(
        "INSERT INTO transactions (tenant_id, entry_id, currency, payment_id, description, metadata, created_at,
           id, wallet_id, type, amount, balance_after, available_after, counterpart_wallet_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14),
           ($1, $2, $3, $4, $5, $6, $7, $15, $16, $17, $18, $19, $20, $21)"
    ),
    sql!(
        "INSERT INTO transactions (tenant_id, entry_id, currency, payment_id, description, metadata, created_at,
           id, wallet_id, type, amount, balance_after, available_after, counterpart_wallet_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14),
           ($1, $2, $3, $4, $5, $6, $7, $15, $16, $17, $18, $19, $20, $21),
           ($1, $2, $3, $4, $5, $6, $7, $22, $23, $24, $25, $26, $27, $28)"
    ),
];

async fn insert_lines(
    tx: &mut WriteTx,
    entry_id: &str,
    currency: &str,
    lines: &[Posted],
    note: Note<'_>,
) -> Result<(), StoreError> {
    let statement = lines.len().checked_sub(1).and_then(|index| LINES.get(index).copied());
    let now = tx.now();
    let mut query = tx
        .query(statement.ok_or_else(|| unsupported("lines", lines.len()))?)
        .bind(entry_id)
        .bind(currency)
        .bind(note.payment_id)
        .bind(note.description)
        .bind(note.metadata)
        .bind(now);
    for Posted { id, line } in lines {
        query = query
            .bind(id.as_str())
            .bind(line.wallet_id.as_str())
            .bind(line.kind.as_str())
            .bind(line.amount)
            .bind(line.balance_after)
            .bind(line.available_after)
            .bind(line.counterpart.as_deref());
    }
    query.execute().await?;
    Ok(())
}

/// No rule makes such a plan; a new one that does is told so instead of being written in part.
fn unsupported(what: &str, count: usize) -> StoreError {
    StoreError::Sql(sqlx::Error::Encode(format!("an entry with {count} {what}").into()))
}
