//! API keys: who may make which, what they open, and how they stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{App, User};

async fn create(user: &User<'_>, body: Value) -> Value {
    user.post("/v1/api_keys").json(body).send().await.expect(201).json()
}

fn id(key: &Value) -> &str {
    key["api_key"]["id"].as_str().unwrap()
}

fn secret(key: &Value) -> &str {
    key["secret"].as_str().unwrap()
}

/// Moves a key's expiry into the past, which no request could.
async fn expire(app: &App, key: &Value) {
    let mut tx = app.tamper().await;
    let now = tx.now();
    let update = sqlx::query("UPDATE api_keys SET expires_at = $1 WHERE id = $2").bind(now).bind(id(key));
    update.execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
}

#[tokio::test]
async fn a_key_opens_what_its_permissions_say() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "reader", "permissions": ["wallets:read"] })).await;
    let me = app.get("/v1/auth/me").api_key(secret(&key)).send().await.expect(200).json();
    assert_eq!(me["credential"], "api_key");
    assert_eq!(me["credential_id"], id(&key));
    assert_eq!(me["permissions"], json!(["wallets:read"]));
    app.get("/v1/wallets").api_key(secret(&key)).send().await.expect(200);
    let wallet = app.post("/v1/wallets").api_key(secret(&key)).json(json!({ "currency": "EUR" }));
    wallet.send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "reader", "permissions": ["wallets:read"] })).await;
    assert!(secret(&key).ends_with(key["api_key"]["hint"].as_str().unwrap()));
    let one = ada.get(&format!("/v1/api_keys/{}", id(&key))).send().await.expect(200);
    let all = ada.get("/v1/api_keys").send().await.expect(200);
    for reply in [one, all] {
        assert!(!reply.text().contains(secret(&key)), "{reply}");
    }
}

#[tokio::test]
async fn a_wrong_secret_of_a_right_key_opens_nothing() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "reader", "permissions": ["wallets:read"] })).await;
    app.get("/v1/wallets").api_key(secret(&key)).send().await.expect(200);
    let (start, random) = secret(&key).split_at(secret(&key).len() - 43);
    let turned: String = random.chars().rev().collect();
    for wrong in [
        format!("{start}{turned}"),
        format!("{start}{}", "A".repeat(43)),
        start.to_owned(),
        secret(&key)[1..].to_owned(),
    ] {
        app.get("/v1/wallets").api_key(&wrong).send().await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn nobody_gives_away_what_they_do_not_hold() {
    let app = App::start().await;
    let ada = app.register().await.colleague("manager").await;
    let ask = |permissions: Value| {
        ada.post("/v1/api_keys").json(json!({ "name": "x", "permissions": permissions })).send()
    };
    ask(json!(["*"])).await.problem(403, "permission_denied");
    let weak = ada.api_key(&["api_keys:write", "wallets:read"]).await;
    let body = |permissions: Value| json!({ "name": "x", "permissions": permissions });
    let by_key = |permissions| app.post("/v1/api_keys").api_key(&weak).json(body(permissions)).send();
    by_key(json!(["wallets:write"])).await.problem(403, "permission_denied");
    by_key(json!(["wallets:*"])).await.problem(403, "permission_denied");
    by_key(json!(["wallets:read"])).await.expect(201);
}

#[tokio::test]
async fn everything_wrong_with_a_new_key_is_named_at_once() {
    let app = App::start().await;
    let ada = app.register().await;
    let body = json!({
        "name": "x", "permissions": ["wallets:read", "wallets:fly", "gold:*"], "expires_at": "2020-01-01T00:00:00Z"
    });
    let wrong = ada.post("/v1/api_keys").json(body).send().await.fields();
    assert_eq!(wrong, ["/expires_at minimum", "/permissions/1 unknown", "/permissions/2 unknown"]);
}

#[tokio::test]
async fn a_tier_above_the_tenants_is_refused() {
    let app = App::start().await;
    let ada = app.register().await;
    let ask = |tier: &str| {
        ada.post("/v1/api_keys")
            .json(json!({ "name": "x", "permissions": ["wallets:read"], "tier": tier }))
            .send()
    };
    ask("premium").await.problem(422, "tier_not_allowed");
    assert_eq!(ask("free").await.expect(201).string("/api_key/tier"), "free");
}

#[tokio::test]
async fn a_key_cannot_make_one_of_a_tier_above_its_own() {
    let app = App::start().await;
    let ada = app.register().await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE tenants SET tier = 'premium'").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    let ada = User::login(&app, &ada.email, crate::support::user::PASSWORD).await;
    let body = |tier: Option<&str>| match tier {
        Some(tier) => json!({ "name": "x", "permissions": ["api_keys:write"], "tier": tier }),
        None => json!({ "name": "x", "permissions": ["api_keys:write"] }),
    };
    let basic = create(&ada, body(Some("basic"))).await;
    let by_key = |tier| app.post("/v1/api_keys").api_key(secret(&basic)).json(body(tier)).send();
    by_key(Some("premium")).await.problem(422, "tier_not_allowed");
    assert_eq!(by_key(Some("free")).await.expect(201).string("/api_key/tier"), "free");
    assert_eq!(by_key(None).await.expect(201).string("/api_key/tier"), "basic");
    assert_eq!(create(&ada, body(None)).await["api_key"]["tier"], "premium");
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let app = App::start().await;
    let ada = app.register().await;
    let body = json!({ "name": "x", "permissions": ["wallets:read"], "expires_at": "2100-01-01T00:00:00Z" });
    let key = create(&ada, body).await;
    assert_eq!(key["api_key"]["expires_at"], "2100-01-01T00:00:00.000000Z");
    expire(&app, &key).await;
    app.get("/v1/wallets").api_key(secret(&key)).send().await.problem(401, "unauthenticated");
    let seen = ada.get(&format!("/v1/api_keys/{}", id(&key))).send().await.expect(200);
    assert_eq!(seen.string("/status"), "expired");
    let rotate = ada.post(&format!("/v1/api_keys/{}/rotate", id(&key))).json(json!({}));
    rotate.send().await.problem(409, "api_key_expired");
}

#[tokio::test]
async fn a_rotated_secret_works_beside_the_old_one_for_its_grace() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "x", "permissions": ["wallets:read"] })).await;
    let works = |secret: &str| {
        let ask = app.get("/v1/wallets").api_key(secret);
        async move { ask.send().await.status == 200 }
    };
    assert!(works(secret(&key)).await);
    let path = format!("/v1/api_keys/{}/rotate", id(&key));
    let second = ada.post(&path).json(json!({ "grace_seconds": 3600 })).send().await.expect(200).json();
    assert!(second["api_key"]["previous_secret_expires_at"].is_string());
    assert!(works(secret(&key)).await && works(secret(&second)).await);
    let third = ada.post(&path).json(json!({ "grace_seconds": 0 })).send().await.expect(200).json();
    assert!(third["api_key"]["previous_secret_expires_at"].is_null());
    assert!(!works(secret(&key)).await, "two rotations ago");
    assert!(!works(secret(&second)).await, "without grace the old one stops at once");
    assert!(works(secret(&third)).await);
}

#[tokio::test]
async fn a_weaker_key_cannot_take_over_a_stronger_one_by_rotating_it() {
    let app = App::start().await;
    let ada = app.register().await;
    let strong = create(&ada, json!({ "name": "strong", "permissions": ["wallets:*"] })).await;
    let weak = ada.api_key(&["api_keys:write", "wallets:read"]).await;
    let rotate = app.post(&format!("/v1/api_keys/{}/rotate", id(&strong))).api_key(&weak).json(json!({}));
    rotate.send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_from_the_answer_on() {
    let app = Arc::new(App::start().await);
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "x", "permissions": ["wallets:read"] })).await;
    let revoked = Arc::new(AtomicBool::new(false));
    let (before, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (app, secret) = (Arc::clone(&app), secret(&key).to_owned());
            let (revoked, before, after) = (Arc::clone(&revoked), Arc::clone(&before), Arc::clone(&after));
            tokio::spawn(async move {
                while after.load(Ordering::SeqCst) < 20 {
                    let asked_after = revoked.load(Ordering::SeqCst);
                    let status = app.get("/v1/wallets").api_key(&secret).send().await.status;
                    if asked_after {
                        assert_eq!(status, 401, "a request after the revocation was let in");
                        after.fetch_add(1, Ordering::SeqCst);
                    } else if status == 200 {
                        before.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    while before.load(Ordering::SeqCst) < 20 {
        tokio::task::yield_now().await;
    }
    let path = format!("/v1/api_keys/{}", id(&key));
    ada.ask("DELETE", &path).send().await.expect(204);
    revoked.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(ada.get(&path).send().await.expect(200).string("/status"), "revoked");
    ada.ask("DELETE", &path).send().await.expect(204);
    ada.post(&format!("{path}/rotate")).json(json!({})).send().await.problem(409, "api_key_revoked");
}

#[tokio::test]
async fn a_key_of_another_tenant_is_not_there() {
    let app = App::start().await;
    let (ada, bob) = (app.register().await, app.register().await);
    let key = create(&bob, json!({ "name": "x", "permissions": ["wallets:read"] })).await;
    let path = format!("/v1/api_keys/{}", id(&key));
    ada.get(&path).send().await.problem(404, "not_found");
    ada.ask("DELETE", &path).send().await.problem(404, "not_found");
    ada.post(&format!("{path}/rotate")).json(json!({})).send().await.problem(404, "not_found");
    assert_eq!(ada.get("/v1/api_keys").send().await.expect(200).json()["data"], json!([]));
    app.get("/v1/wallets").api_key(secret(&key)).send().await.expect(200);
}

#[tokio::test]
async fn keys_are_listed_by_their_state() {
    let app = App::start().await;
    let ada = app.register().await;
    let body =
        || json!({ "name": "x", "permissions": ["wallets:read"], "expires_at": "2100-01-01T00:00:00Z" });
    let (active, revoked, expired) =
        (create(&ada, body()).await, create(&ada, body()).await, create(&ada, body()).await);
    ada.ask("DELETE", &format!("/v1/api_keys/{}", id(&revoked))).send().await.expect(204);
    expire(&app, &expired).await;
    let list = |query: &str| {
        let ask = ada.get(&format!("/v1/api_keys{query}"));
        async move {
            let page = ask.send().await.expect(200).json();
            let ids =
                page["data"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned());
            ids.collect::<Vec<_>>()
        }
    };
    assert_eq!(list("").await, [id(&expired), id(&revoked), id(&active)]);
    assert_eq!(list("?status=active").await, [id(&active)]);
    assert_eq!(list("?status=revoked").await, [id(&revoked)]);
    assert_eq!(list("?status=expired").await, [id(&expired)]);
    assert_eq!(list("?status=expired&status=active").await, [id(&expired), id(&active)]);
}

#[tokio::test]
async fn a_cursor_of_other_filters_is_refused() {
    let app = App::start().await;
    let ada = app.register().await;
    for _ in 0..3 {
        create(&ada, json!({ "name": "x", "permissions": ["wallets:read"] })).await;
    }
    let page = ada.get("/v1/api_keys?limit=1").send().await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    ada.get(&format!("/v1/api_keys?limit=1&cursor={cursor}")).send().await.expect(200);
    let other = ada.get(&format!("/v1/api_keys?limit=1&status=active&cursor={cursor}")).send().await;
    assert!(matches!(other.status, 400 | 422), "{other}");
}

#[tokio::test]
async fn the_use_of_a_key_is_written_down_when_the_gateway_stops() {
    let app = App::start().await;
    let ada = app.register().await;
    let key = create(&ada, json!({ "name": "x", "permissions": ["wallets:read"] })).await;
    app.get("/v1/wallets").api_key(secret(&key)).send().await.expect(200);
    let file = app.gateway.config().database_file();
    app.gateway.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let used: Option<i64> = sqlx::query_scalar("SELECT last_used_at FROM api_keys WHERE id = $1")
        .bind(id(&key))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(used.is_some());
}
