//! The text of a tenant's statements, checked by the compiler: one that does not say whose rows it means does not compile.
//!
//! `$1` is the tenant, always, and is bound by the handle that runs the statement ([`super::TenantReader`], [`super::WriteTx`]). So a
//! storage function cannot forget the tenant, and cannot take the wrong one.

/// Tables without a tenant of their own: their rows are parts of a row that has one, and are reached through it.
pub(super) const PARTS: [&str; 3] = ["ledger_postings", "refresh_tokens", "wallet_history"];

/// A statement about one tenant's rows. Made by [`sql!`](crate::store::sql) and [`part_sql!`](crate::store::part_sql).
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    pub(super) text: &'static str,
    /// Whether `$1` is the tenant.
    pub(super) names_tenant: bool,
}

/// The beginning of a list of one tenant's rows, to be narrowed. Made by [`listing!`](crate::store::listing).
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    pub(super) text: &'static str,
}

/// A statement about one tenant's rows. It says `tenant_id = $1`, or inserts `(tenant_id, …) VALUES ($1, …)`, or is about the tenant itself: `tenants WHERE
/// id = $1`, or with those that it made, `$1 IN (t.id, t.parent_id)`. What it says besides is bound from `$2` on.
macro_rules! sql {
    ($text:expr) => {
        const { $crate::store::statement::Statement::of_tenant($text) }
    };
}

/// A statement about rows that are parts of a row of the tenant's, which the caller has found or made in the same transaction.
/// Its parameters are bound from `$1` on.
macro_rules! part_sql {
    ($text:expr) => {
        const { $crate::store::statement::Statement::of_part($text) }
    };
}

/// The beginning of a list of one tenant's rows. It ends with `tenant_id = `.
macro_rules! listing {
    ($text:expr) => {
        const { $crate::store::statement::Listing::of_tenant($text) }
    };
}

pub(crate) use {listing, part_sql, sql};

impl Statement {
    /// For `sql!`, which has the compiler run it.
    pub(crate) const fn of_tenant(text: &'static str) -> Self {
        let compares = contains(text, "tenant_id = $1") || contains(text, "tenant_id || '' = $1");
        let inserts =
            contains(text, "(tenant_id,") && (contains(text, "VALUES ($1,") || contains(text, "SELECT $1,"));
        let is_the_tenant =
            contains(text, "tenants WHERE id = $1") || contains(text, "$1 IN (t.id, t.parent_id)");
        assert!(
            compares || inserts || is_the_tenant,
            "a statement of a tenant says `tenant_id = $1` or inserts `(tenant_id, …) VALUES ($1, …)`"
        );
        Self { text, names_tenant: true }
    }

    /// For `part_sql!`, which has the compiler run it.
    pub(crate) const fn of_part(text: &'static str) -> Self {
        let [postings, tokens, history] = PARTS;
        assert!(
            contains(text, postings) || contains(text, tokens) || contains(text, history),
            "only the tables in `PARTS` have no tenant of their own"
        );
        Self { text, names_tenant: false }
    }
}

impl Listing {
    /// For `listing!`, which has the compiler run it.
    pub(crate) const fn of_tenant(text: &'static str) -> Self {
        assert!(ends_with(text, "tenant_id = "), "a list of a tenant's begins with `… WHERE tenant_id = `");
        Self { text }
    }
}

const fn contains(text: &str, wanted: &str) -> bool {
    let mut rest = text.as_bytes();
    while rest.len() >= wanted.len() {
        if begins(rest, wanted.as_bytes()) {
            return true;
        }
        rest = match rest {
            [_, rest @ ..] => rest,
            [] => return false,
        };
    }
    false
}

const fn ends_with(text: &str, wanted: &str) -> bool {
    match text.len().checked_sub(wanted.len()) {
        Some(start) => begins(text.as_bytes().split_at(start).1, wanted.as_bytes()),
        None => false,
    }
}

const fn begins(mut text: &[u8], mut wanted: &[u8]) -> bool {
    loop {
        match (text, wanted) {
            (_, []) => return true,
            ([one, text_rest @ ..], [other, wanted_rest @ ..]) if *one == *other => {
                text = text_rest;
                wanted = wanted_rest;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the compiler would say.
    fn compiles(text: &'static str) -> bool {
        std::panic::catch_unwind(|| Statement::of_tenant(text)).is_ok()
    }

    #[test]
    fn a_statement_says_whose_rows_it_means() {
        for text in [
            "SELECT id FROM wallets WHERE tenant_id = $1 AND id = $2",
            "UPDATE wallets SET name = $2 WHERE tenant_id = $1 AND id = $3",
            "INSERT INTO wallets (tenant_id, id) VALUES ($1, $2)",
            "SELECT w.id FROM wallets w WHERE w.id IN ($2, $3) AND w.tenant_id || '' = $1",
            "SELECT name FROM tenants WHERE id = $1",
            "SELECT t.name FROM tenants t WHERE $1 IN (t.id, t.parent_id) AND t.id = $2",
        ] {
            assert!(compiles(text), "{text}");
        }
    }

    #[test]
    fn a_statement_that_forgets_the_tenant_does_not_compile() {
        for text in [
            "",
            "SELECT id FROM wallets",
            "SELECT id, tenant_id FROM wallets WHERE id = $1",
            "SELECT id FROM wallets WHERE tenant_id = $2 AND id = $1",
            "DELETE FROM wallets WHERE id = $1",
            "INSERT INTO wallets (id, tenant_id) VALUES ($1, $2)",
            "UPDATE tenants SET name = $2",
        ] {
            assert!(!compiles(text), "{text}");
        }
    }

    #[test]
    fn a_list_begins_with_the_tenant_and_a_part_is_one() {
        let list = |text: &'static str| std::panic::catch_unwind(|| Listing::of_tenant(text)).is_ok();
        assert!(list("SELECT id FROM wallets w WHERE w.tenant_id = "));
        assert!(!list("SELECT id FROM wallets w WHERE w.id = "));
        let part = |text: &'static str| std::panic::catch_unwind(|| Statement::of_part(text)).is_ok();
        assert!(part("INSERT INTO ledger_postings (entry_id) VALUES ($1)"));
        assert!(!part("INSERT INTO wallets (id) VALUES ($1)"));
    }
}
