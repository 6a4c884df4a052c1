//! Signing in with others: a provider on loopback that says what each test wants, the truth or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use waypost_gateway::Config;
use waypost_gateway::config::{Flag, Sources};

use crate::support::browser::Browser;
use crate::support::{App, Reply, User};

/// A provider that answers what it is told to.
#[derive(Clone)]
struct Provider {
    issuer: String,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    /// Put over the claims of the ID token; null takes one away.
    claims: serde_json::Map<String, Value>,
    /// The header's `alg` and `kid`, and what it is signed with.
    header: Option<(Header, EncodingKey)>,
    /// The metadata's issuer, if it lies.
    issuer: Option<String>,
    nonce: String,
    /// What the token endpoint was sent.
    form: HashMap<String, String>,
    /// Instead of tokens.
    refuses: Option<Value>,
    emails: Value,
}

fn key() -> EncodingKey {
    let mut der =
        vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    der.extend([3; 32]);
    EncodingKey::from_ed_der(&der)
}

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs())
        .unwrap()
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { issuer, said: Arc::default() };
        let router =
            Router::new()
                .route("/.well-known/openid-configuration", get(metadata))
                .route("/keys", get(keys))
                .route("/token", post(token))
                .route("/user", get(|| async { Json(json!({"id": 7, "login": "ada", "name": "Ada"})) }))
                .route(
                    "/user/emails",
                    get(|State(own): State<Provider>| async move {
                        Json(own.said.lock().unwrap().emails.clone())
                    }),
                )
                .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    fn says(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap());
    }

    fn claims(&self, claims: Value) {
        self.says(|said| said.claims = claims.as_object().unwrap().clone());
    }
}

async fn metadata(State(own): State<Provider>) -> Json<Value> {
    let issuer = own.said.lock().unwrap().issuer.clone().unwrap_or_else(|| own.issuer.clone());
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{}/authorize", own.issuer),
        "token_endpoint": format!("{}/token", own.issuer), "jwks_uri": format!("{}/keys", own.issuer),
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys() -> Json<Value> {
    let public = jsonwebtoken::jwk::Jwk::from_encoding_key(&key(), Algorithm::EdDSA).unwrap();
    let mut public = serde_json::to_value(public).unwrap();
    public["kid"] = json!("k1");
    Json(json!({"keys": [{"kty": "new", "kid": "k0"}, public]}))
}

async fn token(State(own): State<Provider>, Form(form): Form<HashMap<String, String>>) -> Json<Value> {
    let mut said = own.said.lock().unwrap();
    said.form = form;
    if let Some(refusal) = &said.refuses {
        return Json(refusal.clone());
    }
    let mut claims = json!({
        "iss": own.issuer, "sub": "42", "aud": "us", "exp": now() + 300, "iat": now(), "nonce": said.nonce,
        "email": "ada@example.com", "email_verified": true, "name": "Ada",
    });
    for (name, value) in &said.claims {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let plain = Header { kid: Some("k1".into()), ..Header::new(Algorithm::EdDSA) };
    let (header, key) = said.header.clone().unwrap_or_else(|| (plain, key()));
    Json(
        json!({"access_token": "at", "token_type": "Bearer", "id_token": jsonwebtoken::encode(&header, &claims, &key).unwrap()}),
    )
}

/// A gateway that lets people in with this provider, as `op` (OpenID Connect) and as `github` (plain OAuth 2).
async fn gateway(provider: &Provider) -> App {
    let url = &provider.issuer;
    let flags = [
        ("outbound.allow_networks", "127.0.0.0/8".to_owned()),
        ("outbound.allow_http", "true".to_owned()),
        ("oauth.providers.op.client_id", "us".to_owned()),
        ("oauth.providers.op.client_secret", "secret".to_owned()),
        ("oauth.providers.op.issuer", url.clone()),
        ("oauth.providers.github.client_id", "us".to_owned()),
        ("oauth.providers.github.token_endpoint", format!("{url}/token")),
        ("oauth.providers.github.authorization_endpoint", format!("{url}/authorize")),
        ("oauth.providers.github.api", url.clone()),
    ];
    let flags = flags.map(|(key, value)| Flag { name: key.to_owned(), key: key.to_owned(), value });
    let loaded = Config::load(&Sources { flags: flags.to_vec(), ..Sources::default() }).unwrap().config;
    App::start_with(|config| {
        config.outbound = loaded.outbound;
        config.oauth = loaded.oauth;
    })
    .await
}

/// Begins a sign-in; the provider learns the nonce, as it would from the browser.
async fn begin(browser: &mut Browser<'_>, provider: &Provider, path: &str) -> HashMap<String, String> {
    let site = if path.contains("link") { "same-origin" } else { "cross-site" };
    let sent = browser.send("GET", path, site, &[]).await.expect(303);
    assert!(
        sent.header("location").unwrap().starts_with(&format!("{}/authorize?", provider.issuer)),
        "{sent}"
    );
    let sent = sent.sent_with();
    provider.says(|said| said.nonce = sent.get("nonce").cloned().unwrap_or_default());
    sent
}

async fn back(browser: &mut Browser<'_>, provider: &Provider, name: &str, state: &str) -> Reply {
    let iss = provider.issuer.replace(':', "%3A").replace('/', "%2F");
    browser.get(&format!("/v1/oauth/{name}/callback?code=c0de&state={state}&iss={iss}")).await
}

async fn sign_in(browser: &mut Browser<'_>, provider: &Provider, name: &str) -> Reply {
    let sent = begin(browser, provider, &format!("/v1/oauth/{name}/authorize")).await;
    back(browser, provider, name, &sent["state"]).await
}

async fn accounts(app: &App) -> i64 {
    let count = sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM identities)");
    count.fetch_one(app.inspect()).await.unwrap()
}

#[tokio::test]
async fn somebody_new_gets_an_account_and_is_known_ever_after() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    let listed = app.get("/v1/oauth/providers").send().await.expect(200).json();
    assert_eq!(listed["providers"][1]["name"], "op");
    for _ in 0..2 {
        let mut browser = Browser::new(&app);
        let sent = begin(&mut browser, &provider, "/v1/oauth/op/authorize?return_to=/oauth/device").await;
        assert_eq!(
            (sent["code_challenge_method"].as_str(), sent["scope"].as_str()),
            ("S256", "openid email profile")
        );
        let reply = back(&mut browser, &provider, "op", &sent["state"]).await.expect(303);
        assert_eq!(reply.header("location"), Some("/oauth/device"));
        let form = provider.said.lock().unwrap().form.clone();
        assert_eq!(form["client_secret"], "secret");
        assert!(form["code_verifier"].len() >= 43 && form["redirect_uri"].ends_with("/v1/oauth/op/callback"));
        let page = browser.get("/oauth/sign_in").await.expect(200);
        assert!(page.text().contains("ada@example.com"), "{page}");
    }
    assert_eq!(accounts(&app).await, 2, "one user, one identity");
}

#[tokio::test]
async fn a_state_is_good_once_in_its_own_browser_for_its_own_provider() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    let mut browser = Browser::new(&app);
    let sent = begin(&mut browser, &provider, "/v1/oauth/op/authorize").await;
    let mut other = Browser::new(&app);
    other.get("/oauth/sign_in").await;
    back(&mut other, &provider, "op", &sent["state"]).await.expect(400);
    for wrong in ["", "nonsense"] {
        back(&mut browser, &provider, "op", wrong).await.expect(400);
    }
    back(&mut browser, &provider, "op", &sent["state"]).await.expect(303);
    back(&mut browser, &provider, "op", &sent["state"]).await.expect(400);
    let elsewhere = begin(&mut browser, &provider, "/v1/oauth/op/authorize").await;
    back(&mut browser, &provider, "github", &elsewhere["state"]).await.expect(400);
    let late = begin(&mut browser, &provider, "/v1/oauth/op/authorize").await;
    let mut tx = app.tamper().await;
    sqlx::query("UPDATE sign_in_states SET expires_at = 1").execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    back(&mut browser, &provider, "op", &late["state"]).await.expect(400);
}

#[tokio::test]
async fn a_provider_that_lies_signs_nobody_in_and_makes_no_account() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    for lie in [
        json!({"nonce": "other"}),
        json!({"nonce": null}),
        json!({"iss": "https://evil.example"}),
        json!({"aud": "them"}),
        json!({"exp": now() - 600}),
        json!({"iat": now() + 600}),
        json!({"sub": null}),
        json!({"sub": ""}),
    ] {
        provider.claims(lie.clone());
        let reply = sign_in(&mut Browser::new(&app), &provider, "op").await;
        assert_eq!(reply.status, 502, "{lie}: {reply}");
    }
    provider.claims(json!({}));
    let secret = EncodingKey::from_secret(b"secret");
    let kid = |algorithm, kid: &str| Header { kid: Some(kid.into()), ..Header::new(algorithm) };
    for (header, key) in [(kid(Algorithm::HS256, "k1"), secret), (kid(Algorithm::EdDSA, "k2"), key())] {
        provider.says(|said| said.header = Some((header, key)));
        sign_in(&mut Browser::new(&app), &provider, "op").await.expect(502);
    }
    provider.says(|said| said.header = None);
    provider.says(|said| said.refuses = Some(json!({"error": "invalid_grant"})));
    let reply = sign_in(&mut Browser::new(&app), &provider, "op").await.expect(502);
    assert!(reply.text().contains("invalid_grant"), "{reply}");
    assert_eq!(accounts(&app).await, 0);
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_refused() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    for iss in ["", "&iss=https%3A%2F%2Fevil.example"] {
        let mut browser = Browser::new(&app);
        let sent = begin(&mut browser, &provider, "/v1/oauth/op/authorize").await;
        let path = format!("/v1/oauth/op/callback?code=c&state={}{iss}", sent["state"]);
        browser.get(&path).await.expect(502);
    }
    let mut browser = Browser::new(&app);
    let sent = begin(&mut browser, &provider, "/v1/oauth/op/authorize").await;
    let path = format!("/v1/oauth/op/callback?error=access_denied&state={}", sent["state"]);
    browser.get(&path).await.expect(403);
    assert_eq!(accounts(&app).await, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_or_another_is_told_clearly() {
    let provider = Provider::start().await;
    provider.says(|said| said.issuer = Some("https://evil.example".into()));
    let app = gateway(&provider).await;
    let reply = app.get("/v1/oauth/op/authorize").send().await.expect(502);
    assert!(reply.text().contains("another issuer"), "{reply}");
    let strict = App::start_with(|config| config.oauth = app.gateway.config().oauth.clone()).await;
    let reply = strict.get("/v1/oauth/op/authorize").send().await.expect(502);
    assert!(reply.text().contains("https"), "the guarded client asks no http: {reply}");
    strict.get("/v1/oauth/nobody/authorize").send().await.expect(404);
}

#[tokio::test]
async fn an_address_that_is_not_verified_makes_no_account() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    for claims in [json!({"email_verified": false}), json!({"email_verified": null}), json!({"email": null})]
    {
        provider.claims(claims);
        sign_in(&mut Browser::new(&app), &provider, "op").await.expect(403);
    }
    provider
        .says(|said| said.emails = json!([{"email": "ada@example.com", "primary": true, "verified": false}]));
    sign_in(&mut Browser::new(&app), &provider, "github").await.expect(403);
    assert_eq!(accounts(&app).await, 0);
}

#[tokio::test]
async fn an_account_with_the_same_address_is_linked_by_its_owner_only() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    let user = User::register_as(&app, "ada@example.com", crate::support::user::PASSWORD).await;
    sign_in(&mut Browser::new(&app), &provider, "op").await.expect(409);
    let mut owner = Browser::signed_in(&user).await;
    // Another site cannot begin it.
    owner.send("GET", "/v1/oauth/op/authorize?link=true", "cross-site", &[]).await.expect(403);
    Browser::new(&app).send("GET", "/v1/oauth/op/authorize?link=true", "none", &[]).await.expect(403);
    let sent = begin(&mut owner, &provider, "/v1/oauth/op/authorize?link=true").await;
    back(&mut owner, &provider, "op", &sent["state"]).await.expect(303);
    let listed = user.get("/v1/oauth/identities").send().await.expect(200).json();
    assert_eq!(listed["identities"][0]["provider"], "op");
    sign_in(&mut Browser::new(&app), &provider, "op").await.expect(303);
    // Nobody else links what is linked.
    let other = app.register().await;
    let mut stranger = Browser::signed_in(&other).await;
    let sent = begin(&mut stranger, &provider, "/v1/oauth/op/authorize?link=true").await;
    back(&mut stranger, &provider, "op", &sent["state"]).await.expect(409);
}

#[tokio::test]
async fn the_last_way_to_sign_in_is_not_unlinked() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    let mut browser = Browser::new(&app);
    sign_in(&mut browser, &provider, "op").await.expect(303);
    let list = browser.send("GET", "/v1/oauth/identities", "same-origin", &[]).await.expect(200);
    let path = format!("/v1/oauth/identities/{}", list.string("/identities/0/id"));
    let refused = browser.send("DELETE", &path, "same-origin", &[]).await;
    refused.problem(409, "last_sign_in_method");
    provider
        .says(|said| said.emails = json!([{"email": "ada@example.com", "primary": true, "verified": true}]));
    let sent = begin(&mut browser, &provider, "/v1/oauth/github/authorize?link=true").await;
    back(&mut browser, &provider, "github", &sent["state"]).await.expect(303);
    browser.send("DELETE", &path, "same-origin", &[]).await.expect(204);
    browser.send("DELETE", &path, "same-origin", &[]).await.problem(404, "not_found");
    sign_in(&mut Browser::new(&app), &provider, "github").await.expect(303);
    let user = app.register().await;
    user.ask("DELETE", &path).send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_plain_oauth_provider_is_asked_by_its_api() {
    let provider = Provider::start().await;
    let app = gateway(&provider).await;
    provider
        .says(|said| said.emails = json!([{"email": "ada@example.com", "primary": true, "verified": true}]));
    let mut browser = Browser::new(&app);
    let sent = begin(&mut browser, &provider, "/v1/oauth/github/authorize").await;
    assert!(!sent.contains_key("nonce") && sent["scope"] == "read:user user:email");
    back(&mut browser, &provider, "github", &sent["state"]).await.expect(303);
    assert!(!provider.said.lock().unwrap().form.contains_key("client_secret"), "none was configured");
    let page = browser.get("/oauth/sign_in").await.expect(200);
    assert!(page.text().contains("ada@example.com"), "{page}");
}
