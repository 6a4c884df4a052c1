//! A connection that breaks after the money moved and before the answer came. The SDK sends the transfer again under the same idempotency key,
//! and the gateway answers what it answered before, instead of moving the money twice.

use waypost::{Client, types};

use super::money::Wallets;
use crate::gateway_address::GatewayAddress;
use crate::relay::Relay;
use crate::telling::{Telling, Trouble, check, money};

/// Makes a transfer through a relay that cuts the first answer, and counts the money.
pub(crate) async fn survive(
    telling: &mut Telling,
    program: &Client,
    wallets: &Wallets,
) -> Result<(), Trouble> {
    telling.chapter("A line that breaks after the money moved");
    let Some(gateway) = GatewayAddress::of(&program.options().base_url) else {
        telling.note(
            "Left out: the gateway speaks TLS, and the relay of this chapter has no certificate for it.",
        );
        return Ok(());
    };
    let before = program.wallets().balance(&wallets.household).await?;

    let relay = Relay::start(gateway.authority, 1).await?;
    let shaky =
        program.with_options(|options| options.base_url = format!("{}{}", relay.base_url(), gateway.path))?;
    let gift = types::TransferFunds::new(wallets.holiday.as_str(), 5_000).with_description("For the train");
    let moved = shaky.wallets().transfer(&wallets.household, &gift).raw().await?;
    telling.call(
        "wallets.transfer",
        &moved,
        format_args!("{} to Holiday", money(moved.parsed.credit.amount, &before.currency)),
    );
    let replayed = moved.headers.get("idempotency-replayed").unwrap_or("absent");
    telling.note(format_args!(
        "The relay cut {} answer; the next attempt carried the same key and got the kept answer (Idempotency-Replayed: {replayed}).",
        relay.answers_cut()
    ));
    check(
        relay.answers_cut() == 1 && moved.attempts.len() >= 2,
        "one answer was cut and the SDK asked again",
    )?;
    check(replayed == "true", "the last answer is the first one, kept")?;

    let after = program.wallets().balance(&wallets.household).raw().await?;
    let left = after.parsed.balance;
    telling.call(
        "wallets.balance",
        &after,
        format_args!(
            "{} before, {} now: it moved once",
            money(before.balance, &before.currency),
            money(left, &before.currency)
        ),
    );
    check(left == before.balance - 5_000, "50.00 left the wallet, once")
}
