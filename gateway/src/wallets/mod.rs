//! Wallets: opened, looked at, moved between, frozen and closed. The money itself is the ledger's business.

mod handler;
mod rules;
pub(crate) mod storage;

pub(crate) use rules::listed_currency;
