//! The double-entry ledger: where money is, and the only code that moves it.
//!
//! Every movement is one entry whose postings sum to zero. A wallet has two accounts (what is available, what payments
//! hold); money that enters or leaves goes through the tenant's `world` account of the currency. So the sum over all
//! accounts of a currency is always zero, and money can be neither made nor lost, only moved.
//!
//! - [`plan`] is pure: wallets as they are, and an amount, become a [`Plan`] (postings and the lines that owners see) or a
//!   [`Refusal`]. All arithmetic on money is there and is checked.
//! - [`storage`] reads wallets inside a write transaction and writes a plan.
//! - [`verify()`] proves from the tables alone that the books balance.
//!
//! What does not live here: the state of a payment (`payments`), opening and naming wallets (`wallets`).

pub mod plan;
mod refusal;
pub(crate) mod storage;
mod verify;

#[cfg(test)]
mod tests;

pub use plan::{Kind, Plan, Wallet, WalletStatus};
pub use refusal::Refusal;
pub use verify::{Discrepancy, Report, verify};

/// The largest balance of a wallet in minor units: 2^53 - 1, so that every JSON reader in the world reads it exactly.
pub const BALANCE_LIMIT: i64 = 9_007_199_254_740_991;

/// The largest amount of one movement, in minor units.
pub const AMOUNT_LIMIT: i64 = 9_000_000_000_000;
