//! Two wallets, and money that comes in and moves between them.

use waypost::{Client, types};

use crate::telling::{Telling, Trouble, check, money};

/// The identifiers of the story's wallets.
pub(crate) struct Wallets {
    /// Where the money comes in.
    pub(crate) household: types::WalletId,
    /// Where some of it goes.
    pub(crate) holiday: types::WalletId,
}

/// Opens two wallets, puts money into one, and moves some to the other.
pub(crate) async fn move_some(telling: &mut Telling, program: &Client) -> Result<Wallets, Trouble> {
    telling.chapter("Two wallets, and money that moves");

    let mut opened = Vec::new();
    for name in ["Household", "Holiday"] {
        let wallet = program.wallets().create(&types::CreateWallet::new("EUR").with_name(name)).raw().await?;
        telling.call("wallets.create", &wallet, format_args!("{name}, {}", wallet.parsed.id));
        opened.push(wallet.into_parsed().id);
    }
    let [household, holiday] =
        <[_; 2]>::try_from(opened).map_err(|_| Trouble::Untrue("two wallets were opened".to_owned()))?;

    let credit = program
        .wallets()
        .credit(&household, &types::CreditWallet::new(100_000).with_description("Salary"))
        .raw()
        .await?;
    let booked = &credit.parsed;
    telling.call(
        "wallets.credit",
        &credit,
        format_args!("{} came in", money(booked.amount, &booked.currency)),
    );

    for week in 1..=4 {
        let share =
            types::TransferFunds::new(holiday.as_str(), 2_500).with_description(format!("Week {week}"));
        let moved = program.wallets().transfer(&household, &share).raw().await?;
        let types::Transfer { debit, credit, .. } = &moved.parsed;
        telling.call(
            "wallets.transfer",
            &moved,
            format_args!(
                "{} here, {} there",
                money(debit.amount, &debit.currency),
                money(credit.amount, &credit.currency)
            ),
        );
    }

    let balance = program.wallets().balance(&household).raw().await?;
    let left = &balance.parsed;
    telling.call(
        "wallets.balance",
        &balance,
        format_args!("{} left in Household", money(left.balance, &left.currency)),
    );
    check(left.balance == 90_000, "1000.00 came in and four times 25.00 went out")?;
    Ok(Wallets { household, holiday })
}
