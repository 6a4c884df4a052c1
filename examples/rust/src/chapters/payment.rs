//! A payment's whole life: held, captured in part, and partly given back.

use waypost::{Client, types};

use crate::telling::{Telling, Trouble, check, money};

/// Holds 40.00, takes 30.00 of it, gives 10.00 back.
pub(crate) async fn pay(telling: &mut Telling, program: &Client, payer: &str) -> Result<(), Trouble> {
    telling.chapter("A payment: held, captured in part, partly refunded");

    let bakery = types::ExternalDestination::new("INV-2026-0042").with_name("Corner Bakery");
    let order = types::CreatePayment::new(payer, 4_000, "EUR", bakery.into())
        .with_capture_method(types::CaptureMethod::Manual)
        .with_description("Bread for November");
    let payment = program.payments().create(&order).raw().await?;
    telling.call("payments.create", &payment, told(&payment.parsed));
    let id = &payment.parsed.id;

    let captured =
        program.payments().capture(id, &types::CapturePayment::new().with_amount(3_000)).raw().await?;
    telling.call("payments.capture", &captured, told(&captured.parsed));

    let back = types::RefundPayment::new().with_amount(1_000).with_reason("Two loaves were stale.");
    let refunded = program.payments().refund(id, &back).raw().await?;
    telling.call("payments.refund", &refunded, told(&refunded.parsed));

    let balance = program.wallets().balance(payer).raw().await?;
    let now = &balance.parsed;
    telling.call(
        "wallets.balance",
        &balance,
        format_args!("{}, {} of it held", money(now.balance, &now.currency), money(now.held, &now.currency)),
    );
    check(now.balance == 88_000 && now.held == 0, "30.00 went out, 10.00 came back, nothing is held")
}

fn told(payment: &types::Payment) -> String {
    format!(
        "{}: {} held at first, {} taken, {} given back",
        payment.status,
        money(payment.amount, &payment.currency),
        money(payment.captured_amount, &payment.currency),
        money(payment.refunded_amount, &payment.currency)
    )
}
