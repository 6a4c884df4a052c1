//! The runner `tokens`: as `call`, with a client that gets its access tokens, on the driver for scripts. What a call does for its token is a driver's part,
//! so it is run where the drivers are; in a browser that is JavaScript.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use waypost::drive::scripted::{self, Attempted, Play, Reply, VirtualTime, script_error};
use waypost::engine::{Arguments, ResponseHead, operation};
use waypost::oauth::{OAuthClient, StoreError, TokenSet, TokenStore};
use waypost::transport::BoxFuture;
use waypost::{CallOptions, Client, Error};

use super::calls::{
    BEGIN, Run, body_of, call_options, client_options, failure_of, headers, leak_operation, milliseconds,
    number, outcome, status,
};

/// Runs a script.
pub(crate) fn tokens(input: &Value) -> Value {
    tokens_of(input, |settings, store| {
        let builder = Client::builder("https://api.example").options(|options| {
            *options = client_options(settings);
            let text = |name: &str| settings[name].as_str().map(str::to_owned);
            let mut client = OAuthClient::default();
            (client.id, client.scope, client.token_url) =
                (text("client_id"), text("scope"), text("token_url"));
            client.secret = text("client_secret").map(Into::into);
            client.tokens = set(&settings["tokens"]);
            options.credentials = options.credentials.clone().with_client(client);
        });
        match store {
            Some(store) => builder.token_store(store).build(),
            None => builder.build(),
        }
    })
}

/// Runs a script with the client that `make` makes of its settings and store.
pub(crate) fn tokens_of(
    input: &Value,
    make: impl FnOnce(&Value, Option<Arc<dyn TokenStore>>) -> Result<Client, Error>,
) -> Value {
    let operation = leak_operation(&input["operation"]);
    let store = Arc::new(Store::of(&input["store"]));
    let given = (!input["store"].is_null()).then(|| Arc::clone(&store) as Arc<dyn TokenStore>);
    let client = match make(&input["client"], given) {
        Ok(client) => client,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let mut time = VirtualTime::new(Duration::from_secs(BEGIN));
    let calls = input["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told: Vec<Value> =
        calls.iter().map(|call| one_call(operation, &client, &store, &mut time, call)).collect();
    json!({ "calls": told })
}

fn one_call(
    operation: &'static waypost::engine::Operation,
    client: &Client,
    store: &Store,
    time: &mut VirtualTime,
    call: &Value,
) -> Value {
    time.advance(milliseconds(&call["after_ms"]).unwrap_or_default());
    if !call["kept"].is_null() {
        store.put(set(&call["kept"]));
    }
    let mut answers = [&call["answers"], &call["token_answers"]]
        .map(|list| list.as_array().map(Vec::as_slice).unwrap_or_default().iter());
    let mut arguments = Arguments::new();
    if operation.body != operation::Body::None {
        arguments = arguments.json(&json!({}));
    }
    let options: CallOptions = call_options(call);
    let play = Play { seed: None, cancel_after: milliseconds(&call["cancel_at_ms"]) };
    let began = time.now().elapsed;
    let mut run = Run::default();
    let mut token_requests = Vec::new();
    let played = scripted::call(client, time, operation, &arguments, &options, play, &mut |attempted| {
        let [attempts, grants] = &mut answers;
        let answer = if attempted.operation.id == "oauth_token" {
            if token_requests.is_empty() && !call["kept_at_refresh"].is_null() {
                store.put(set(&call["kept_at_refresh"]));
            }
            token_requests.push(token_request(&attempted));
            grants.next()
        } else {
            run.timeouts.push(number(attempted.timeout));
            run.requests.push(attempted.request.clone());
            attempts.next()
        };
        // A script that is too short for what the engine sends ends in this error, which no case expects.
        answer.map(reply).ok_or_else(|| script_error("the script has no further answer"))
    });
    run.waits = played.waits.iter().map(|wait| number(*wait)).collect();
    let elapsed = time.now().elapsed.saturating_sub(began);
    let mut told = outcome(&played.outcome, &run, elapsed);
    if let Some(told) = told.as_object_mut() {
        told.insert("token_requests".to_owned(), json!(token_requests));
        told.insert("store".to_owned(), store.kept());
    }
    told
}

fn token_request(attempted: &Attempted<'_>) -> Value {
    json!({
        "url": attempted.request.url,
        "authorization": attempted.request.headers.get("authorization"),
        "body": String::from_utf8_lossy(&attempted.request.body),
    })
}

fn reply(answer: &Value) -> Reply {
    let failed = |name: &str| answer[name].as_str().map(|kind| failure_of(kind, answer));
    let head = ResponseHead { status: status(&answer["status"]), headers: headers(&answer["headers"]) };
    Reply {
        after: milliseconds(&answer["after_ms"]).unwrap_or_default(),
        head: failed("failure").map_or(Ok(head), Err),
        body_after: milliseconds(&answer["body_after_ms"]).unwrap_or_default(),
        body: failed("body_failure").map_or_else(|| Ok(body_of(answer).into()), Err),
    }
}

fn set(value: &Value) -> Option<TokenSet> {
    if value.is_null() { None } else { TokenSet::parse(value.to_string().as_bytes()).ok() }
}

/// A store as a case describes it.
struct Store {
    kept: Mutex<Option<TokenSet>>,
    fails: Vec<String>,
}

impl Store {
    fn of(described: &Value) -> Self {
        let words = described["fails"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fails = words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Self { kept: Mutex::new(set(&described["kept"])), fails }
    }

    fn put(&self, tokens: Option<TokenSet>) {
        if let Ok(mut kept) = self.kept.lock() {
            *kept = tokens;
        }
    }

    fn kept(&self) -> Value {
        let kept = self.kept.lock().ok().and_then(|kept| kept.clone());
        kept.and_then(|kept| serde_json::from_str(&kept.to_json()).ok()).unwrap_or_default()
    }

    fn able(&self, what: &str) -> Result<(), StoreError> {
        if self.fails.iter().any(|word| word == what) { Err("as the case has it".into()) } else { Ok(()) }
    }
}

impl TokenStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        let loaded = self.able("load").map(|()| self.kept.lock().ok().and_then(|kept| kept.clone()));
        Box::pin(async { loaded })
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        let saved = self.able("save").map(|()| self.put(Some(tokens.clone())));
        Box::pin(async { saved })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let cleared = self.able("clear").map(|()| self.put(None));
        Box::pin(async { cleared })
    }
}
