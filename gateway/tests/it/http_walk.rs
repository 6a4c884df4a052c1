//! Every operation of the contract, with the example that the contract gives, against the answer that the contract promises.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::contract::{Contract, Operation};
use crate::support::oauth::Client;
use crate::support::user::PASSWORD;
use crate::support::{App, Ask, User};

#[tokio::test]
async fn every_example_of_the_contract_is_answered_as_the_contract_says() {
    let (app, contract) = (App::start().await, Contract::read());
    let mut wrong = Vec::new();
    // What has no end is told in `events`.
    let walked = |operation: &Operation| !needs_a_browser(&operation.id) && !operation.is_stream();
    for operation in contract.operations().into_iter().filter(walked) {
        let mut world = World::new(&app, operation.clone()).await;
        world.furnish().await;
        let ask = world.ask(&contract).await;
        let reply = ask.send().await;
        if reply.status != operation.status {
            wrong.push(format!("{}: {reply}", operation.id));
            continue;
        }
        for name in operation.headers().into_iter().filter(|name| !when_it_applies(name)) {
            if reply.header(name).is_none() {
                wrong.push(format!("{}: no header {name}", operation.id));
            }
        }
        let media_type = reply.header("content-type").map(|text| text.split(';').next().unwrap().to_owned());
        if let Some(media_type) = &media_type
            && !operation.media_types().contains(&media_type.as_str())
        {
            wrong.push(format!("{}: answered {media_type}", operation.id));
        }
        match media_type.as_deref() {
            Some("application/json") => {
                let errors = contract.check_body(&operation, reply.status, &reply.json());
                wrong.extend(errors.into_iter().map(|error| format!("{}: {error} in {reply}", operation.id)));
            }
            Some(_) => assert!(!reply.body.is_empty(), "{reply}"),
            None => assert!([204, 303].contains(&reply.status), "{reply}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What has no answer of its own without cookies, or without a provider: told in `browser`, `oauth_grants` and `oauth_sign_in`.
fn needs_a_browser(id: &str) -> bool {
    ["oauth_authorize", "oauth_callback", "oauth_decide", "oauth_sign_in_submit"].contains(&id)
}

/// Headers that an answer has only in some states.
fn when_it_applies(name: &str) -> bool {
    ["Deprecation", "Sunset", "Link", "Retry-After", "Idempotency-Replayed"].contains(&name)
        // Limits are off in these tests; they have their own.
        || name.contains("RateLimit")
}

#[tokio::test]
async fn problems_have_the_form_that_the_contract_says() {
    let (app, contract) = (App::start().await, Contract::read());
    let operations = contract.operations();
    let credit = operations.iter().find(|operation| operation.id == "wallets_credit").unwrap();
    let user = app.register().await;
    let path = "/v1/wallets/nonsense/credit?x=1";
    for ask in [
        app.post(path),
        user.post(path),
        user.post(path).json(json!({ "amount": "1", "colour": "red" })),
        user.post(path).header("Content-Type", "application/json").body("{"),
    ] {
        let reply = ask.send().await;
        assert!(reply.status >= 400, "{reply}");
        assert_eq!(contract.check_body(credit, reply.status, &reply.json()), Vec::<String>::new(), "{reply}");
    }
}

#[tokio::test]
async fn an_alias_answers_like_the_path_that_it_stands_for() {
    let (app, contract) = (App::start().await, Contract::read());
    let mut aliases = 0;
    for operation in contract.operations() {
        for alias in operation.aliases() {
            aliases += 1;
            let reply = app.ask(&operation.method, alias).send().await.expect(operation.status);
            assert_eq!(contract.check_body(&operation, reply.status, &reply.json()), Vec::<String>::new());
        }
    }
    assert_eq!(aliases, 5);
}

/// Whether an operation is about the data plane.
fn is_platform(operation: &Operation) -> bool {
    let area = operation.id.split('_').next().unwrap();
    ["services", "routes", "breakers", "rate", "versions", "config", "analytics"].contains(&area)
}

/// One operation's surroundings: what its example names exists.
pub struct World<'a> {
    pub user: User<'a>,
    operation: Operation,
    /// Identifiers of the example, and the real ones that stand for them.
    pub real: HashMap<String, String>,
    /// The secret of the client that was made.
    client_secret: Mutex<String>,
}

impl<'a> World<'a> {
    pub async fn new(app: &'a App, operation: Operation) -> Self {
        // What is the whole platform's is for an administrator.
        let for_operators = is_platform(&operation) || operation.permission() == Some("realtime:write");
        let user = if for_operators { User::admin(app).await } else { app.register().await };
        Self { user, operation, real: HashMap::new(), client_secret: Mutex::default() }
    }

    /// Brings the data plane, which all share, to what the operation's example takes for granted: the service and the route of the story, or neither.
    pub async fn furnish(&self) {
        if !is_platform(&self.operation) {
            return;
        }
        let mut config = serde_json::Map::new();
        let has = |ids: &[&str]| ids.contains(&self.operation.id.as_str());
        if !has(&["services_create"]) {
            config
                .insert("services".to_owned(), json!({ "orders": { "targets": ["http://127.0.0.1:9001"] } }));
        }
        if !has(&["services_create", "services_delete", "routes_create"]) {
            let route =
                json!({ "name": "orders", "match": { "path": "/api/orders/*" }, "service": "orders" });
            config.insert("routes".to_owned(), json!([route]));
        }
        let body = json!({ "config": config });
        self.user.ask("PUT", "/v1/config").json(body).send().await.expect(200);
    }

    /// The operation's example, in terms of things that exist.
    pub async fn ask(&mut self, contract: &Contract) -> Ask {
        if self.operation.id == "roles_get" {
            let role = json!({ "permissions": ["wallets:read"] });
            self.user.ask("PUT", "/v1/roles/bookkeeper").json(role).send().await.expect(200);
        }
        let mut path = self.operation.path.clone();
        let mut query = Vec::new();
        for parameter in contract.parameters(&self.operation) {
            let (name, example) = (parameter["name"].as_str().unwrap(), parameter.get("example").cloned());
            match (parameter["in"].as_str().unwrap(), example) {
                ("path", example) => {
                    let real = self.real(example.expect("a path parameter has an example")).await;
                    path = path.replace(&format!("{{{name}}}"), real.as_str().unwrap());
                }
                ("query", Some(example)) => {
                    let values = match self.real(example).await {
                        Value::Array(values) => values,
                        one => vec![one],
                    };
                    for value in values {
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        query.push(format!("{name}={text}"));
                    }
                }
                _ => {}
            }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let body = match self.operation.request().map(|(_, example)| example.clone()) {
            Some(example) => Some(self.body(example).await),
            None => None,
        };
        let mut ask = if self.operation.is_guarded() {
            self.user.ask(&self.operation.method, &path)
        } else {
            self.user.app.ask(&self.operation.method, &path)
        };
        let media_type = self.operation.request().map(|(media_type, _)| media_type);
        match (body, media_type) {
            (Some(body), Some("application/x-www-form-urlencoded")) => {
                let fields: Vec<_> = body
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                    .collect();
                ask = ask.form(&fields);
            }
            (Some(body), _) => ask = ask.json(body),
            (None, _) => {}
        }
        if self.operation.method == "POST" { ask.key("walk") } else { ask }
    }

    /// The body's example. What only this user can know is put in.
    async fn body(&mut self, example: Value) -> Value {
        let mut body = self.real(example).await;
        for (field, value) in
            [("refresh_token", self.user.refresh_token.clone()), ("current_password", PASSWORD.to_owned())]
        {
            if body.get(field).is_some() {
                body[field] = value.into();
            }
        }
        if body.get("client_secret").is_some() {
            body["client_secret"] = self.client_secret.lock().unwrap().clone().into();
        }
        if self.operation.id == "auth_login" {
            body["email"] = self.user.email.clone().into();
            body["password"] = PASSWORD.into();
        }
        body
    }

    /// A value in which every identifier is one of something that exists.
    async fn real(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => match self.real.get(&text) {
                Some(real) => real.clone().into(),
                None => match text.split_once('_').map(|(prefix, rest)| (prefix, rest.len())) {
                    Some((
                        prefix @ ("wal" | "txn" | "pay" | "ses" | "key" | "usr" | "ten" | "stk" | "ocl"
                        | "idn" | "evt" | "med" | "clm"),
                        32,
                    )) => {
                        let real = self.make(prefix).await;
                        self.real.insert(text, real.clone());
                        real.into()
                    }
                    _ => text.into(),
                },
            },
            Value::Object(fields) => {
                let mut real = serde_json::Map::new();
                for (name, value) in fields {
                    real.insert(name, Box::pin(self.real(value)).await);
                }
                real.into()
            }
            Value::Array(values) => {
                let mut real = Vec::new();
                for value in values {
                    real.push(Box::pin(self.real(value)).await);
                }
                real.into()
            }
            other => other,
        }
    }

    /// Something of this kind, in the state that the operation asks for.
    async fn make(&self, prefix: &str) -> String {
        let user = &self.user;
        match (prefix, self.operation.id.as_str()) {
            ("wal", "wallets_close") => user.wallet("EUR").await,
            ("wal", "wallets_unfreeze") => {
                let wallet = user.funded("EUR", 100_000).await;
                user.post(&format!("/v1/wallets/{wallet}/freeze")).json(json!({})).send().await.expect(200);
                wallet
            }
            ("wal", _) => user.funded("EUR", 100_000).await,
            ("txn", _) => {
                let wallet = user.wallet("EUR").await;
                user.credit(&wallet, 100).await["id"].as_str().unwrap().to_owned()
            }
            ("pay", operation) => {
                let method = if operation == "payments_refund" { "automatic" } else { "manual" };
                let payment = json!({
                    "payer_wallet_id": user.funded("EUR", 100_000).await,
                    "amount": 4_000,
                    "currency": "EUR",
                    "destination": { "type": "external", "reference": "INV-1" },
                    "capture_method": method,
                });
                user.post("/v1/payments").json(payment).send().await.expect(201).string("/id")
            }
            ("med", _) => {
                let card = json!({ "holder_name": "Ada", "plan": "basic", "currency": "EUR", "coverage_limit": 500_000 });
                user.post("/v1/medcards").json(card).send().await.expect(201).string("/id")
            }
            ("clm", _) => {
                let claim = json!({ "medcard_id": Box::pin(self.make("med")).await, "amount": 12_000 });
                user.post("/v1/claims").json(claim).send().await.expect(201).string("/id")
            }
            ("ses", _) => User::login(user.app, &user.email, PASSWORD).await.session_id,
            ("key", _) => {
                let key = json!({ "name": "walk", "permissions": ["wallets:read"] });
                user.post("/v1/api_keys").json(key).send().await.expect(201).string("/api_key/id")
            }
            ("ocl", _) => {
                let client = Client::register(user, json!({})).await;
                *self.client_secret.lock().unwrap() = client.secret;
                client.id
            }
            ("idn", _) => {
                let mut tx = user.app.tamper().await;
                let insert = "INSERT INTO identities (id, tenant_id, user_id, provider, subject, created_at)
                    SELECT 'idn_' || SUBSTR(id, 5), tenant_id, id, 'github', id, 1 FROM users WHERE email = $1 RETURNING id";
                let id: String =
                    sqlx::query_scalar(insert).bind(&user.email).fetch_one(tx.connection()).await.unwrap();
                tx.commit_empty().await.unwrap();
                id
            }
            ("usr", "users_remove") => user.colleague("user").await.id().await,
            ("evt", _) => {
                user.wallet("EUR").await;
                user.get("/v1/events?type=wallet.created").send().await.expect(200).string("/data/0/id")
            }
            ("usr", _) => user.id().await,
            ("ten", _) => {
                let owner = json!({ "email": format!("owner-of-{}", user.email), "name": "Grace", "password": PASSWORD });
                let tenant = json!({ "name": "Logistics", "owner": owner });
                user.post("/v1/tenants").json(tenant).send().await.expect(201).string("/id")
            }
            ("stk", _) => {
                let token = json!({ "name": "walk", "permissions": ["wallets:read"] });
                user.post("/v1/service_tokens")
                    .json(token)
                    .send()
                    .await
                    .expect(201)
                    .string("/service_token/id")
            }
            (other, operation) => panic!("{operation}: nothing is known of {other}_"),
        }
    }
}
