//! Transactions: the ledger as the owner of a wallet sees it, in pages or as one streamed statement. Nothing here writes.

mod csv;
mod handler;
pub(crate) mod statement;
pub(crate) mod storage;
pub(crate) mod view;
