//! Why the ledger refuses to move money, and what the caller is told.

use crate::http::{Error, FieldError};

/// A movement that the rules do not allow. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Outside 1 to [`AMOUNT_LIMIT`](super::AMOUNT_LIMIT).
    #[error("The amount {0} is not between 1 and {limit} minor units.", limit = super::AMOUNT_LIMIT)]
    Amount(i64),
    /// More than what is available.
    #[error(
        "Wallet `{wallet}` has {available} minor units available, {amount} are asked for. Credit it first, or ask for less."
    )]
    InsufficientFunds {
        /// The wallet.
        wallet: String,
        /// What it has.
        available: i64,
        /// What was asked for.
        amount: i64,
    },
    /// The balance would grow above [`BALANCE_LIMIT`](super::BALANCE_LIMIT).
    #[error("The balance of wallet `{wallet}` would grow above {limit} minor units.", limit = super::BALANCE_LIMIT)]
    BalanceLimit {
        /// The wallet.
        wallet: String,
    },
    /// Money may come in only.
    #[error("Wallet `{wallet}` is frozen: money may come in, none may go out. Unfreeze it first.")]
    Frozen {
        /// The wallet.
        wallet: String,
    },
    /// Nothing may move.
    #[error("Wallet `{wallet}` is closed for good. Use another wallet.")]
    Closed {
        /// The wallet.
        wallet: String,
    },
    /// A wallet that is to be closed holds money.
    #[error(
        "Wallet `{wallet}` holds {balance} minor units, {held} of them for payments. Move the money out and settle its payments first."
    )]
    NotEmpty {
        /// The wallet.
        wallet: String,
        /// All its money.
        balance: i64,
        /// The part that payments hold.
        held: i64,
    },
    /// The two sides hold different currencies.
    #[error("The paying wallet holds {from}, the receiving one {to}. Both must hold the same currency.")]
    CurrencyMismatch {
        /// The paying wallet's currency.
        from: String,
        /// The receiving wallet's currency.
        to: String,
    },
    /// Both sides are one wallet.
    #[error("Wallet `{wallet}` cannot pay itself. Name another wallet.")]
    SameWallet {
        /// The wallet.
        wallet: String,
    },
}

impl Refusal {
    /// The stable code of the contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Amount(_) => "validation_failed",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::BalanceLimit { .. } => "balance_limit",
            Self::Frozen { .. } => "wallet_frozen",
            Self::Closed { .. } => "wallet_closed",
            Self::NotEmpty { .. } => "wallet_not_empty",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::SameWallet { .. } => "same_wallet",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match &refusal {
            Refusal::Amount(_) => Self::invalid(vec![FieldError {
                pointer: "/amount".to_owned(),
                code: "range".into(),
                detail,
            }]),
            Refusal::Frozen { .. } | Refusal::Closed { .. } | Refusal::NotEmpty { .. } => {
                Self::conflict(refusal.code(), detail)
            }
            _ => Self::unprocessable(refusal.code(), detail),
        }
    }
}
