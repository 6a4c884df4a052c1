//! Clients of the gateway as an authorization server.

use serde_json::{Value, json};

use super::browser::{Browser, field};
use super::{App, Ask, Reply, User};

/// The example of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const REDIRECT: &str = "https://books.example/callback";

/// A registered client.
pub struct Client {
    pub id: String,
    pub secret: String,
}

impl Client {
    /// A confidential client of this user, changed as told.
    pub async fn register(user: &User<'_>, change: Value) -> Self {
        let mut body = json!({
            "name": "Bookkeeper",
            "type": "confidential",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"],
            "redirect_uris": [REDIRECT],
            "scopes": ["wallets:read", "wallets:write"],
        });
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        let reply = user.post("/v1/oauth_clients").json(body).send().await.expect(201);
        let secret = reply.json()["client_secret"].as_str().unwrap_or_default().to_owned();
        Self { id: reply.string("/client/id"), secret }
    }

    /// The query of an authorization request, changed as told.
    pub fn request(&self, change: &[(&str, Option<&str>)]) -> String {
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("scope", "wallets:read"),
            ("state", "s t&te"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in change {
            fields.retain(|(own, _)| own != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        let mut query = url::form_urlencoded::Serializer::new("/oauth/authorize?".to_owned());
        for (name, value) in fields {
            query.append_pair(name, value);
        }
        // The serializer puts `&` before its first pair where the text is not empty.
        query.finish().replacen("?&", "?", 1)
    }

    /// The decision of the person in this browser about a request.
    pub async fn decide(&self, browser: &mut Browser<'_>, request: &str, decision: &str) -> Reply {
        let page = browser.get(request).await.expect(200);
        let (query, token) = (field(&page, "request"), field(&page, "csrf_token"));
        let form = [("request", query.as_str()), ("csrf_token", &token), ("decision", decision)];
        browser.submit("/oauth/authorize", &form).await
    }

    /// A code that the person in this browser agreed to.
    pub async fn code(&self, browser: &mut Browser<'_>) -> String {
        let sent = self.decide(browser, &self.request(&[]), "allow").await.expect(303).sent_with();
        sent.get("code").unwrap_or_else(|| panic!("{sent:?}")).clone()
    }

    /// A question of this client to the token endpoint.
    pub fn ask(&self, app: &App, fields: &[(&str, &str)]) -> Ask {
        self.ask_at(app, "/oauth/token", fields)
    }

    pub fn ask_at(&self, app: &App, path: &str, fields: &[(&str, &str)]) -> Ask {
        let ask = app.post(path);
        match self.secret.is_empty() {
            true => ask.form(&[fields, &[("client_id", self.id.as_str())]].concat()),
            false => ask.form(fields).basic(&self.id, &self.secret),
        }
    }

    pub async fn exchange(&self, app: &App, code: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.ask(app, &fields).send().await
    }

    /// Tokens that the person in this browser agreed to.
    pub async fn tokens(&self, browser: &mut Browser<'_>) -> Value {
        let code = self.code(browser).await;
        self.exchange(browser.app, &code).await.expect(200).json()
    }

    pub async fn refresh(&self, app: &App, token: &str) -> Reply {
        self.ask(app, &[("grant_type", "refresh_token"), ("refresh_token", token)]).send().await
    }
}
