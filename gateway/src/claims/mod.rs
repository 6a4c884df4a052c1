//! Claims: what a treatment cost, and what of it a medical card covers. `rules` is the life of a claim; the card's coverage is the card's
//! ([`medcards`](crate::medcards)), and the ledger pays out.

mod handler;
mod rules;
mod storage;
