//! Wallets, transactions and payments as a client meets them. After each story the books are proven to balance.

use serde_json::{Value, json};
use waypost_gateway::ledger;

use crate::support::{App, Reply, User};

async fn verified(app: &App) {
    let report = ledger::verify(app.gateway.store()).await.unwrap();
    assert!(report.is_balanced(), "{:#?}", report.discrepancies);
    assert!(report.entries > 0, "the story moved no money");
}

impl User<'_> {
    async fn act(&self, path: &str, body: Value) -> Reply {
        self.post(path).json(body).send().await
    }

    async fn on(&self, wallet: &str, verb: &str, body: Value) -> Reply {
        self.act(&format!("/v1/wallets/{wallet}/{verb}"), body).await
    }

    /// (balance, available, held)
    async fn figures(&self, wallet: &str) -> (i64, i64, i64) {
        let wallet = self.get(&format!("/v1/wallets/{wallet}")).send().await.expect(200).json();
        let figure = |name: &str| wallet[name].as_i64().unwrap();
        (figure("balance"), figure("available"), figure("held"))
    }

    async fn payment(&self, payer: &str, amount: i64, destination: Value, method: &str) -> Reply {
        let body = json!({
            "payer_wallet_id": payer, "amount": amount, "currency": "EUR",
            "destination": destination, "capture_method": method,
        });
        self.act("/v1/payments", body).await
    }
}

fn external() -> Value {
    json!({ "type": "external", "reference": "INV-1" })
}

#[tokio::test]
async fn a_transfer_moves_money_and_both_ledgers_show_it() {
    let app = App::start().await;
    let user = app.register().await;
    let (from, to) = (user.funded("EUR", 1_000).await, user.wallet("EUR").await);
    let body =
        json!({ "to_wallet_id": to, "amount": 300, "description": "Rent", "metadata": { "month": "11" } });
    let transfer = user.on(&from, "transfer", body).await.expect(201).json();
    assert_eq!(
        (transfer["debit"]["amount"].as_i64(), transfer["credit"]["amount"].as_i64()),
        (Some(-300), Some(300))
    );
    assert_eq!(transfer["debit"]["transfer_id"], transfer["id"]);
    assert_eq!(transfer["debit"]["counterpart_wallet_id"], to.as_str());
    for (wallet, side, balance) in [(&from, "debit", 700), (&to, "credit", 300)] {
        let page = user.get(&format!("/v1/wallets/{wallet}/transactions")).send().await.expect(200).json();
        assert_eq!(page["data"][0], transfer[side]);
        assert_eq!(page["data"][0]["balance_after"], balance);
        assert_eq!(user.balance(wallet).await, balance);
        let id = transfer[side]["id"].as_str().unwrap();
        assert_eq!(
            user.get(&format!("/v1/transactions/{id}")).send().await.expect(200).json(),
            transfer[side]
        );
    }
    verified(&app).await;
}

#[tokio::test]
async fn a_refused_transfer_says_why_and_changes_nothing() {
    let app = App::start().await;
    let user = app.register().await;
    let from = user.funded("EUR", 100).await;
    let (euros, dollars, closed) =
        (user.wallet("EUR").await, user.wallet("USD").await, user.wallet("EUR").await);
    user.on(&closed, "close", json!({})).await.expect(200);
    let stranger = app.register().await.wallet("EUR").await;
    let unknown = stranger.replace(&stranger[4..10], "000000");
    for (to, amount, status, code) in [
        (&euros, 101, 422, "insufficient_funds"),
        (&dollars, 1, 422, "currency_mismatch"),
        (&from, 1, 422, "same_wallet"),
        (&closed, 1, 409, "wallet_closed"),
        (&stranger, 1, 404, "not_found"),
        (&unknown, 1, 404, "not_found"),
    ] {
        let body = json!({ "to_wallet_id": to, "amount": amount });
        user.on(&from, "transfer", body).await.problem(status, code);
    }
    assert_eq!(user.figures(&from).await, (100, 100, 0));
    verified(&app).await;
}

#[tokio::test]
async fn a_frozen_wallet_takes_money_and_gives_none() {
    let app = App::start().await;
    let user = app.register().await;
    let (frozen, other) = (user.funded("EUR", 100).await, user.funded("EUR", 100).await);
    let answer = user.on(&frozen, "freeze", json!({ "reason": "lost card" })).await.expect(200);
    assert_eq!(answer.string("/status"), "frozen");
    user.on(&frozen, "freeze", json!({})).await.expect(200);
    user.on(&frozen, "debit", json!({ "amount": 1 })).await.problem(409, "wallet_frozen");
    user.on(&frozen, "transfer", json!({ "to_wallet_id": other, "amount": 1 }))
        .await
        .problem(409, "wallet_frozen");
    user.payment(&frozen, 1, external(), "automatic").await.problem(409, "wallet_frozen");
    user.credit(&frozen, 5).await;
    user.on(&other, "transfer", json!({ "to_wallet_id": frozen, "amount": 5 })).await.expect(201);
    assert_eq!(user.on(&frozen, "unfreeze", json!({})).await.expect(200).string("/status"), "active");
    user.on(&frozen, "debit", json!({ "amount": 110 })).await.expect(201);
    verified(&app).await;
}

#[tokio::test]
async fn only_an_empty_wallet_closes_and_it_stays_closed() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 10).await;
    user.on(&wallet, "close", json!({})).await.problem(409, "wallet_not_empty");
    let payment = user.payment(&wallet, 10, external(), "manual").await.expect(201).string("/id");
    user.on(&wallet, "close", json!({})).await.problem(409, "wallet_not_empty");
    user.act(&format!("/v1/payments/{payment}/capture"), json!({})).await.expect(200);
    let closed = user.on(&wallet, "close", json!({ "reason": "done" })).await.expect(200).json();
    assert_eq!(closed["status"], "closed");
    assert_eq!(closed["closed_at"], closed["updated_at"]);
    assert_eq!(user.on(&wallet, "close", json!({})).await.expect(200).json(), closed);
    for verb in ["freeze", "unfreeze"] {
        user.on(&wallet, verb, json!({})).await.problem(409, "wallet_closed");
    }
    user.on(&wallet, "credit", json!({ "amount": 1 })).await.problem(409, "wallet_closed");
    user.act(&format!("/v1/payments/{payment}/refund"), json!({})).await.problem(409, "wallet_closed");
    user.get(&format!("/v1/wallets/{wallet}/transactions")).send().await.expect(200);
    verified(&app).await;
}

#[tokio::test]
async fn a_payment_is_held_captured_in_part_and_refunded_in_parts() {
    let app = App::start().await;
    let user = app.register().await;
    let (payer, shop) = (user.funded("EUR", 1_000).await, user.wallet("EUR").await);
    let destination = json!({ "type": "wallet", "wallet_id": shop });
    let payment = user.payment(&payer, 400, destination.clone(), "manual").await.expect(201).json();
    assert_eq!((payment["status"].as_str(), &payment["destination"]), (Some("authorized"), &destination));
    assert_eq!(user.figures(&payer).await, (1_000, 600, 400));
    let path = |verb: &str| format!("/v1/payments/{}/{verb}", payment["id"].as_str().unwrap());
    user.act(&path("refund"), json!({})).await.problem(409, "payment_not_refundable");
    user.act(&path("capture"), json!({ "amount": 401 })).await.problem(422, "amount_exceeds_authorized");
    let captured = user.act(&path("capture"), json!({ "amount": 300 })).await.expect(200).json();
    assert_eq!(
        (captured["status"].as_str(), captured["captured_amount"].as_i64()),
        (Some("captured"), Some(300))
    );
    assert_eq!((user.figures(&payer).await, user.figures(&shop).await), ((700, 700, 0), (300, 300, 0)));
    user.act(&path("capture"), json!({})).await.problem(409, "payment_not_capturable");
    user.act(&path("cancel"), json!({})).await.problem(409, "payment_not_cancelable");
    let part = user.act(&path("refund"), json!({ "amount": 100 })).await.expect(200);
    assert_eq!(part.string("/status"), "partially_refunded");
    user.act(&path("refund"), json!({ "amount": 201 })).await.problem(422, "amount_exceeds_refundable");
    user.on(&shop, "debit", json!({ "amount": 1 })).await.expect(201);
    user.act(&path("refund"), json!({})).await.problem(422, "insufficient_funds");
    user.credit(&shop, 1).await;
    let whole = user.act(&path("refund"), json!({ "reason": "stale" })).await.expect(200);
    assert_eq!(whole.string("/status"), "refunded");
    assert_eq!((user.balance(&payer).await, user.balance(&shop).await), (1_000, 0));
    let lines = user.get(&format!("/v1/wallets/{payer}/transactions")).send().await.expect(200).json();
    let types: Vec<_> =
        lines["data"].as_array().unwrap().iter().map(|line| line["type"].as_str().unwrap()).collect();
    let expected =
        ["payment_refund", "payment_refund", "payment_release", "payment_capture", "payment_hold", "credit"];
    assert_eq!(types, expected);
    assert_eq!(lines["data"][0]["description"], "stale");
    assert_eq!(lines["data"][0]["payment_id"], payment["id"]);
    verified(&app).await;
}

#[tokio::test]
async fn an_automatic_payment_is_captured_at_once() {
    let app = App::start().await;
    let user = app.register().await;
    let payer = user.funded("EUR", 100).await;
    let payment = user.payment(&payer, 60, external(), "automatic").await.expect(201);
    assert_eq!(payment.string("/status"), "captured");
    assert_eq!(user.figures(&payer).await, (40, 40, 0));
    user.payment(&payer, 41, external(), "automatic").await.problem(422, "insufficient_funds");
    let own = json!({ "type": "wallet", "wallet_id": payer });
    user.payment(&payer, 1, own, "automatic").await.problem(422, "same_wallet");
    verified(&app).await;
}

#[tokio::test]
async fn a_canceled_payment_gives_everything_back_even_to_a_frozen_wallet() {
    let app = App::start().await;
    let user = app.register().await;
    let payer = user.funded("EUR", 100).await;
    let payment = user.payment(&payer, 60, external(), "manual").await.expect(201).string("/id");
    user.on(&payer, "freeze", json!({})).await.expect(200);
    let canceled = user.act(&format!("/v1/payments/{payment}/cancel"), json!({})).await.expect(200);
    assert_eq!(canceled.string("/status"), "canceled");
    assert_eq!(user.figures(&payer).await, (100, 100, 0));
    verified(&app).await;
}

#[tokio::test]
async fn nobody_sees_or_moves_what_belongs_to_another_tenant() {
    let app = App::start().await;
    let (owner, stranger) = (app.register().await, app.register().await);
    let wallet = owner.funded("EUR", 100).await;
    let transaction = owner.credit(&wallet, 1).await["id"].as_str().unwrap().to_owned();
    let payment = owner.payment(&wallet, 1, external(), "manual").await.expect(201).string("/id");
    for path in [
        format!("/v1/wallets/{wallet}"),
        format!("/v1/wallets/{wallet}/balance"),
        format!("/v1/wallets/{wallet}/transactions"),
        format!("/v1/wallets/{wallet}/statement"),
        format!("/v1/transactions/{transaction}"),
        format!("/v1/payments/{payment}"),
    ] {
        stranger.get(&path).send().await.problem(404, "not_found");
    }
    for verb in ["freeze", "unfreeze", "close"] {
        stranger.on(&wallet, verb, json!({})).await.problem(404, "not_found");
    }
    for verb in ["credit", "debit"] {
        stranger.on(&wallet, verb, json!({ "amount": 1 })).await.problem(404, "not_found");
    }
    for verb in ["capture", "cancel", "refund"] {
        stranger.act(&format!("/v1/payments/{payment}/{verb}"), json!({})).await.problem(404, "not_found");
    }
    stranger.payment(&wallet, 1, external(), "manual").await.problem(404, "not_found");
    for list in ["/v1/wallets", "/v1/payments"] {
        assert_eq!(stranger.get(list).send().await.expect(200).json()["data"], json!([]));
    }
    verified(&app).await;
}

#[tokio::test]
async fn a_currency_that_does_not_exist_is_named() {
    let app = App::start().await;
    let user = app.register().await;
    assert_eq!(user.act("/v1/wallets", json!({ "currency": "ZZZ" })).await.fields(), ["/currency currency"]);
}

#[tokio::test]
async fn a_balance_stops_at_what_every_json_reader_can_read() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 1).await;
    let mut tx = app.tamper().await;
    for (account, balance) in [("available", 9_007_199_254_740_990_i64), ("world", -9_007_199_254_740_990)] {
        sqlx::query("UPDATE ledger_accounts SET balance = $1 WHERE kind = $2")
            .bind(balance)
            .bind(account)
            .execute(tx.connection())
            .await
            .unwrap();
    }
    tx.commit_empty().await.unwrap();
    user.credit(&wallet, 1).await;
    user.on(&wallet, "credit", json!({ "amount": 1 })).await.problem(422, "balance_limit");
}

#[tokio::test]
async fn the_proof_finds_money_that_was_made_by_hand() {
    let app = App::start().await;
    let user = app.register().await;
    user.funded("EUR", 100).await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE ledger_accounts SET balance = balance + 7 WHERE kind = 'available'")
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    let report = ledger::verify(app.gateway.store()).await.unwrap();
    let rules: Vec<_> = report.discrepancies.iter().map(|found| (found.rule, found.difference)).collect();
    assert!(rules.contains(&("an account's balance is the sum of its postings", 7)), "{rules:?}");
    assert!(rules.contains(&("all accounts of a tenant and currency sum to zero", 7)), "{rules:?}");
}

#[tokio::test]
async fn the_database_itself_refuses_a_negative_balance() {
    let app = App::start().await;
    let user = app.register().await;
    user.wallet("EUR").await;
    let mut tx = app.tamper().await;
    let refused = sqlx::query("UPDATE ledger_accounts SET balance = -1 WHERE kind = 'available'")
        .execute(tx.connection())
        .await;
    assert!(refused.unwrap_err().to_string().contains("CHECK"));
}
