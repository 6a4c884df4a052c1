//! Medical cards and claims as a client meets them: what is covered, what is refused, what is paid out, and the events of it.

use serde_json::{Value, json};
use waypost_gateway::ledger;

use crate::support::{App, Reply, User};

impl User<'_> {
    async fn card(&self, more: Value) -> String {
        let mut card =
            json!({ "holder_name": "Ada", "plan": "basic", "currency": "EUR", "coverage_limit": 1_000 });
        card.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/medcards").json(card).send().await.expect(201).string("/id")
    }

    async fn claim(&self, card: &str, amount: i64, more: Value) -> Reply {
        let mut claim = json!({ "medcard_id": card, "amount": amount });
        claim.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/claims").json(claim).send().await
    }

    async fn decide(&self, claim: &str, verb: &str, body: Value) -> Reply {
        self.post(&format!("/v1/claims/{claim}/{verb}")).json(body).send().await
    }

    async fn set_card(&self, card: &str, status: &str) -> Reply {
        self.post(&format!("/v1/medcards/{card}/status")).json(json!({ "status": status })).send().await
    }

    async fn covered(&self, card: &str) -> i64 {
        self.get(&format!("/v1/medcards/{card}")).send().await.expect(200).json()["covered_amount"]
            .as_i64()
            .unwrap()
    }

    async fn kinds(&self, area: &str) -> Vec<String> {
        let page = self.get(&format!("/v1/events?type={area}.*&limit=100")).send().await.expect(200).json();
        let mut kinds: Vec<_> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect();
        kinds.reverse();
        kinds
    }
}

#[tokio::test]
async fn an_approved_claim_is_paid_out_and_counts_against_the_card() {
    let app = App::start().await;
    let user = app.register().await;
    let (card, wallet) = (user.card(json!({})).await, user.wallet("EUR").await);
    let claim = user
        .claim(&card, 400, json!({ "payout_wallet_id": wallet, "description": "Fillings" }))
        .await
        .expect(201)
        .json();
    assert_eq!((&claim["status"], &claim["currency"]), (&json!("submitted"), &json!("EUR")));
    let id = claim["id"].as_str().unwrap();
    let approved =
        user.decide(id, "approve", json!({ "amount": 300, "reason": "75 %" })).await.expect(200).json();
    assert_eq!((&approved["status"], &approved["approved_amount"]), (&json!("approved"), &json!(300)));
    assert_eq!(approved, user.get(&format!("/v1/claims/{id}")).send().await.expect(200).json());
    assert_eq!((user.balance(&wallet).await, user.covered(&card).await), (300, 300));
    let transaction = approved["transaction_id"].as_str().unwrap();
    let line = user.get(&format!("/v1/transactions/{transaction}")).send().await.expect(200).json();
    assert_eq!((&line["amount"], &line["description"]), (&json!(300), &json!("Fillings")));
    assert!(ledger::verify(app.gateway.store()).await.unwrap().is_balanced());
    assert_eq!(user.kinds("claim").await, ["claim.submitted", "claim.approved"]);
    assert_eq!(user.kinds("medcard").await, ["medcard.issued"]);
}

#[tokio::test]
async fn a_claim_is_decided_once_and_never_beyond_the_coverage() {
    let app = App::start().await;
    let user = app.register().await;
    let card = user.card(json!({})).await;
    let first = user.claim(&card, 800, json!({})).await.expect(201).string("/id");
    let second = user.claim(&card, 300, json!({})).await.expect(201).string("/id");
    user.decide(&first, "approve", json!({ "amount": 801 })).await.problem(422, "amount_exceeds_claimed");
    user.decide(&first, "approve", json!({})).await.expect(200);
    user.decide(&first, "approve", json!({})).await.problem(409, "claim_decided");
    user.decide(&first, "reject", json!({ "reason": "Late" })).await.problem(409, "claim_decided");
    user.decide(&second, "approve", json!({})).await.problem(422, "coverage_exceeded");
    assert_eq!(user.covered(&card).await, 800, "a refused approval changed the card");
    let rejected =
        user.decide(&second, "reject", json!({ "reason": "Not covered" })).await.expect(200).json();
    assert_eq!(
        (&rejected["status"], &rejected["decision_reason"]),
        (&json!("rejected"), &json!("Not covered"))
    );
    assert_eq!(
        user.kinds("claim").await,
        ["claim.submitted", "claim.submitted", "claim.approved", "claim.rejected"]
    );
}

#[tokio::test]
async fn a_card_takes_claims_while_it_is_active_and_valid() {
    let app = App::start().await;
    let user = app.register().await;
    let card = user.card(json!({})).await;
    user.set_card(&card, "suspended").await.expect(200);
    user.claim(&card, 1, json!({})).await.problem(409, "medcard_not_active");
    user.set_card(&card, "active").await.expect(200);
    user.set_card(&card, "active").await.expect(200);
    user.claim(&card, 1, json!({})).await.expect(201);
    user.set_card(&card, "revoked").await.expect(200);
    user.set_card(&card, "active").await.problem(409, "medcard_revoked");
    user.claim(&card, 1, json!({})).await.problem(409, "medcard_not_active");
    // What changed nothing is told by no event.
    assert_eq!(
        user.kinds("medcard").await,
        ["medcard.issued", "medcard.status_changed", "medcard.status_changed", "medcard.status_changed"]
    );
    let short = user.card(json!({ "valid_until": "2999-01-01T00:00:00Z" })).await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE medcards SET valid_until = 1 WHERE id = $1")
        .bind(&short)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    user.claim(&short, 1, json!({})).await.problem(409, "medcard_expired");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_written() {
    let app = App::start().await;
    let user = app.register().await;
    let card = json!({ "holder_name": "Ada", "plan": "basic", "currency": "EUR", "coverage_limit": 1_000 });
    for (field, value) in [
        ("currency", json!("QQQ")),
        ("valid_until", json!("2020-01-01T00:00:00Z")),
        ("coverage_limit", json!(0)),
    ] {
        let mut card = card.clone();
        card[field] = value;
        let problem = user.post("/v1/medcards").json(card).send().await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
    let card = user.card(json!({})).await;
    user.set_card(&card, "lost").await.problem(422, "validation_failed");
    let dollars = user.wallet("USD").await;
    user.claim(&card, 1, json!({ "payout_wallet_id": dollars })).await.problem(422, "currency_mismatch");
    let strange = app.register().await;
    strange.claim(&card, 1, json!({})).await.problem(404, "not_found");
    assert_eq!(user.kinds("claim").await, Vec::<String>::new());
}

#[tokio::test]
async fn cards_and_claims_are_listed_by_what_narrows_them() {
    let app = App::start().await;
    let user = app.register().await;
    let (first, second) = (
        user.card(json!({ "holder_reference": "E-1" })).await,
        user.card(json!({ "holder_reference": "E-2" })).await,
    );
    user.set_card(&second, "suspended").await.expect(200);
    assert_eq!(listed(&user, "/v1/medcards").await, [second.clone(), first.clone()]);
    assert_eq!(listed(&user, "/v1/medcards?holder_reference=E-1").await, std::slice::from_ref(&first));
    assert_eq!(listed(&user, "/v1/medcards?status=suspended").await, [second]);
    let claim = user.claim(&first, 5, json!({})).await.expect(201).string("/id");
    assert_eq!(listed(&user, "/v1/claims?status=submitted").await, [claim]);
    assert_eq!(listed(&user, "/v1/claims?status=approved").await, Vec::<String>::new());
}

async fn listed(user: &User<'_>, path: &str) -> Vec<String> {
    let page = user.get(path).send().await.expect(200).json();
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
