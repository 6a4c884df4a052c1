//! The rules of a wallet's life, pure: which currencies there are, and which status may follow which.

use crate::http::{Error, FieldError};
use crate::ledger::{Refusal, Wallet, WalletStatus};

/// Refuses a code that ISO 4217 does not list.
pub(crate) fn listed_currency(code: &str) -> Result<(), Error> {
    if iso_currency::Currency::from_code(code).is_some() {
        return Ok(());
    }
    Err(Error::invalid(vec![FieldError {
        pointer: "/currency".to_owned(),
        code: "currency".into(),
        detail: format!("ISO 4217 lists no currency `{code}`. Use one that it lists, such as EUR."),
    }]))
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Freeze,
    Unfreeze,
    Close,
}

/// The status that follows, or `None` if the wallet already has it.
pub(super) fn next_status(wallet: &Wallet, change: Change) -> Result<Option<WalletStatus>, Refusal> {
    use WalletStatus::{Active, Closed, Frozen};
    let next = match (change, wallet.status) {
        (Change::Freeze | Change::Unfreeze, Closed) => {
            return Err(Refusal::Closed { wallet: wallet.id.clone() });
        }
        (Change::Freeze, Active | Frozen) => Frozen,
        (Change::Unfreeze, Active | Frozen) => Active,
        (Change::Close, Active | Frozen) if wallet.balance() != 0 => {
            return Err(Refusal::NotEmpty {
                wallet: wallet.id.clone(),
                balance: wallet.balance(),
                held: wallet.held,
            });
        }
        (Change::Close, _) => Closed,
    };
    Ok((next != wallet.status).then_some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wallet(status: WalletStatus, available: i64, held: i64) -> Wallet {
        Wallet { id: "wal_1".to_owned(), currency: "EUR".to_owned(), status, available, held }
    }

    #[test]
    fn a_currency_is_one_that_iso_4217_lists() {
        for code in ["EUR", "USD", "JPY", "KWD", "CHF"] {
            assert!(listed_currency(code).is_ok(), "{code}");
        }
        for code in ["ZZZ", "AAA", "eur", ""] {
            assert_eq!(listed_currency(code).unwrap_err().fields[0].pointer, "/currency", "{code}");
        }
    }

    #[test]
    fn each_status_is_followed_by_what_the_table_says() {
        use WalletStatus::{Active, Closed, Frozen};
        let closed = || Err("wallet_closed");
        for (status, change, expected) in [
            (Active, Change::Freeze, Ok(Some(Frozen))),
            (Frozen, Change::Freeze, Ok(None)),
            (Closed, Change::Freeze, closed()),
            (Active, Change::Unfreeze, Ok(None)),
            (Frozen, Change::Unfreeze, Ok(Some(Active))),
            (Closed, Change::Unfreeze, closed()),
            (Active, Change::Close, Ok(Some(Closed))),
            (Frozen, Change::Close, Ok(Some(Closed))),
            (Closed, Change::Close, Ok(None)),
        ] {
            let next = next_status(&wallet(status, 0, 0), change).map_err(|refusal| refusal.code());
            assert_eq!(next, expected, "{change:?} of {status:?}");
        }
    }

    #[test]
    fn a_wallet_with_money_or_with_held_money_cannot_be_closed() {
        for (available, held) in [(1, 0), (0, 1)] {
            let refusal =
                next_status(&wallet(WalletStatus::Active, available, held), Change::Close).unwrap_err();
            assert_eq!(refusal.code(), "wallet_not_empty");
        }
    }
}
