//! `Idempotency-Key`: the same request with the same key is done once.

use serde_json::{Value, json};

use crate::support::{App, User};

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let credit =
        || user.post(&format!("/v1/wallets/{wallet}/credit")).json(json!({ "amount": 100 })).key("k-1");
    let first = credit().send().await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = credit().send().await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.body, first.body);
    assert_eq!(second.header("content-type"), first.header("content-type"));
    assert_ne!(second.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(user.balance(&wallet).await, 100);
    credit().key("\"k-1\"").send().await.expect(201);
    credit().key("k-2").send().await.expect(201);
    assert_eq!(
        user.balance(&wallet).await,
        200,
        "the quoted form is the same key, another key is another request"
    );
}

#[tokio::test]
async fn without_a_key_every_request_is_done() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    user.credit(&wallet, 1).await;
    user.credit(&wallet, 1).await;
    assert_eq!(user.balance(&wallet).await, 2);
}

#[tokio::test]
async fn a_key_is_good_for_one_request() {
    let app = App::start().await;
    let user = app.register().await;
    let (one, other) = (user.wallet("EUR").await, user.wallet("EUR").await);
    let credit = |wallet: &str, amount: i64| {
        user.post(&format!("/v1/wallets/{wallet}/credit")).json(json!({ "amount": amount })).key("k")
    };
    credit(&one, 100).send().await.expect(201);
    credit(&one, 200).send().await.problem(422, "idempotency_key_reused");
    credit(&other, 100).send().await.problem(422, "idempotency_key_reused");
    assert_eq!((user.balance(&one).await, user.balance(&other).await), (100, 0));
}

#[tokio::test]
async fn a_key_belongs_to_its_caller_and_its_operation() {
    let app = App::start().await;
    let (user, other) = (app.register().await, app.register().await);
    let make = |user: &User<'_>| user.post("/v1/wallets").json(json!({ "currency": "EUR" })).key("k").send();
    let (mine, theirs) = (make(&user).await.expect(201), make(&other).await.expect(201));
    assert_ne!(mine.string("/id"), theirs.string("/id"));
    let path = format!("/v1/wallets/{}/credit", mine.string("/id"));
    user.post(&path).json(json!({ "amount": 1 })).key("k").send().await.expect(201);
}

#[tokio::test]
async fn an_api_key_does_not_get_the_answers_of_its_users_sessions_or_other_keys() {
    let app = App::start().await;
    let user = app.register().await;
    let weak = user.api_key(&["api_keys:write"]).await;
    let ask = |ask: crate::support::Ask| {
        ask.json(json!({ "name": "strong", "permissions": ["wallets:*"] })).key("k").send()
    };
    ask(user.post("/v1/api_keys")).await.expect(201);
    ask(app.post("/v1/api_keys").api_key(&weak)).await.problem(403, "permission_denied");
    let strong = user.api_key(&["api_keys:write", "wallets:*"]).await;
    let first = ask(app.post("/v1/api_keys").api_key(&strong)).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = ask(app.post("/v1/api_keys").api_key(&strong)).await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_request_that_is_sent_again_after_signing_in_again_is_the_same() {
    let app = App::start().await;
    let user = app.register().await;
    let again = User::login(&app, &user.email, crate::support::user::PASSWORD).await;
    let make = |user: &User<'_>| user.post("/v1/wallets").json(json!({ "currency": "EUR" })).key("k").send();
    assert_eq!(make(&user).await.expect(201).body, make(&again).await.expect(201).body);
}

#[tokio::test]
async fn a_refusal_is_kept_too() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let debit =
        || user.post(&format!("/v1/wallets/{wallet}/debit")).json(json!({ "amount": 50 })).key("k").send();
    let first = debit().await;
    first.clone().problem(422, "insufficient_funds");
    user.credit(&wallet, 100).await;
    let second = debit().await;
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    let (mut first, mut second): (Value, Value) = (first.json(), second.problem(422, "insufficient_funds"));
    first.as_object_mut().unwrap().remove("request_id");
    second.as_object_mut().unwrap().remove("request_id");
    assert_eq!(first, second);
    assert_eq!(user.balance(&wallet).await, 100);
}

#[tokio::test]
async fn what_never_reached_the_operation_is_not_kept() {
    let app = App::start().await;
    let user = app.register().await;
    let make = |body: Value| user.post("/v1/wallets").json(body).key("k").send();
    make(json!({ "currency": 7 })).await.expect(422);
    app.post("/v1/wallets").json(json!({ "currency": "EUR" })).key("k").send().await.expect(401);
    make(json!({ "currency": "EUR" })).await.expect(201);
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let asks = (0..32).map(|_| {
        let ask = user.post(&format!("/v1/wallets/{wallet}/credit")).json(json!({ "amount": 7 })).key("same");
        tokio::spawn(ask.send())
    });
    let mut done = 0;
    for reply in asks.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        match reply.status {
            201 if reply.header("idempotency-replayed").is_none() => done += 1,
            201 => {}
            _ => {
                assert_eq!(reply.header("retry-after"), Some("1"));
                reply.problem(409, "idempotency_in_flight");
            }
        }
    }
    assert_eq!(done, 1);
    assert_eq!(user.balance(&wallet).await, 7);
}

#[tokio::test]
async fn an_answer_without_a_body_is_given_again_as_such() {
    let app = App::start().await;
    let user = app.register().await;
    let change = || {
        let body = json!({ "current_password": crate::support::user::PASSWORD, "new_password": "seven wet umbrellas in a row" });
        user.post("/v1/auth/change_password").json(body).key("k").send()
    };
    assert!(change().await.expect(204).body.is_empty());
    let again = change().await.expect(204);
    assert!(again.body.is_empty() && again.header("content-type").is_none());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn an_answer_is_kept_over_a_restart() {
    let app = App::start().await;
    let user = app.register().await;
    let (token, path) = (user.access_token.clone(), "/v1/wallets");
    let body = json!({ "currency": "EUR" });
    let first = user.post(path).json(body.clone()).key("k").send().await.expect(201);
    let app = app.restart().await;
    let second = app.post(path).bearer(&token).json(body).key("k").send().await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.body, first.body);
    app.stop().await;
}

#[tokio::test]
async fn a_key_of_the_wrong_form_is_named() {
    let app = App::start().await;
    let user = app.register().await;
    for wrong in ["", "two words", &"k".repeat(256)] {
        let fields =
            user.post("/v1/wallets").json(json!({ "currency": "EUR" })).key(wrong).send().await.fields();
        assert_eq!(fields, ["header:Idempotency-Key pattern"], "{wrong}");
    }
}

#[tokio::test]
async fn tokens_are_kept_sealed() {
    let app = App::start().await;
    let user = app.register().await;
    let login = json!({ "email": user.email, "password": crate::support::user::PASSWORD });
    let ask = || app.post("/v1/auth/login").json(login.clone()).key("k").send();
    let (first, second) = (ask().await.expect(200), ask().await.expect(200));
    assert_eq!(first.body, second.body, "a retried login opens one session");
}
