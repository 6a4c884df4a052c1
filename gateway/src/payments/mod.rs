//! Payments: money set aside, then taken for a destination or released, and given back. `rules` is the life of a payment;
//! the ledger moves the money.

mod handler;
mod rules;
mod storage;
