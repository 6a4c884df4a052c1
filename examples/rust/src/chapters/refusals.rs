//! Refusals, and what a program can do about each: they are variants to match on, and carry what the gateway said.

use waypost::{Client, Error, types};

use crate::telling::{Telling, Trouble, check, money};

/// Asks for more than there is, and for nonsense.
pub(crate) async fn meet_some(telling: &mut Telling, program: &Client, wallet: &str) -> Result<(), Trouble> {
    telling.chapter("Refusals that say what is wrong");

    let too_much = types::DebitWallet::new(1_000_000);
    match program.wallets().debit(wallet, &too_much).await {
        Err(error @ Error::Unprocessable(_)) if error.code() == Some("insufficient_funds") => {
            telling.refused("wallets.debit", &error);
        }
        other => return Err(unexpected("a debit of more than there is", other)),
    }

    // What the types cannot rule out, the gateway refuses: all of it at once, each with a pointer to its place.
    let nonsense = types::CreateWallet::new("euro").with_name("");
    match program.wallets().create(&nonsense).await {
        Err(error @ Error::Unprocessable(_)) => {
            telling.refused("wallets.create", &error);
            let fields = error.problem().map(|problem| problem.errors.as_slice()).unwrap_or_default();
            for field in fields {
                telling.note(format_args!("{} ({}): {}", field.pointer, field.code, field.detail));
            }
            let pointers: Vec<_> = fields.iter().map(|field| field.pointer.as_str()).collect();
            check(
                pointers.contains(&"/currency") && pointers.contains(&"/name"),
                "both wrong fields are named",
            )?;
        }
        other => return Err(unexpected("a wallet of no currency", other)),
    }

    let unknown = "wal_019aba1ee5407a1b8c3d4e5f60718293";
    match program.wallets().get(unknown).await {
        Err(error @ Error::NotFound(_)) => telling.refused("wallets.get", &error),
        other => return Err(unexpected("a wallet that is not there", other)),
    }

    let balance = program.wallets().balance(wallet).await?;
    telling.note(format_args!(
        "Nothing moved: Holiday still holds {}.",
        money(balance.balance, &balance.currency)
    ));
    check(balance.balance == 10_000, "a refused debit takes nothing")
}

/// A refusal that did not come, or was another one.
fn unexpected<T>(what: &str, outcome: Result<T, Error>) -> Trouble {
    match outcome {
        Ok(_) => Trouble::Untrue(format!("{what} is refused")),
        Err(error) => Trouble::Call(error),
    }
}
