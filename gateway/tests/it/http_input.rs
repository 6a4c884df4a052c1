//! Bad input: every mistake is named with its place, all of them at once, and nothing that was sent is repeated.

use serde_json::{Value, json};

use crate::support::{App, User};

/// An identifier that is well formed and of nothing.
const NOBODY: &str = "wal_0000000000007000800000000000000f";

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 10_000).await;
    let credit = format!("/v1/wallets/{wallet}/credit");
    let payment = |destination: Value| json!({ "payer_wallet_id": wallet, "amount": 1, "currency": "EUR", "destination": destination });
    for (path, body, expected) in [
        ("/v1/wallets", json!({}), &["/currency required"][..]),
        ("/v1/wallets", json!({ "currency": "eur" }), &["/currency pattern"]),
        ("/v1/wallets", json!({ "currency": "XXQ" }), &["/currency currency"]),
        ("/v1/wallets", json!({ "currency": 7, "colour": "red" }), &["/colour unknown", "/currency type"]),
        ("/v1/wallets", json!({ "currency": "EUR", "name": "" }), &["/name min_length"]),
        ("/v1/wallets", json!({ "currency": "EUR", "metadata": { "a/b": 1 } }), &["/metadata/a~1b type"]),
        ("/v1/wallets", json!([]), &[" type"]),
        ("/v1/wallets", Value::Null, &[" type"]),
        (&credit, json!({ "amount": 0 }), &["/amount minimum"]),
        (&credit, json!({ "amount": -1 }), &["/amount minimum"]),
        (&credit, json!({ "amount": 9_000_000_000_001_i64 }), &["/amount maximum"]),
        (&credit, json!({ "amount": 1.5 }), &["/amount type"]),
        (&credit, json!({ "amount": 2.0 }), &["/amount type"]),
        (&credit, json!({ "amount": 1e30 }), &["/amount maximum"]),
        (&credit, json!({ "amount": "100" }), &["/amount type"]),
        (&credit, json!({ "amount": null }), &["/amount type"]),
        ("/v1/payments", payment(json!({ "type": "moon" })), &["/destination/type enum"]),
        ("/v1/payments", payment(json!({})), &["/destination/type required"]),
        ("/v1/payments", payment(json!("wallet")), &["/destination type"]),
        ("/v1/payments", payment(json!({ "type": "wallet" })), &["/destination/wallet_id required"]),
        (
            "/v1/payments",
            payment(json!({ "type": "wallet", "wallet_id": "pay_1" })),
            &["/destination/wallet_id pattern"],
        ),
        (
            "/v1/api_keys",
            json!({ "name": "", "permissions": ["Wallets, all of them", "wallets:read", "wallets:read"], "expires_at": "tomorrow" }),
            &[
                "/expires_at format",
                "/name min_length",
                "/permissions unique_items",
                "/permissions/0 pattern",
            ],
        ),
    ] {
        let found = user.post(path).json(body.clone()).send().await.fields();
        assert_eq!(found, expected, "{body}");
    }
}

#[tokio::test]
async fn names_of_metadata_are_bounded_like_all_that_is_kept() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 100).await;
    let (fits, long) = ("é".repeat(64), "k".repeat(65));
    let notes = |name: &str| json!({ name: "x" });
    let payment = |name: &str| {
        let destination = json!({ "type": "external", "reference": "x" });
        json!({ "payer_wallet_id": wallet, "amount": 1, "currency": "EUR", "destination": destination, "metadata": notes(name) })
    };
    let credit = |name: &str| json!({ "amount": 1, "metadata": notes(name) });
    let create = |name: &str| json!({ "currency": "EUR", "metadata": notes(name) });
    let path = format!("/v1/wallets/{wallet}/credit");
    for (path, body) in
        [("/v1/wallets", &create as &dyn Fn(&str) -> Value), (&path, &credit), ("/v1/payments", &payment)]
    {
        user.post(path).json(body(&fits)).send().await.expect(201);
        for wrong in ["", &long] {
            let fields = user.post(path).json(body(wrong)).send().await.fields();
            assert_eq!(fields, [format!("/metadata/{wrong} name")], "{path}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_wrong_everywhere_is_refused_as_fast_as_any_other() {
    let app = App::start().await;
    let user = app.register().await;
    let empty = vec![""; 100_000];
    let ask = user.post("/v1/api_keys").json(json!({ "name": "x", "permissions": empty })).send();
    let reply =
        tokio::time::timeout(std::time::Duration::from_secs(15), ask).await.expect("it takes too long");
    assert!(reply.fields().len() <= 1000);
    let unknown: serde_json::Map<_, _> = (0..50_000).map(|n| (format!("f{n}"), Value::Null)).collect();
    let query = (0..1500).map(|n| format!("q{n}")).collect::<Vec<_>>().join("&");
    let ask = app.post(&format!("/v1/auth/login?{query}")).json(Value::Object(unknown)).send();
    let reply =
        tokio::time::timeout(std::time::Duration::from_secs(15), ask).await.expect("it takes too long");
    assert_eq!(reply.fields().len(), 1000);
}

#[tokio::test]
async fn an_error_does_not_repeat_what_was_sent() {
    let app = App::start().await;
    let secret = "hunter2-hunter2-hunter2";
    for body in [
        json!({ "email": secret, "password": [secret], "name": { "x": secret }, "tenant_name": 5 }),
        json!({ "email": "a@example.com", "password": { "a": secret }, "name": "x", "tenant_name": "y" }),
    ] {
        let reply = app.post("/v1/auth/register").json(body).send().await.expect(422);
        assert!(!reply.text().contains(secret), "{reply}");
    }
}

#[tokio::test]
async fn an_identifier_of_the_wrong_form_is_named_by_its_parameter() {
    let app = App::start().await;
    let user = app.register().await;
    for wrong in [
        "x",
        "pay_0000000000007000800000000000000f",
        "WAL_0000000000007000800000000000000F",
        "wal_%20",
        "wal_1",
    ] {
        let fields = user.get(&format!("/v1/wallets/{wrong}")).send().await.fields();
        assert_eq!(fields, ["path:wallet_id pattern"], "{wrong}");
    }
    user.get(&format!("/v1/wallets/{NOBODY}")).send().await.problem(404, "not_found");
    let several = user.post("/v1/wallets/x/credit?y=1").json(json!({ "amount": 0 })).send().await.fields();
    for place in ["path:wallet_id pattern", "query:y unknown", "/amount minimum"] {
        assert!(several.contains(&place.to_owned()), "{several:?}");
    }
}

#[tokio::test]
async fn query_parameters_are_held_to_their_bounds() {
    let app = App::start().await;
    let user = app.register().await;
    for (query, expected) in [
        ("limit=0", "query:limit minimum"),
        ("limit=101", "query:limit maximum"),
        ("limit=ten", "query:limit type"),
        ("limit=", "query:limit type"),
        ("limit=1.0", "query:limit type"),
        ("limit=%2B1", "query:limit type"),
        ("limit=1&limit=2", "query:limit repeated"),
        ("limt=1", "query:limt unknown"),
        ("status=active&status=sleepy", "query:status/1 enum"),
        ("currency=euro", "query:currency pattern"),
        ("created_after=yesterday", "query:created_after format"),
        ("name=%ff", "query:name encoding"),
        ("cursor=%zz", "query:cursor encoding"),
        ("cursor=", "query:cursor min_length"),
        ("cursor=made-up", "query:cursor invalid_cursor"),
    ] {
        let fields = user.get(&format!("/v1/wallets?{query}")).send().await.fields();
        assert!(fields.contains(&expected.to_owned()), "{query}: {fields:?}");
    }
    for good in [
        "limit=1",
        "limit=100&status=active&status=frozen",
        "currency=EUR&",
        "created_after=2026-01-01T00:00:00%2B01:00",
        "&&",
    ] {
        user.get(&format!("/v1/wallets?{good}")).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_cursor_is_good_only_where_it_was_made() {
    let app = App::start().await;
    let (user, other) = (app.register().await, app.register().await);
    for _ in 0..3 {
        user.wallet("EUR").await;
        other.wallet("EUR").await;
    }
    let cursor = user.get("/v1/wallets?limit=1").send().await.expect(200).string("/next_cursor");
    let with = |user: &User<'_>, query: &str| user.get(&format!("/v1/{query}&cursor={cursor}")).send();
    with(&user, "wallets?limit=2").await.expect(200);
    for reply in [
        with(&user, "wallets?currency=EUR").await,
        with(&user, "payments?limit=1").await,
        with(&other, "wallets?limit=1").await,
    ] {
        // Another list, other filters, another tenant: never somebody else's data, and never silently another page.
        assert_eq!(reply.clone().fields(), ["query:cursor invalid_cursor"], "{reply}");
    }
}

#[tokio::test]
async fn malformed_json_is_400_with_its_place() {
    let app = App::start().await;
    let user = app.register().await;
    for (body, place) in [
        ("{\n  \"currency\": }", "line 2, column 15"),
        ("{\"currency\":\"EUR\"", "line 1, column 17"),
        ("{\"currency\":\"EUR\"} x", "line 1, column 20"),
        ("not json", "line 1, column 2"),
        ("\u{feff}{}", "line 1, column 1"),
    ] {
        let ask = user.post("/v1/wallets").header("Content-Type", "application/json").body(body);
        let problem = ask.send().await.problem(400, "malformed_request");
        assert!(problem["detail"].as_str().unwrap().contains(place), "{body}: {problem}");
    }
    let deep = "[".repeat(10_000);
    let json = |body: &str| user.post("/v1/wallets").header("Content-Type", "application/json").body(body);
    json(&deep).send().await.problem(400, "malformed_request");
    let empty = json("").send().await.problem(400, "malformed_request");
    assert!(empty["detail"].as_str().unwrap().contains("empty"), "{empty}");
    user.post("/v1/wallets")
        .header("Content-Type", "application/json")
        .body(b"{\"currency\":\"\xff\"}".as_slice())
        .send()
        .await
        .problem(400, "malformed_request");
}

#[tokio::test]
async fn a_name_that_stands_twice_is_refused() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let twice = user
        .post(&format!("/v1/wallets/{wallet}/credit"))
        .header("Content-Type", "application/json")
        .body(r#"{"amount": 1, "amount": 1000000}"#);
    let problem = twice.send().await.problem(400, "malformed_request");
    assert!(problem["detail"].as_str().unwrap().contains("twice"), "{problem}");
    assert_eq!(user.balance(&wallet).await, 0);
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let app = App::start().await;
    let user = app.register().await;
    let body = r#"{"currency":"EUR"}"#;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "multipart/form-data; boundary=x",
    ] {
        let ask = user.post("/v1/wallets").header("Content-Type", content_type).body(body);
        ask.send().await.problem(415, "unsupported_media_type");
    }
    user.post("/v1/wallets").body(body).send().await.problem(415, "unsupported_media_type");
    let compressed = user
        .post("/v1/wallets")
        .header("Content-Type", "application/json")
        .header("Content-Encoding", "gzip");
    compressed.body(body).send().await.problem(415, "unsupported_media_type");
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        user.post("/v1/wallets").header("Content-Type", content_type).body(body).send().await.expect(201);
    }
}

#[tokio::test]
async fn a_body_is_not_larger_than_is_taken() {
    let app = App::start_with(|config| config.limits.body_bytes = 2_000).await;
    let user = app.register().await;
    let body = |size: usize| json!({ "currency": "EUR", "name": "n".repeat(size) });
    user.post("/v1/wallets").json(body(3_000)).send().await.problem(413, "body_too_large");
    user.post("/v1/wallets").json(body(1_000)).send().await.expect(422);
    // Not announced, but sent in chunks.
    let chunk = format!("{:x}\r\n{}\r\n", 1_500, "x".repeat(1_500));
    let head = format!(
        "POST /v1/wallets HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        user.access_token
    );
    let answer = app.raw(format!("{head}{chunk}{chunk}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app =
        App::start_with(|config| config.limits.body_timeout = std::time::Duration::from_millis(200)).await;
    let user = app.register().await;
    let head = format!(
        "POST /v1/wallets HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{",
        user.access_token
    );
    let answer = app.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}
