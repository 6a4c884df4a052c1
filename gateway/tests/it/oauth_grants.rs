//! Each grant, from the question to a token that works.

use serde_json::{Value, json};

use crate::support::browser::{Browser, field};
use crate::support::oauth::{Client, REDIRECT, VERIFIER};
use crate::support::{App, User};

fn text<'v>(tokens: &'v Value, name: &str) -> &'v str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

#[tokio::test]
async fn a_person_agrees_and_the_client_gets_tokens_that_work() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let page = browser.get(&client.request(&[])).await.expect(200);
    assert!(page.text().contains("Bookkeeper") && page.text().contains("wallets:read"), "{page}");
    let sent = client.decide(&mut browser, &client.request(&[]), "allow").await.expect(303);
    assert!(sent.header("location").unwrap().starts_with(&format!("{REDIRECT}?")), "{sent}");
    let sent = sent.sent_with();
    assert_eq!(sent["state"], "s t&te");
    assert_eq!(sent["iss"], format!("http://{}", app.address));
    let tokens = client.exchange(&app, &sent["code"]).await.expect(200).json();
    assert_eq!((text(&tokens, "token_type"), text(&tokens, "scope")), ("Bearer", "wallets:read"));
    let access = text(&tokens, "access_token");
    app.get("/v1/wallets").bearer(access).send().await.expect(200);
    let wallet = app.post("/v1/wallets").bearer(access).json(json!({"currency": "EUR"}));
    wallet.send().await.problem(403, "permission_denied");
    let me = app.get("/v1/auth/me").bearer(access).send().await.expect(200).json();
    assert_eq!((me["credential"].as_str(), &me["permissions"]), (Some("oauth"), &json!(["wallets:read"])));
}

#[tokio::test]
async fn a_person_who_is_not_signed_in_signs_in_and_comes_back_to_the_question() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.request(&[])).await.expect(200);
    let (token, back) = (field(&page, "csrf_token"), field(&page, "return_to"));
    let form = [
        ("email", user.email.as_str()),
        ("password", crate::support::user::PASSWORD),
        ("csrf_token", &token),
        ("return_to", &back),
    ];
    let sent = browser.submit("/oauth/sign_in", &form).await.expect(303);
    let consent = browser.get(sent.header("location").unwrap()).await.expect(200);
    assert!(consent.text().contains("Bookkeeper"), "{consent}");
    assert_eq!(url::form_urlencoded::parse(field(&consent, "request").as_bytes()).count(), 7);
}

#[tokio::test]
async fn a_person_who_says_no_is_sent_back_with_that() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    for decision in ["deny", "", "ALLOW"] {
        let sent = client.decide(&mut browser, &client.request(&[]), decision).await.expect(303).sent_with();
        assert_eq!((sent["error"].as_str(), sent["state"].as_str()), ("access_denied", "s t&te"));
        assert!(!sent.contains_key("code"));
    }
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_the_family() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let first = client.tokens(&mut browser).await;
    let second = client.refresh(&app, text(&first, "refresh_token")).await.expect(200).json();
    assert_ne!(text(&first, "refresh_token"), text(&second, "refresh_token"));
    for tokens in [&first, &second] {
        app.get("/v1/wallets").bearer(text(tokens, "access_token")).send().await.expect(200);
    }
    client.refresh(&app, text(&first, "refresh_token")).await.refusal(400, "invalid_grant");
    client.refresh(&app, text(&second, "refresh_token")).await.refusal(400, "invalid_grant");
    for tokens in [&first, &second] {
        let asked = app.get("/v1/wallets").bearer(text(tokens, "access_token"));
        asked.send().await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_not_for_more() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let request = client.request(&[("scope", Some("wallets:read wallets:write"))]);
    let sent = client.decide(&mut browser, &request, "allow").await.expect(303).sent_with();
    let tokens = client.exchange(&app, &sent["code"]).await.expect(200).json();
    let with = |scope: &'static str, token: String| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", scope)];
        client.ask(&app, &fields)
    };
    let more = with("payments:read", text(&tokens, "refresh_token").to_owned());
    more.send().await.refusal(400, "invalid_scope");
    let less =
        with("wallets:read", text(&tokens, "refresh_token").to_owned()).send().await.expect(200).json();
    assert_eq!(text(&less, "scope"), "wallets:read");
    let wallet = app.post("/v1/wallets").bearer(text(&less, "access_token")).json(json!({"currency": "EUR"}));
    wallet.send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let tokens = client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200).json();
    assert_eq!(text(&tokens, "scope"), "wallets:read wallets:write");
    assert!(tokens.get("refresh_token").is_none(), "RFC 6749, section 4.4.3");
    let wallet =
        app.post("/v1/wallets").bearer(text(&tokens, "access_token")).json(json!({"currency": "EUR"}));
    let id = wallet.send().await.expect(201).string("/id");
    user.get(&format!("/v1/wallets/{id}")).send().await.expect(200);
}

#[tokio::test]
async fn a_client_proves_itself_by_the_form_as_well_as_by_the_header() {
    let app = App::start().await;
    let client = Client::register(&app.register().await, json!({})).await;
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
    ];
    app.post("/oauth/token").form(&fields).send().await.expect(200);
    // Unknown parameters are ignored and empty ones are as absent (RFC 6749, section 3.2).
    fields.extend([("resource", "https://x.example"), ("scope", "")]);
    app.post("/oauth/token").form(&fields).send().await.expect(200);
    app.post("/oauth/token")
        .form(&fields)
        .basic(&client.id, &client.secret)
        .send()
        .await
        .refusal(400, "invalid_request");
}

#[tokio::test]
async fn a_public_client_is_bound_by_its_verifier() {
    let app = App::start().await;
    let user = app.register().await;
    let change = json!({"type": "public", "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": ["http://127.0.0.1/cb"]});
    let client = Client::register(&user, change).await;
    let mut browser = Browser::signed_in(&user).await;
    // The port is the one that the program got (RFC 8252, section 7.3).
    let request = client.request(&[("redirect_uri", Some("http://127.0.0.1:49152/cb"))]);
    let sent = client.decide(&mut browser, &request, "allow").await.expect(303);
    assert!(sent.header("location").unwrap().starts_with("http://127.0.0.1:49152/cb?"), "{sent}");
    let code = sent.sent_with()["code"].clone();
    let with = |redirect: &'static str| {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect),
            ("code_verifier", VERIFIER),
        ];
        client.ask(&app, &fields)
    };
    with("http://127.0.0.1/cb").send().await.refusal(400, "invalid_grant");
    let tokens = with("http://127.0.0.1:49152/cb").send().await.expect(200).json();
    client.refresh(&app, text(&tokens, "refresh_token")).await.expect(200);
}

async fn device(app: &App, client: &Client) -> Value {
    client
        .ask_at(app, "/oauth/device_authorization", &[("scope", "wallets:read")])
        .send()
        .await
        .expect(200)
        .json()
}

/// What the person decides about the device with this code.
async fn decide(browser: &mut Browser<'_>, user_code: &str, decision: &str) -> crate::support::Reply {
    let page = browser.get("/oauth/device").await.expect(200);
    let form = [("user_code", user_code), ("csrf_token", &field(&page, "csrf_token"))];
    let asked = browser.submit("/oauth/device", &form).await;
    if asked.status != 200 {
        return asked;
    }
    let (code, token) = (field(&asked, "user_code"), field(&asked, "csrf_token"));
    browser
        .submit("/oauth/device", &[("user_code", &code), ("csrf_token", &token), ("decision", decision)])
        .await
}

/// Lets the device ask again at once.
async fn wait(app: &App) {
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE oauth_device_codes SET asked_at = NULL").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
}

fn poll(app: &App, client: &Client, device: &Value) -> crate::support::Ask {
    let code = text(device, "device_code");
    client.ask(app, &[("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code)])
}

#[tokio::test]
async fn a_device_waits_for_the_person_and_gets_tokens_once() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let device = device(&app, &client).await;
    poll(&app, &client, &device).send().await.refusal(400, "authorization_pending");
    poll(&app, &client, &device).send().await.refusal(400, "slow_down");
    let mut browser = Browser::signed_in(&user).await;
    let typed = text(&device, "user_code").to_lowercase().replace('-', " ");
    decide(&mut browser, &typed, "allow").await.expect(200);
    wait(&app).await;
    let tokens = poll(&app, &client, &device).send().await.expect(200).json();
    app.get("/v1/wallets").bearer(text(&tokens, "access_token")).send().await.expect(200);
    client.refresh(&app, text(&tokens, "refresh_token")).await.expect(200);
    wait(&app).await;
    poll(&app, &client, &device).send().await.refusal(400, "invalid_grant");
    assert_eq!(decide(&mut browser, &typed, "allow").await.status, 400, "a code is decided on once");
}

#[tokio::test]
async fn a_device_is_told_of_a_no_of_its_end_and_of_a_stranger() {
    let app = App::start().await;
    let user = app.register().await;
    let (client, other) =
        (Client::register(&user, json!({})).await, Client::register(&user, json!({})).await);
    let mut browser = Browser::signed_in(&user).await;
    let denied = device(&app, &client).await;
    decide(&mut browser, text(&denied, "user_code"), "deny").await.expect(200);
    poll(&app, &client, &denied).send().await.refusal(400, "access_denied");
    let foreign = device(&app, &client).await;
    poll(&app, &other, &foreign).send().await.refusal(400, "invalid_grant");
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE oauth_device_codes SET expires_at = 1").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    poll(&app, &client, &foreign).send().await.refusal(400, "expired_token");
    assert_eq!(decide(&mut browser, text(&foreign, "user_code"), "allow").await.status, 400);
}

#[tokio::test]
async fn user_codes_cannot_be_guessed_at() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let device = device(&app, &client).await;
    let mut browser = Browser::signed_in(&user).await;
    for _ in 0..10 {
        assert_eq!(decide(&mut browser, "BBBB-BBBB", "allow").await.status, 400);
    }
    assert_eq!(
        decide(&mut browser, text(&device, "user_code"), "allow").await.status,
        429,
        "not even the right one now"
    );
}

async fn introspect(app: &App, client: &Client, token: &str) -> Value {
    client.ask_at(app, "/oauth/introspect", &[("token", token)]).send().await.expect(200).json()
}

#[tokio::test]
async fn a_token_is_asked_about_and_revoked() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    for revoked in ["access_token", "refresh_token"] {
        let tokens = client.tokens(&mut browser).await;
        for name in ["access_token", "refresh_token"] {
            let told = introspect(&app, &client, text(&tokens, name)).await;
            assert_eq!(
                (told["active"].as_bool(), told["scope"].as_str()),
                (Some(true), Some("wallets:read"))
            );
            assert_eq!(told["username"].as_str(), Some(user.email.as_str()));
        }
        let fields = [("token", text(&tokens, revoked)), ("token_type_hint", "nonsense")];
        client.ask_at(&app, "/oauth/revoke", &fields).send().await.expect(200);
        for name in ["access_token", "refresh_token"] {
            assert_eq!(
                introspect(&app, &client, text(&tokens, name)).await,
                json!({"active": false}),
                "{name}"
            );
        }
        let asked = app.get("/v1/wallets").bearer(text(&tokens, "access_token"));
        asked.send().await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_of_a_token_and_revokes_nothing() {
    let app = App::start().await;
    let (user, stranger) = (app.register().await, app.register().await);
    let (client, other) =
        (Client::register(&user, json!({})).await, Client::register(&stranger, json!({})).await);
    let mut browser = Browser::signed_in(&user).await;
    let tokens = client.tokens(&mut browser).await;
    for name in ["access_token", "refresh_token"] {
        assert_eq!(introspect(&app, &other, text(&tokens, name)).await, json!({"active": false}));
        other.ask_at(&app, "/oauth/revoke", &[("token", text(&tokens, name))]).send().await.expect(200);
    }
    client.ask_at(&app, "/oauth/revoke", &[("token", "nonsense")]).send().await.expect(200);
    app.get("/v1/wallets").bearer(text(&tokens, "access_token")).send().await.expect(200);
    let public = json!({"type": "public", "grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/"]});
    let public = Client::register(&user, public).await;
    let asked = public.ask_at(&app, "/oauth/introspect", &[("token", text(&tokens, "access_token"))]);
    asked.send().await.refusal(401, "invalid_client");
}

#[tokio::test]
async fn a_changed_role_holds_for_tokens_that_are_out() {
    let app = App::start().await;
    let user: User<'_> = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let sent = client
        .decide(&mut browser, &client.request(&[("scope", Some("wallets:write wallets:read"))]), "allow")
        .await;
    let tokens = client.exchange(&app, &sent.sent_with()["code"]).await.expect(200).json();
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE users SET role = 'user' WHERE email = $1")
        .bind(&user.email)
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit_empty().await.unwrap();
    let refreshed = client.refresh(&app, text(&tokens, "refresh_token")).await.expect(200).json();
    assert_eq!(text(&refreshed, "scope"), "wallets:read", "the token says no more than it is good for");
    let wallet =
        app.post("/v1/wallets").bearer(text(&refreshed, "access_token")).json(json!({"currency": "EUR"}));
    wallet.send().await.problem(403, "permission_denied");
}

#[tokio::test]
async fn a_role_that_is_taken_away_holds_with_the_answer_for_tokens_that_are_out() {
    let app = App::start().await;
    let admin = app.register().await;
    let bob = admin.colleague("service").await;
    let path = format!("/v1/users/{}/roles", bob.id().await);
    let client = Client::register(&admin, json!({})).await;
    let put = async |path: &str, body: Value| admin.ask("PUT", path).json(body).send().await.expect(200);
    let look = async |token: &str| app.get("/v1/wallets").bearer(token).send().await;
    put("/v1/roles/reader", json!({ "permissions": ["wallets:read"] })).await;
    put(&path, json!({ "role": "service", "custom_roles": ["reader"] })).await;
    let mut browser = Browser::signed_in(&bob).await;
    let tokens = client.tokens(&mut browser).await;
    let token = text(&tokens, "access_token");
    // Twice: the second time it is remembered.
    for _ in 0..2 {
        look(token).await.expect(200);
    }
    put("/v1/roles/reader", json!({ "permissions": ["payments:read"] })).await;
    look(token).await.problem(403, "permission_denied");
    put("/v1/roles/reader", json!({ "permissions": ["wallets:read"] })).await;
    look(token).await.expect(200);
    put(&path, json!({ "role": "service", "custom_roles": [] })).await;
    look(token).await.problem(403, "permission_denied");
}

#[tokio::test]
async fn what_a_person_let_a_program_have_does_not_manage_the_person() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({"scopes": ["*"]})).await;
    let mut browser = Browser::signed_in(&user).await;
    let sent =
        client.decide(&mut browser, &client.request(&[("scope", Some("*"))]), "allow").await.sent_with();
    let tokens = client.exchange(&app, &sent["code"]).await.expect(200).json();
    let token = text(&tokens, "access_token");
    app.get("/v1/auth/me").bearer(token).send().await.expect(200);
    let passwords = json!({ "current_password": crate::support::user::PASSWORD, "new_password": "another horse battery" });
    let everywhere = json!({ "everywhere": true });
    for (method, path, body) in [
        ("POST", "/v1/auth/change_password", Some(passwords)),
        ("POST", "/v1/auth/logout", Some(everywhere)),
        ("GET", "/v1/oauth/identities", None),
    ] {
        let ask = app.ask(method, path).bearer(token);
        let ask = match body {
            Some(body) => ask.json(body),
            None => ask,
        };
        ask.send().await.problem(401, "unauthenticated");
    }
    user.get("/v1/auth/me").send().await.expect(200);
}

#[tokio::test]
async fn tokens_are_verified_by_the_published_keys_which_outlive_a_restart() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let tokens = client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200).json();
    let metadata = app.get("/.well-known/oauth-authorization-server").send().await.expect(200).json();
    let issuer = metadata["issuer"].as_str().unwrap().to_owned();
    let keys = app.get("/.well-known/jwks.json").send().await.expect(200);
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let access = text(&tokens, "access_token");
    let header = jsonwebtoken::decode_header(access).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&[&issuer]);
    validation.set_issuer(&[&issuer]);
    let claims = jsonwebtoken::decode::<Value>(access, &key, &validation).unwrap().claims;
    assert_eq!(
        (claims["client_id"].as_str(), claims["sub"].as_str()),
        (Some(client.id.as_str()), Some(client.id.as_str()))
    );
    let before = keys.json();
    let app = app.restart().await;
    assert_eq!(app.get("/.well-known/jwks.json").send().await.expect(200).json(), before);
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_while_its_tokens_live() {
    let app = App::start().await;
    let client = Client::register(&app.register().await, json!({})).await;
    let token = || async {
        let tokens =
            client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200).json();
        let access = text(&tokens, "access_token").to_owned();
        (jsonwebtoken::decode_header(&access).unwrap().kid.unwrap(), access)
    };
    let published = || async {
        let keys = app.get("/.well-known/jwks.json").send().await.expect(200).json();
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let shift = |minutes: i64| {
        let app = &app;
        async move {
            let mut tx = app.tamper().await;
            let by = minutes * 60_000_000;
            let sql = "UPDATE oauth_signing_keys SET active_from = active_from - $1";
            sqlx::query(sql).bind(by).execute(tx.connection()).await.unwrap();
            tx.commit_empty().await.unwrap();
            app.gateway.reload_signing_keys().await.unwrap();
        }
    };
    let (first, old) = token().await;
    app.gateway.rotate_signing_key().await.unwrap();
    assert_eq!(published().await.len(), 2);
    assert_eq!(token().await.0, first, "the new one is published and does not sign yet");
    shift(11).await;
    let (second, new) = token().await;
    assert_ne!(second, first);
    assert_eq!(published().await, [first.clone(), second.clone()]);
    for token in [&old, &new] {
        app.get("/v1/wallets").bearer(token).send().await.expect(200);
    }
    shift(20).await;
    assert_eq!(published().await, [second]);
}
