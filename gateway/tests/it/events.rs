//! Events: told with the change, kept, listed by who may see them, streamed without a gap, and removed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use waypost::{Client, types};
use waypost_gateway::events::bus::{Failure, Handler, Notice, Priority};

use crate::support::contract::Contract;
use crate::support::{App, User};

/// The types of all events of the user's tenant, oldest first.
async fn told(user: &User<'_>, query: &str) -> Vec<String> {
    events(user, query).await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// All events of the user's tenant, oldest first.
async fn events(user: &User<'_>, query: &str) -> Vec<Value> {
    let reply = user.get(&format!("/v1/events?limit=100{query}")).send().await.expect(200).json();
    let mut events = reply["data"].as_array().unwrap().clone();
    events.reverse();
    events
}

async fn publish(user: &User<'_>, event: Value) -> Value {
    user.post("/v1/events").json(event).send().await.expect(201).json()
}

#[tokio::test]
async fn every_change_is_told_in_its_order_and_in_the_form_of_the_contract() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 10_000).await;
    let other = user.wallet("EUR").await;
    let post = async |path: String, body: Value| user.post(&path).json(body).send().await;
    post(format!("/v1/wallets/{wallet}/debit"), json!({ "amount": 100 })).await.expect(201);
    post(format!("/v1/wallets/{wallet}/transfer"), json!({ "to_wallet_id": other, "amount": 100 }))
        .await
        .expect(201);
    let payment = |method: &str| {
        json!({ "payer_wallet_id": wallet, "amount": 1_000, "currency": "EUR", "capture_method": method,
            "destination": { "type": "external", "reference": "INV-1" } })
    };
    let first = post("/v1/payments".to_owned(), payment("manual")).await.expect(201).string("/id");
    post(format!("/v1/payments/{first}/capture"), json!({})).await.expect(200);
    post(format!("/v1/payments/{first}/refund"), json!({})).await.expect(200);
    let second = post("/v1/payments".to_owned(), payment("manual")).await.expect(201).string("/id");
    post(format!("/v1/payments/{second}/cancel"), json!({})).await.expect(200);
    post("/v1/payments".to_owned(), payment("automatic")).await.expect(201);
    post(format!("/v1/wallets/{wallet}/freeze"), json!({})).await.expect(200);
    // It is frozen already: nothing changes, and nothing is told.
    post(format!("/v1/wallets/{wallet}/freeze"), json!({})).await.expect(200);
    post(format!("/v1/wallets/{wallet}/unfreeze"), json!({})).await.expect(200);
    let key = json!({ "name": "a", "permissions": ["wallets:read"] });
    let key = post("/v1/api_keys".to_owned(), key).await.expect(201).string("/api_key/id");
    post(format!("/v1/api_keys/{key}/rotate"), json!({})).await.expect(200);
    user.ask("DELETE", &format!("/v1/api_keys/{key}")).send().await.expect(204);
    let empty = user.wallet("USD").await;
    post(format!("/v1/wallets/{empty}/close"), json!({})).await.expect(200);
    let expected = [
        "auth.registered",
        "auth.signed_in",
        "wallet.created",
        "wallet.credited",
        "wallet.created",
        "wallet.debited",
        "wallet.transferred",
        "payment.created",
        "payment.captured",
        "payment.refunded",
        "payment.created",
        "payment.canceled",
        "payment.created",
        "payment.captured",
        "wallet.frozen",
        "wallet.unfrozen",
        "key.created",
        "key.rotated",
        "key.revoked",
        "wallet.created",
        "wallet.closed",
    ];
    assert_eq!(told(&user, "").await, expected);
    let events = events(&user, "").await;
    assert!(events.is_sorted_by_key(|event| event["id"].as_str().unwrap().to_owned()));
    let contract = Contract::read();
    let operations = contract.operations();
    let get = operations.iter().find(|operation| operation.id == "events_get").unwrap();
    for event in &events {
        let path = format!("/v1/events/{}", event["id"].as_str().unwrap());
        assert_eq!(&user.get(&path).send().await.expect(200).json(), event);
        assert_eq!(contract.check_body(get, 200, event), Vec::<String>::new(), "{event}");
    }
    let transferred = events.iter().find(|event| event["type"] == "wallet.transferred").unwrap();
    assert_eq!(
        (&transferred["subject"], &transferred["data"]["debit"]["amount"]),
        (&json!(wallet), &json!(-100))
    );
    assert_eq!(transferred["actorid"], user.id().await);
}

#[tokio::test]
async fn what_was_refused_or_asked_twice_is_not_told_and_secrets_never_are() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.wallet("EUR").await;
    let before = told(&user, "").await.len();
    let debit = || user.post(&format!("/v1/wallets/{wallet}/debit")).json(json!({ "amount": 1 }));
    debit().send().await.problem(422, "insufficient_funds");
    let credit =
        || user.post(&format!("/v1/wallets/{wallet}/credit")).key("once").json(json!({ "amount": 5 }));
    credit().send().await.expect(201);
    credit().send().await.expect(201);
    assert_eq!(told(&user, "").await.len(), before + 1);
    let key = json!({ "name": "a", "permissions": ["wallets:read"] });
    let secret = user.post("/v1/api_keys").json(key).send().await.expect(201).string("/secret");
    let all = serde_json::to_string(&events(&user, "").await).unwrap();
    assert!(!all.contains(&secret) && !all.contains(crate::support::user::PASSWORD));
}

#[tokio::test]
async fn own_events_are_cloudevents_and_their_publishers_ids_protect_them() {
    let app = App::start().await;
    let user = app.register().await;
    let cloudevent = json!({
        "specversion": "1.0", "id": "A-1", "source": "https://shop.example/orders", "type": "com.example.order.Shipped-v2",
        "subject": "A-1077", "time": "2026-11-22T10:00:00+01:00", "datacontenttype": "application/json",
        "dataschema": "https://shop.example/schema", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": { "carrier": "DHL", "nested": { "list": [1, null, "ü"] } },
    });
    let ask =
        || user.post("/v1/events").header("Content-Type", "application/cloudevents+json; charset=utf-8");
    let first = ask().body(cloudevent.to_string()).send().await.expect(201).json();
    for (name, value) in cloudevent.as_object().unwrap() {
        let name = if name == "id" { "originid" } else { name };
        assert_eq!(&first[name], value, "{name}");
    }
    let again = ask().body(cloudevent.to_string()).send().await.expect(201).json();
    assert_eq!(again, first);
    assert_eq!(told(&user, "&type=com.example.*").await, ["com.example.order.Shipped-v2"]);
    // Of another source it is another one, and another tenant's is another one.
    let mut other = cloudevent.clone();
    other["source"] = json!("https://shop.example/returns");
    assert_ne!(publish(&user, other).await["id"], first["id"]);
    let stranger = app.register().await;
    assert_ne!(publish(&stranger, cloudevent).await["id"], first["id"]);
    assert_eq!(user.get(&format!("/v1/events/{}", first["id"].as_str().unwrap())).send().await.json(), first);
}

#[tokio::test]
async fn what_cannot_be_published_is_refused_with_its_reason() {
    let app = App::start().await;
    let user = app.register().await;
    let ask = |event: Value| user.post("/v1/events").json(event);
    for kind in ["wallet.credited", "Webhook.disabled", "waypost.anything"] {
        ask(json!({ "type": kind, "data": {} })).send().await.problem(422, "reserved_event_type");
    }
    for (event, fields) in [
        (json!({ "type": "nodot", "data": {} }), vec!["/type pattern"]),
        (json!({ "type": "a.b" }), vec!["/data required"]),
        (json!({ "type": "a.b", "data": [1] }), vec!["/data type"]),
        (json!({ "type": "a.b", "data": {}, "specversion": "0.3" }), vec!["/specversion pattern"]),
        (json!({ "type": "a.b", "data": {}, "time": "soon" }), vec!["/time format"]),
        (json!({ "type": "a.b", "data": {}, "unheard": 1 }), vec!["/unheard unknown"]),
        (json!({ "type": "a.b", "data": { "long": "x".repeat(256 * 1024) } }), vec!["/data too_large"]),
    ] {
        assert_eq!(ask(event.clone()).send().await.fields(), fields, "{:.80}", event.to_string());
    }
    let reader = user.api_key(&["events:read"]).await;
    ask(json!({ "type": "a.b", "data": {} })).api_key(&reader).send().await.problem(403, "permission_denied");
    assert!(told(&user, "&type=a.*").await.is_empty());
}

#[tokio::test]
async fn a_list_is_narrowed_by_type_subject_and_time_and_goes_on_by_its_cursor() {
    let app = App::start().await;
    let user = app.register().await;
    for number in 0..5 {
        publish(
            &user,
            json!({ "type": "order.shipped", "subject": format!("A-{number}"), "data": { "n": number } }),
        )
        .await;
        publish(&user, json!({ "type": "order.line.packed", "subject": "A-0", "data": {} })).await;
    }
    publish(&user, json!({ "type": "orders.closed", "data": {} })).await;
    assert_eq!(told(&user, "&type=order.*").await.len(), 10, "and not `orders.closed`");
    assert_eq!(told(&user, "&type=order.line.*&type=orders.closed").await.len(), 6);
    assert_eq!(told(&user, "&type=order.*&subject=A-0").await.len(), 6);
    assert_eq!(told(&user, "&type=o_der.*").await.len(), 0, "no wildcards of SQL");
    let mut path = "/v1/events?type=order.shipped&limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = user.get(&path).send().await.expect(200).json();
        seen.extend(
            page["data"].as_array().unwrap().iter().map(|event| event["data"]["n"].as_i64().unwrap()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/events?type=order.shipped&limit=2&cursor={cursor}");
        let elsewhere = format!("/v1/events?type=order.line.packed&limit=2&cursor={cursor}");
        assert_eq!(user.get(&elsewhere).send().await.fields(), ["query:cursor invalid_cursor"]);
    }
    assert_eq!(seen, [4, 3, 2, 1, 0]);
    let all = events(&user, "&type=order.shipped").await;
    let third = all[2]["time"].as_str().unwrap();
    assert_eq!(events(&user, &format!("&type=order.shipped&since={third}")).await, all[2..]);
    assert_eq!(events(&user, &format!("&type=order.shipped&until={third}")).await, all[..2]);
    assert_eq!(user.get("/v1/events?since=soon").send().await.fields(), ["query:since format"]);
}

#[tokio::test]
async fn who_may_not_read_the_audit_trail_or_the_configuration_does_not_see_their_events() {
    let app = App::start().await;
    let admin = User::admin(&app).await;
    let service = json!({ "name": "orders", "targets": [{ "url": "http://127.0.0.1:9001" }] });
    admin.post("/v1/services").json(service).send().await.expect(201);
    admin.wallet("EUR").await;
    let kinds = told(&admin, "").await;
    assert!(
        kinds.contains(&"service.changed".to_owned()) && kinds.contains(&"auth.signed_in".to_owned()),
        "{kinds:?}"
    );
    let key = admin.api_key(&["events:read"]).await;
    let seen = admin.get("/v1/events?limit=100").api_key(&key).send().await.expect(200).json();
    let seen: Vec<_> = seen["data"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(seen, ["wallet.created"]);
    let hidden = events(&admin, "&type=auth.*").await[0]["id"].as_str().unwrap().to_owned();
    admin.get(&format!("/v1/events/{hidden}")).api_key(&key).send().await.problem(404, "not_found");
    let types = admin.get("/v1/events/types").api_key(&key).send().await.expect(200).json();
    assert!(
        types["types"]
            .as_array()
            .unwrap()
            .iter()
            .all(|kind| !kind["type"].as_str().unwrap().starts_with("auth."))
    );
    let stranger = app.register().await;
    stranger.get(&format!("/v1/events/{hidden}")).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn types_are_listed_with_those_that_the_tenant_made() {
    let app = App::start().await;
    let user = app.register().await;
    for kind in ["b.two", "a.one", "b.two"] {
        publish(&user, json!({ "type": kind, "data": {} })).await;
    }
    let types = user.get("/v1/events/types").send().await.expect(200).json();
    let types = types["types"].as_array().unwrap();
    let of = |origin: &str| types.iter().filter(|kind| kind["origin"] == origin).collect::<Vec<_>>();
    assert!(of("platform").len() >= 25, "{}", of("platform").len());
    assert!(of("platform").iter().all(|kind| kind["description"].is_string() && kind["schema"].is_string()));
    assert_eq!(of("tenant").iter().map(|kind| &kind["type"]).collect::<Vec<_>>(), ["a.one", "b.two"]);
}

#[tokio::test]
async fn old_events_are_removed_when_asked_and_by_age() {
    let app = App::start().await;
    let user = app.register().await;
    for _ in 0..450 {
        publish(&user, json!({ "type": "order.shipped", "data": {} })).await;
    }
    let last = publish(&user, json!({ "type": "order.closed", "data": {} })).await;
    app.told_up_to(&last).await;
    let prune = |body: Value| user.post("/v1/events/prune").json(body);
    let past = prune(json!({ "before": "2020-01-01T00:00:00Z" })).send().await.expect(200).json();
    assert_eq!(past, json!({ "removed": 0, "has_more": false }));
    let body = json!({ "before": "2100-01-01T00:00:00Z", "types": ["order.shipped"] });
    let done = prune(body.clone()).key("prune").send().await.expect(200).json();
    assert_eq!(done, json!({ "removed": 450, "has_more": false }));
    assert_eq!(prune(body).key("prune").send().await.expect(200).json(), done, "and the answer is kept");
    assert_eq!(told(&user, "&type=order.*").await, ["order.closed"]);
    let manager = user.colleague("manager").await;
    let refused = manager.post("/v1/events/prune").json(json!({ "before": "2100-01-01T00:00:00Z" }));
    refused.send().await.problem(403, "permission_denied");
    // By age: the event is made old.
    let mut tx = app.tamper().await;
    let age = "UPDATE events SET id = 'evt_00000000000070008000000000000000' WHERE type = 'order.closed'";
    sqlx::query(age).execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    let done = app.gateway.housekeeping();
    tokio::time::timeout(Duration::from_millis(500), done).await.unwrap_err();
    assert!(told(&user, "&type=order.*").await.is_empty());
}

/// Reads a stream until it has this many events, or this text.
async fn read(response: &mut reqwest::Response, text: &mut String, until: impl Fn(&str) -> bool) {
    while !until(text) {
        let piece = tokio::time::timeout(Duration::from_secs(20), response.chunk());
        let piece = piece.await.expect("the stream stands still").unwrap().expect("the stream ended");
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

fn numbers(text: &str) -> Vec<i64> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str::<Value>(data).unwrap()["data"]["n"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_has_every_event_once_and_in_order_and_resumes_where_it_was_left() {
    let app = App::start().await;
    let user = app.register().await;
    publish(&user, json!({ "type": "count.up", "data": { "n": -1 } })).await;
    let ask = user.get("/v1/events/stream?type=count.*");
    let mut stream = ask.clone().open().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    read(&mut stream, &mut text, |text| text.contains("retry:")).await;
    let (half, all) = (60, 120);
    let publishing = async {
        for n in 0..all {
            publish(&user, json!({ "type": "count.up", "data": { "n": n } })).await;
        }
    };
    let reading = async {
        read(&mut stream, &mut text, |text| text.matches("\n\n").count() > half).await;
        drop(stream);
        // Whole frames only: what was cut off is not seen.
        let whole = text.rfind("\n\n").unwrap();
        text.truncate(whole + 2);
        let last = text.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        let mut stream = ask.header("Last-Event-ID", &last).open().await;
        let mut rest = String::new();
        let seen = numbers(&text).len();
        read(&mut stream, &mut rest, |rest| {
            rest.ends_with("\n\n") && numbers(rest).len() + seen >= all as usize
        })
        .await;
        text.push_str(&rest);
    };
    tokio::join!(publishing, reading);
    assert_eq!(numbers(&text), (0..all).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_shows_what_its_reader_may_see_and_says_that_it_lives() {
    let app = App::start_with(|config| config.events.heartbeat = Duration::from_millis(50)).await;
    let user = app.register().await;
    let stranger = app.register().await;
    let key = user.api_key(&["events:read"]).await;
    let since = "/v1/events/stream?since=2020-01-01T00:00:00Z";
    let mut stream = user.get(since).api_key(&key).open().await;
    publish(&stranger, json!({ "type": "other.tenant", "data": {} })).await;
    user.wallet("EUR").await;
    let mut text = String::new();
    read(&mut stream, &mut text, |text| text.matches("\n:\n").count() > 2 && text.contains("wallet.created"))
        .await;
    assert!(!text.contains("auth.") && !text.contains("other.tenant"), "{text}");
    let wrong = user.get("/v1/events/stream").header("Last-Event-ID", "evt_nonsense");
    assert_eq!(wrong.send().await.fields(), ["header:Last-Event-ID pattern"]);
    // A gateway that is about to stop ends its streams.
    app.gateway.draining();
    let end = async { while stream.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("the stream goes on");
}

#[tokio::test]
async fn a_tenant_has_so_many_streams_and_no_more() {
    let app = App::start().await;
    let (user, other) = (app.register().await, app.register().await);
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(user.get("/v1/events/stream").open().await);
    }
    user.get("/v1/events/stream").send().await.problem(429, "too_many_streams");
    other.get("/v1/events/stream").open().await;
    open.clear();
    // A place is free as soon as the gateway has seen that the reader went.
    for _ in 0..200 {
        if user.get("/v1/events/stream").open().await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no place became free");
}

#[tokio::test]
async fn the_sdk_reads_typed_events_and_keeps_those_that_it_does_not_know() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::builder(format!("http://{}", app.address))
        .access_token(user.access_token.as_str())
        .build()
        .unwrap();
    let params = waypost::types::params::EventsStreamParams::default();
    let mut events = client.events().stream(&params).await.unwrap();
    let wallet = client.wallets().create(&types::CreateWallet::new("EUR")).await.unwrap();
    let data = serde_json::from_value(json!({ "order": "A-1077" })).unwrap();
    let own = client.events().publish(&types::PublishEvent::new("order.shipped", data)).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    let types::Event::WalletCreated(created) = &first.data else { panic!("{first:?}") };
    assert_eq!(created.data, wallet);
    assert_eq!(first.id.as_deref(), Some(created.id.as_str()));
    let second = events.next().await.unwrap().unwrap();
    let types::Event::Unknown(kept) = &second.data else { panic!("{second:?}") };
    assert_eq!((kept["id"].as_str(), second.data.tag()), (Some(own.id.as_str()), Some("order.shipped")));
    let listed = client.events().get(&created.id).await.unwrap();
    assert_eq!(listed, first.data);
}

struct Ears(Arc<Mutex<Vec<Notice>>>);

impl Handler for Ears {
    fn name(&self) -> &'static str {
        "ears"
    }

    fn handle<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(notice.clone());
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_handler_in_the_process_hears_of_each_event_after_its_commit() {
    let app = App::start().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    app.gateway.events().subscribe(Priority::Normal, Arc::new(Ears(Arc::clone(&heard))));
    let user = app.register().await;
    user.funded("EUR", 100).await;
    let last = publish(&user, json!({ "type": "the.last", "data": {} })).await;
    app.told_up_to(&last).await;
    let heard: Vec<String> = heard.lock().unwrap().iter().map(|notice| notice.id.clone()).collect();
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT id FROM events ORDER BY id").fetch_all(app.inspect()).await.unwrap();
    assert_eq!(heard, kept);
}
