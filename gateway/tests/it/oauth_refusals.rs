//! What is wrong with a request is refused with the RFC's own word, one by one.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::browser::{Browser, field};
use crate::support::oauth::{CHALLENGE, Client, REDIRECT, VERIFIER};
use crate::support::{App, Reply};

async fn sql(app: &App, statement: &'static str) {
    let mut tx = app.tamper().await;
    sqlx::query(statement).execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
}

#[tokio::test]
async fn a_request_that_names_no_client_or_an_address_of_nobody_goes_nowhere() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    for change in [
        ("client_id", None),
        ("client_id", Some("")),
        ("client_id", Some("ocl_00000000000000000000000000000000")),
        ("redirect_uri", Some("https://evil.example/callback")),
        ("redirect_uri", Some("https://books.example/callback/")),
        ("redirect_uri", Some("https://books.example/callback?x=1")),
        ("redirect_uri", Some("javascript:alert(1)")),
    ] {
        let page = browser.get(&client.request(&[change])).await.expect(400);
        assert_eq!(page.header("location"), None, "{page}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page}");
    }
}

#[tokio::test]
async fn everything_else_goes_back_to_the_client_with_its_state() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let itself = json!({"grant_types": ["client_credentials"], "redirect_uris": null});
    assert!(!Client::register(&user, itself).await.id.is_empty());
    let mut browser = Browser::signed_in(&user).await;
    for (change, error) in [
        (("response_type", Some("token")), "unsupported_response_type"),
        (("response_type", Some("code token")), "unsupported_response_type"),
        (("response_type", None), "invalid_request"),
        (("code_challenge", None), "invalid_request"),
        (("code_challenge", Some("short")), "invalid_request"),
        (("code_challenge_method", None), "invalid_request"),
        (("code_challenge_method", Some("plain")), "invalid_request"),
        (("scope", Some("payments:read")), "invalid_scope"),
        (("scope", Some("*")), "invalid_scope"),
        (("scope", Some("wallets:read nonsense")), "invalid_scope"),
    ] {
        let reply = browser.get(&client.request(&[change])).await.expect(303);
        assert!(reply.header("location").unwrap().starts_with(REDIRECT), "{reply}");
        let sent = reply.sent_with();
        assert_eq!(sent["error"], error, "{change:?}");
        assert_eq!(
            (sent["state"].as_str(), sent["iss"].as_str()),
            ("s t&te", format!("http://{}", app.address).as_str())
        );
    }
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused() {
    let app = App::start().await;
    let client = Client::register(&app.register().await, json!({})).await;
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    client.ask(&app, &twice).send().await.refusal(400, "invalid_request");
    let request = format!("{}&client_id={}", client.request(&[]), client.id);
    assert_eq!(app.get(&request).send().await.status, 422);
}

#[tokio::test]
async fn a_code_is_refused_when_it_is_wrong_expired_used_or_foreign() {
    let app = App::start().await;
    let user = app.register().await;
    let (client, other) =
        (Client::register(&user, json!({})).await, Client::register(&user, json!({})).await);
    let mut browser = Browser::signed_in(&user).await;
    client.exchange(&app, "nonsense").await.refusal(400, "invalid_grant");
    let code = client.code(&mut browser).await;
    other.exchange(&app, &code).await.refusal(400, "invalid_grant");
    let tokens = client.exchange(&app, &code).await.expect(200);
    client.exchange(&app, &code).await.refusal(400, "invalid_grant");
    let asked = app.get("/v1/wallets").bearer(&tokens.string("/access_token"));
    asked.send().await.problem(401, "unauthenticated");
    client.refresh(&app, &tokens.string("/refresh_token")).await.refusal(400, "invalid_grant");
    let late = client.code(&mut browser).await;
    sql(&app, "UPDATE oauth_codes SET expires_at = 1").await;
    client.exchange(&app, &late).await.refusal(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_refused_with_another_verifier_or_address() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let mut browser = Browser::signed_in(&user).await;
    let code = client.code(&mut browser).await;
    let other = "a".repeat(43);
    for (redirect, verifier, error) in [
        (Some(REDIRECT), Some(other.as_str()), "invalid_grant"),
        (Some(REDIRECT), Some(CHALLENGE), "invalid_grant"),
        (Some(REDIRECT), Some("short"), "invalid_grant"),
        (Some(REDIRECT), None, "invalid_request"),
        (Some("https://evil.example/"), Some(VERIFIER), "invalid_grant"),
        (None, Some(VERIFIER), "invalid_grant"),
    ] {
        let mut fields = vec![("grant_type", "authorization_code"), ("code", &code)];
        fields.extend(redirect.map(|redirect| ("redirect_uri", redirect)));
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        client.ask(&app, &fields).send().await.refusal(400, error);
    }
    client.exchange(&app, &code).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_refused_when_it_is_wrong_expired_or_foreign() {
    let app = App::start().await;
    let user = app.register().await;
    let (client, other) =
        (Client::register(&user, json!({})).await, Client::register(&user, json!({})).await);
    let mut browser = Browser::signed_in(&user).await;
    let tokens = client.tokens(&mut browser).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    client.refresh(&app, "nonsense").await.refusal(400, "invalid_grant");
    other.refresh(&app, refresh).await.refusal(400, "invalid_grant");
    client.refresh(&app, &user.refresh_token).await.refusal(400, "invalid_grant");
    sql(&app, "UPDATE oauth_refresh_tokens SET expires_at = 1").await;
    client.refresh(&app, refresh).await.refusal(400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_is_not_itself_is_refused() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let grant = [("grant_type", "client_credentials")];
    for ask in [
        app.post("/oauth/token").form(&grant),
        app.post("/oauth/token").form(&grant).basic(&client.id, "wps_wrong"),
        app.post("/oauth/token").form(&grant).basic("ocl_unknown", &client.secret),
        app.post("/oauth/token").form(&grant).header("Authorization", "Basic %%%"),
        app.post("/oauth/token").form(&grant).bearer(&user.access_token),
        app.post("/oauth/token").form(&[grant[0], ("client_id", &client.id)]),
    ] {
        let reply = ask.send().await.refusal(401, "invalid_client");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Basic"), "{reply}");
    }
}

#[tokio::test]
async fn a_grant_that_a_client_has_not_or_that_is_none_is_refused() {
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({"grant_types": ["authorization_code"]})).await;
    for (grant, error) in [
        ("client_credentials", "unauthorized_client"),
        ("refresh_token", "unauthorized_client"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
    ] {
        client.ask(&app, &[("grant_type", grant)]).send().await.refusal(400, error);
    }
    client.ask(&app, &[]).send().await.refusal(400, "invalid_request");
    client.ask_at(&app, "/oauth/device_authorization", &[]).send().await.refusal(400, "unauthorized_client");
    let all = Client::register(&user, json!({})).await;
    for (grant, missing) in [("authorization_code", "code"), ("refresh_token", "refresh_token")] {
        let reply = all.ask(&app, &[("grant_type", grant)]).send().await.refusal(400, "invalid_request");
        assert!(reply.text().contains(missing), "{reply}");
    }
    let asked = all.ask(&app, &[("grant_type", "client_credentials"), ("scope", "payments:read")]);
    asked.send().await.refusal(400, "invalid_scope");
}

#[tokio::test]
async fn json_is_no_form() {
    let app = App::start().await;
    let reply = app.post("/oauth/token").json(json!({"grant_type": "client_credentials"})).send().await;
    reply.refusal(400, "invalid_request");
}

/// A client that signs, and what it signs with.
async fn signing(app: &App) -> (Client, EncodingKey) {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([9; 32]);
    let key = EncodingKey::from_ed_der(&der);
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
    let mut public = serde_json::to_value(public).unwrap();
    public["kid"] = "k1".into();
    let change = json!({"authentication": "private_key_jwt", "jwks": {"keys": [public]}});
    (Client::register(&app.register().await, change).await, key)
}

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
        .unwrap()
}

async fn assert_with(app: &App, token: String) -> Reply {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields =
        [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", &token)];
    app.post("/oauth/token").form(&fields).send().await
}

fn header(algorithm: Algorithm, kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) }
}

#[tokio::test]
async fn an_assertion_is_good_once_and_only_if_all_of_it_is_right() {
    let app = App::start().await;
    let (client, key) = signing(&app).await;
    let audience = format!("http://{}/oauth/token", app.address);
    let claims = |jti: &str| json!({"iss": client.id, "sub": client.id, "aud": audience, "jti": jti, "exp": now() + 60, "iat": now()});
    let signed =
        |claims: &Value| jsonwebtoken::encode(&header(Algorithm::EdDSA, "k1"), claims, &key).unwrap();
    let good = signed(&claims("1"));
    assert_with(&app, good.clone()).await.expect(200);
    assert_with(&app, good).await.refusal(401, "invalid_client");
    let mut issuer = claims("2");
    issuer["aud"] = json!(format!("http://{}", app.address));
    assert_with(&app, signed(&issuer)).await.expect(200);
    for (index, (name, value)) in [
        ("aud", json!("https://other.example")),
        ("iss", json!("ocl_other")),
        ("exp", json!(now() - 61)),
        ("exp", json!(now() + 7_200)),
        ("nbf", json!(now() + 90)),
        ("iat", json!(now() + 90)),
        ("jti", json!("")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wrong = claims(&format!("w{index}"));
        wrong[name] = value;
        assert_with(&app, signed(&wrong)).await.refusal(401, "invalid_client");
    }
    let mut skewed = claims("3");
    skewed["exp"] = json!(now() - 30);
    assert_with(&app, signed(&skewed)).await.expect(200);
}

#[tokio::test]
async fn an_assertion_that_is_signed_otherwise_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let app = App::start().await;
    let (client, key) = signing(&app).await;
    let audience = format!("http://{}/oauth/token", app.address);
    let claims = json!({"iss": client.id, "sub": client.id, "aud": audience, "jti": "1", "exp": now() + 60});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "kid": "k1"})), part(&claims));
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap();
    let public = serde_json::to_value(public).unwrap()["x"].as_str().unwrap().to_owned();
    let raw = URL_SAFE_NO_PAD.decode(public).unwrap();
    let confused =
        jsonwebtoken::encode(&header(Algorithm::HS256, "k1"), &claims, &EncodingKey::from_secret(&raw))
            .unwrap();
    let unknown = jsonwebtoken::encode(&header(Algorithm::EdDSA, "k2"), &claims, &key).unwrap();
    for token in [unsigned, confused, unknown] {
        assert_with(&app, token).await.refusal(401, "invalid_client");
    }
    // A client that signs is not taken without, nor with a secret that it never had.
    let grant = [("grant_type", "client_credentials")];
    app.post("/oauth/token").form(&grant).basic(&client.id, "").send().await.refusal(401, "invalid_client");
}

#[tokio::test]
async fn a_token_of_another_kind_issuer_or_key_opens_nothing() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let app = App::start().await;
    let user = app.register().await;
    let client = Client::register(&user, json!({})).await;
    let tokens = client.ask(&app, &[("grant_type", "client_credentials")]).send().await.expect(200);
    let access = tokens.string("/access_token");
    let parts: Vec<&str> = access.split('.').collect();
    let decode =
        |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, claims) = (decode(parts[0]), decode(parts[1]));
    let mut unsigned = head.clone();
    unsigned["alg"] = json!("none");
    let mut widened = claims.clone();
    widened["scope"] = json!("*");
    let keys = app.get("/.well-known/jwks.json").send().await.expect(200).json();
    let public = URL_SAFE_NO_PAD.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let kid = head["kid"].as_str().unwrap();
    let mut confused = header(Algorithm::HS256, kid);
    confused.typ = Some("at+jwt".into());
    let other = App::start().await;
    let stranger = other.register().await;
    let foreign = Client::register(&stranger, json!({})).await;
    let foreign = foreign.ask(&other, &[("grant_type", "client_credentials")]).send().await.expect(200);
    for token in [
        format!("{}.{}.", part(&unsigned), parts[1]),
        format!("{}.{}.{}", parts[0], part(&widened), parts[2]),
        jsonwebtoken::encode(&confused, &claims, &EncodingKey::from_secret(&public)).unwrap(),
        foreign.string("/access_token"),
        tokens.string("/access_token").replace('.', ""),
    ] {
        app.get("/v1/wallets").bearer(&token).send().await.problem(401, "unauthenticated");
    }
    app.get("/v1/wallets").bearer(&access).send().await.expect(200);
    let refresh = client.tokens(&mut Browser::signed_in(&user).await).await["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    app.get("/v1/wallets").bearer(&refresh).send().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_form_of_another_page_session_or_site_does_not_count() {
    let app = App::start().await;
    let (user, stranger) = (app.register().await, app.register().await);
    let client = Client::register(&user, json!({})).await;
    let (mut browser, mut other) = (Browser::signed_in(&user).await, Browser::signed_in(&stranger).await);
    let request = client.request(&[]);
    let page = browser.get(&request).await.expect(200);
    let (query, token) = (field(&page, "request"), field(&page, "csrf_token"));
    let form = [("request", query.as_str()), ("csrf_token", token.as_str()), ("decision", "allow")];
    other.submit("/oauth/authorize", &form).await.expect(403);
    for site in ["cross-site", "same-site", "none"] {
        browser.send("POST", "/oauth/authorize", site, &form).await.expect(403);
    }
    let more = query.replace("wallets%3Aread", "wallets%3Awrite");
    assert_ne!(more, query);
    browser.submit("/oauth/authorize", &[("request", more.as_str()), form[1], form[2]]).await.expect(403);
    browser.submit("/oauth/authorize", &[form[0], form[2]]).await.expect(403);
    browser.submit("/oauth/authorize", &form).await.expect(303);
}
