//! The proof that the books balance, from the tables alone and in one snapshot.
//!
//! It trusts nothing that the code of the ledger computed: each rule is a query that finds the rows that break it.
//! It reads every posting, so it belongs into tests, the command line and a rare check, not into each request.

use sqlx::{Connection as _, Row as _};

use crate::store::{Store, StoreError, System};

/// One row that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The rule, as a sentence.
    pub rule: &'static str,
    /// The id of the entry, account, wallet or tenant.
    pub subject: String,
    /// By how much, minor units.
    pub difference: i64,
}

impl std::fmt::Display for Discrepancy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: off by {} ({})", self.subject, self.difference, self.rule)
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries were read.
    pub entries: i64,
    /// How many accounts were read.
    pub accounts: i64,
    /// Every rule that is broken, at most 100 rows of each.
    pub discrepancies: Vec<Discrepancy>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_balanced(&self) -> bool {
        self.discrepancies.is_empty()
    }
}

/// Each answers the rows that break the rule, as (subject, difference).
const RULES: [(&str, &str); 8] = [
    (
        "the postings of an entry sum to zero",
        "SELECT entry_id, SUM(amount) FROM ledger_postings GROUP BY entry_id HAVING SUM(amount) <> 0 LIMIT 100",
    ),
    (
        "an entry has at least two postings",
        "SELECT e.id, COUNT(p.entry_id) FROM ledger_entries e LEFT JOIN ledger_postings p ON p.entry_id = e.id
         GROUP BY e.id HAVING COUNT(p.entry_id) < 2 LIMIT 100",
    ),
    (
        "an account's balance is the sum of its postings",
        "SELECT a.id, a.balance - COALESCE(p.total, 0) FROM ledger_accounts a
         LEFT JOIN (SELECT account_id, SUM(amount) AS total FROM ledger_postings GROUP BY account_id) p ON p.account_id = a.id
         WHERE a.balance <> COALESCE(p.total, 0) LIMIT 100",
    ),
    (
        "no account of a wallet is below zero",
        "SELECT id, balance FROM ledger_accounts WHERE kind <> 'world' AND balance < 0 LIMIT 100",
    ),
    (
        "all accounts of a tenant and currency sum to zero",
        "SELECT tenant_id || ':' || currency, SUM(balance) FROM ledger_accounts
         GROUP BY tenant_id, currency HAVING SUM(balance) <> 0 LIMIT 100",
    ),
    (
        "the newest line of a wallet shows its balance and what is available",
        "SELECT w.id, ABS(COALESCE(t.balance_after, 0) - a.balance - h.balance) + ABS(COALESCE(t.available_after, 0) - a.balance)
         FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         LEFT JOIN transactions t ON t.id =
           (SELECT id FROM transactions WHERE wallet_id = w.id ORDER BY created_at DESC, id DESC LIMIT 1)
         WHERE COALESCE(t.balance_after, 0) <> a.balance + h.balance OR COALESCE(t.available_after, 0) <> a.balance LIMIT 100",
    ),
    (
        "what a wallet holds is what its authorized payments hold",
        "SELECT w.id, h.balance - COALESCE(p.total, 0) FROM wallets w
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         LEFT JOIN (SELECT payer_wallet_id, SUM(amount) AS total FROM payments WHERE status = 'authorized' GROUP BY payer_wallet_id) p
           ON p.payer_wallet_id = w.id
         WHERE h.balance <> COALESCE(p.total, 0) LIMIT 100",
    ),
    (
        "a closed wallet is empty",
        "SELECT w.id, a.balance + h.balance FROM wallets w
         JOIN ledger_accounts a ON a.id = w.id || ':available'
         JOIN ledger_accounts h ON h.id = w.id || ':held'
         WHERE w.status = 'closed' AND a.balance + h.balance <> 0 LIMIT 100",
    ),
];

/// Checks every rule in one snapshot.
pub async fn verify(store: &Store) -> Result<Report, StoreError> {
    let mut reader = store.system(System::Proof).lend().await?;
    let mut snapshot = reader.connection()?.begin().await?;
    let entries = sqlx::query_scalar("SELECT COUNT(*) FROM ledger_entries").fetch_one(&mut *snapshot).await?;
    let accounts =
        sqlx::query_scalar("SELECT COUNT(*) FROM ledger_accounts").fetch_one(&mut *snapshot).await?;
    let mut discrepancies = Vec::new();
    for (rule, statement) in RULES {
        for row in sqlx::query(statement).fetch_all(&mut *snapshot).await? {
            discrepancies.push(Discrepancy { rule, subject: row.try_get(0)?, difference: row.try_get(1)? });
        }
    }
    snapshot.rollback().await?;
    Ok(Report { entries, accounts, discrepancies })
}
