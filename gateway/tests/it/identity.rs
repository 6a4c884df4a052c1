//! Roles, service tokens and tenants: who may give what to whom, and from when on it holds.

use serde_json::{Value, json};

use crate::support::oauth::Client;
use crate::support::user::PASSWORD;
use crate::support::{App, Reply, User};

async fn put_role(user: &User<'_>, name: &str, permissions: &[&str]) -> Reply {
    let role = json!({ "permissions": permissions });
    user.ask("PUT", &format!("/v1/roles/{name}")).json(role).send().await
}

async fn set_roles(by: &User<'_>, user_id: &str, role: &str, custom: &[&str]) -> Reply {
    let roles = json!({ "role": role, "custom_roles": custom });
    by.ask("PUT", &format!("/v1/users/{user_id}/roles")).json(roles).send().await
}

async fn token(user: &User<'_>, permissions: &[&str]) -> Value {
    let token = json!({ "name": "export", "permissions": permissions });
    user.post("/v1/service_tokens").json(token).send().await.expect(201).json()
}

#[tokio::test]
async fn a_role_that_is_given_or_changed_holds_with_the_answer() {
    let app = App::start().await;
    let admin = app.register().await;
    let bob = admin.colleague("service").await;
    let id = bob.id().await;
    bob.get("/v1/wallets").send().await.problem(403, "permission_denied");
    put_role(&admin, "reader", &["wallets:read"]).await.expect(200);
    let user = set_roles(&admin, &id, "service", &["reader"]).await.expect(200).json();
    assert_eq!((&user["role"], &user["custom_roles"]), (&json!("service"), &json!(["reader"])));
    bob.get("/v1/wallets").send().await.expect(200);
    put_role(&admin, "reader", &["payments:read"]).await.expect(200);
    bob.get("/v1/wallets").send().await.problem(403, "permission_denied");
    bob.get("/v1/payments").send().await.expect(200);
    set_roles(&admin, &id, "service", &[]).await.expect(200);
    bob.get("/v1/payments").send().await.problem(403, "permission_denied");
    set_roles(&admin, &id, "admin", &[]).await.expect(200);
    bob.get("/v1/roles").send().await.expect(200);
}

#[tokio::test]
async fn a_tenant_keeps_its_last_admin() {
    let app = App::start().await;
    let admin = app.register().await;
    let id = admin.id().await;
    set_roles(&admin, &id, "user", &[]).await.problem(409, "last_admin");
    let bob = admin.colleague("admin").await;
    set_roles(&bob, &id, "user", &[]).await.expect(200);
    admin.get("/v1/users").send().await.problem(403, "permission_denied");
    set_roles(&bob, &bob.id().await, "user", &[]).await.problem(409, "last_admin");
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let app = App::start().await;
    let admin = app.register().await;
    let bob = admin.colleague("service").await;
    let id = bob.id().await;
    let limited = ["roles:*", "users:*", "service_tokens:*", "api_keys:*", "tenants:*", "wallets:read"];
    put_role(&admin, "clerk", &limited).await.expect(200);
    put_role(&admin, "boss", &["*"]).await.expect(200);
    set_roles(&admin, &id, "service", &["clerk"]).await.expect(200);
    // Through roles: neither a built-in one, nor one that is there, nor one of their own making.
    set_roles(&bob, &id, "admin", &["clerk"]).await.problem(403, "permission_denied");
    set_roles(&bob, &id, "service", &["clerk", "boss"]).await.problem(403, "permission_denied");
    put_role(&bob, "clerk", &["*"]).await.problem(403, "permission_denied");
    put_role(&bob, "boss", &["wallets:read"]).await.problem(403, "permission_denied");
    set_roles(&bob, &admin.id().await, "user", &[]).await.problem(403, "permission_denied");
    // Through keys and tokens.
    for permission in ["*", "wallets:*", "wallets:write", "payments:read"] {
        let body = json!({ "name": "more", "permissions": [permission] });
        for path in ["/v1/api_keys", "/v1/service_tokens"] {
            bob.post(path).json(body.clone()).send().await.problem(403, "permission_denied");
        }
    }
    token(&bob, &["wallets:read"]).await;
    put_role(&bob, "reader", &["wallets:read"]).await.expect(200);
}

#[tokio::test]
async fn a_built_in_role_and_one_that_is_not_there_cannot_be_used_otherwise() {
    let app = App::start().await;
    let admin = app.register().await;
    put_role(&admin, "manager", &["wallets:read"]).await.problem(409, "role_built_in");
    let ghost = set_roles(&admin, &admin.id().await, "admin", &["ghost"]).await;
    assert_eq!(ghost.fields(), ["/custom_roles/0 unknown"]);
    assert_eq!(put_role(&admin, "flyer", &["wallets:fly"]).await.fields(), ["/permissions/0 unknown"]);
    admin.get("/v1/roles/ghost").send().await.problem(404, "not_found");
    let mut names = Vec::new();
    for name in ["a_role", "zeta"] {
        put_role(&admin, name, &["wallets:read"]).await.expect(200);
    }
    let mut path = "/v1/roles?limit=2".to_owned();
    loop {
        let page = admin.get(&path).send().await.expect(200).json();
        names.extend(page["data"].as_array().unwrap().iter().map(|role| role["name"].clone()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/roles?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["a_role", "admin", "manager", "service", "user", "zeta"]);
}

#[tokio::test]
async fn a_service_token_opens_what_its_scopes_say_until_it_is_revoked() {
    let app = App::start().await;
    let admin = app.register().await;
    let made = token(&admin, &["wallets:read"]).await;
    let (id, secret) =
        (made["service_token"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap().to_owned());
    let me = app.get("/v1/auth/me").bearer(&secret).send().await.expect(200).json();
    assert_eq!((&me["credential"], &me["credential_id"]), (&json!("service_token"), &json!(id)));
    assert_eq!(me["permissions"], json!(["wallets:read"]));
    app.get("/v1/wallets").bearer(&secret).send().await.expect(200);
    app.get("/v1/payments").bearer(&secret).send().await.problem(403, "permission_denied");
    // What is for people is not for services.
    let logout = app.post("/v1/auth/logout").bearer(&secret).json(json!({})).send().await;
    logout.problem(401, "unauthenticated");
    let page = admin.get("/v1/service_tokens").send().await.expect(200);
    assert!(!page.text().contains(&secret));
    for changed in
        [secret.replace("wps_", "wp_"), secret[..secret.len() - 1].to_owned(), secret.to_uppercase()]
    {
        app.get("/v1/wallets").bearer(&changed).send().await.expect(401);
    }
    app.get("/v1/wallets").api_key(&secret).send().await.expect(401);
    let path = format!("/v1/service_tokens/{id}");
    app.register().await.ask("DELETE", &path).send().await.problem(404, "not_found");
    admin.ask("DELETE", &path).send().await.expect(204);
    app.get("/v1/wallets").bearer(&secret).send().await.problem(401, "unauthenticated");
    admin.ask("DELETE", &path).send().await.expect(204);
    let far = json!({ "name": "x", "permissions": ["wallets:read"], "expires_at": "2099-01-01T00:00:00Z" });
    assert_eq!(admin.post("/v1/service_tokens").json(far).send().await.fields(), ["/expires_at maximum"]);
}

#[tokio::test]
async fn an_expired_service_token_opens_nothing() {
    let app = App::start().await;
    let admin = app.register().await;
    let made = token(&admin, &["wallets:read"]).await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE service_tokens SET expires_at = 1").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    let secret = made["secret"].as_str().unwrap();
    app.get("/v1/wallets").bearer(secret).send().await.problem(401, "unauthenticated");
    let page = admin.get("/v1/service_tokens").send().await.expect(200).json();
    assert_eq!(page["data"][0]["status"], "expired");
}

#[tokio::test]
async fn a_tenant_that_was_made_belongs_to_its_owner() {
    let app = App::start().await;
    let (admin, stranger) = (app.register().await, app.register().await);
    let owner = json!({ "email": "grace@example.com", "name": "Grace", "password": PASSWORD });
    let tenant = json!({ "name": "Logistics", "description": "Lorries.", "owner": owner });
    let made = admin.post("/v1/tenants").json(tenant).send().await.expect(201).json();
    assert_eq!(made["parent_id"], admin.tenant_id().await.as_str());
    let path = format!("/v1/tenants/{}", made["id"].as_str().unwrap());
    let grace = User::login(&app, "grace@example.com", PASSWORD).await;
    // The owner sees it, whoever made it sees that it is there, and nobody sees the maker's or what is inside.
    grace.get(&path).send().await.expect(200);
    let own = admin.tenant_id().await;
    grace.get(&format!("/v1/tenants/{own}")).send().await.problem(404, "not_found");
    stranger.get(&path).send().await.problem(404, "not_found");
    let wallet = grace.wallet("EUR").await;
    admin.get(&format!("/v1/wallets/{wallet}")).send().await.problem(404, "not_found");
    let listed = admin.get("/v1/tenants").send().await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert_eq!(grace.get("/v1/tenants").send().await.json()["data"].as_array().unwrap().len(), 1);
    let update = |body: Value| admin.ask("PATCH", &path).json(body).send();
    assert_eq!(update(json!({ "name": "Lorries" })).await.expect(200).json()["description"], "Lorries.");
    assert_eq!(update(json!({ "description": null })).await.expect(200).json().get("description"), None);
    update(json!({ "tier": "premium" })).await.problem(422, "tier_not_allowed");
    let everyone = User::admin(&app).await.get("/v1/tenants").send().await.expect(200).json();
    assert_eq!(everyone["data"].as_array().unwrap().len(), 4, "the platform's own sees all");
}

#[tokio::test]
async fn a_check_says_what_somebody_may_do_without_trying_it() {
    let app = App::start().await;
    let admin = app.register().await;
    let bob = admin.colleague("user").await;
    let ask = |by: &User<'_>, body: Value| by.post("/v1/permissions/check").json(body).send();
    let both = json!(["wallets:read", "wallets:write"]);
    let own = ask(&bob, json!({ "permissions": both })).await.expect(200).json();
    assert_eq!(own["allowed"], false);
    assert_eq!(own["results"][0], json!({ "permission": "wallets:read", "allowed": true }));
    let of_bob = json!({ "permissions": both, "user_id": bob.id().await });
    assert_eq!(ask(&admin, of_bob).await.expect(200).json(), own);
    let of_admin = json!({ "permissions": both, "user_id": admin.id().await });
    ask(&bob, of_admin.clone()).await.problem(403, "permission_denied");
    ask(&app.register().await, of_admin).await.problem(404, "not_found");
}

/// Two gateways on one database: what one of them changes, the other knows within seconds, whatever it remembers.
#[tokio::test]
async fn what_one_gateway_takes_away_another_on_the_same_database_does_not_let_in() {
    let one = App::start().await;
    let other = one.beside().await;
    let following = std::sync::Arc::clone(&other.gateway);
    let housekeeping = tokio::spawn(async move { following.housekeeping().await });
    let admin = one.register().await;
    let bob = admin.colleague("user").await;
    let client = Client::register(&admin, json!({})).await;
    let grant = client.ask(&other, &[("grant_type", "client_credentials")]).send().await.expect(200);
    let grant = grant.string("/access_token");
    let key = admin.post("/v1/api_keys").json(json!({ "name": "test", "permissions": ["wallets:read"] }));
    let key = key.send().await.expect(201);
    let secret = key.string("/secret");
    // Signed in at one, known at the other; the second time it is remembered there.
    let at_other = async || {
        let ask = || other.get("/v1/wallets");
        let asked = [ask().bearer(&bob.access_token), ask().bearer(&grant), ask().api_key(&secret)];
        let mut statuses = Vec::new();
        for ask in asked {
            statuses.push(ask.send().await.status);
        }
        statuses
    };
    for _ in 0..2 {
        assert_eq!(at_other().await, [200, 200, 200]);
    }
    set_roles(&admin, &bob.id().await, "service", &[]).await.expect(200);
    client.ask_at(&one, "/oauth/revoke", &[("token", &grant)]).send().await.expect(200);
    let path = format!("/v1/api_keys/{}", key.string("/api_key/id"));
    admin.ask("DELETE", &path).send().await.expect(204);
    let changed = std::time::Instant::now();
    while at_other().await != [403, 401, 401] {
        assert!(changed.elapsed().as_secs() < 20, "{:?}", at_other().await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    println!("seen by the other gateway after {} ms", changed.elapsed().as_millis());
    housekeeping.abort();
}
