//! What the bindings share, held to the shared vectors: settings and options as JSON, operations made at run time, the driver on virtual time, reports.
//! A facade that passes these members on as they are behaves like the engine.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use waypost::Client;
use waypost::binding::{self, Settings};
use waypost::drive::scripted::{Attempted, Play, Played, Reply, VirtualTime, call, script_error};
use waypost::engine::{Body, FailureKind, Headers, Request, ResponseHead, TransportFailure};

use crate::vectors::{self, FILES, compare};

/// 2023-11-14T22:13:20Z.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);

#[test]
fn the_border_holds_to_every_shared_vector() {
    let mut failures = Vec::new();
    for (name, text) in FILES {
        let file: Value = serde_json::from_str(text).unwrap();
        let runner = file["runner"].as_str().unwrap();
        for case in file["cases"].as_array().unwrap() {
            let actual = match runner {
                "call" => calls(&case["input"]),
                "tokens" => tokens(&case["input"]),
                // A facade drives a sign-in step by step: it is no call of a client.
                "sign_in" => continue,
                pure => binding::policy(pure, &case["input"]).unwrap(),
            };
            let differences = compare(&case["expect"], &actual);
            if !differences.is_empty() {
                failures.push(format!(
                    "{name}: {}: {}\n    got {actual}",
                    case["name"],
                    differences.join("; ")
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The runner `tokens`, with a client that is made as a facade makes one.
fn tokens(input: &Value) -> Value {
    vectors::tokens::tokens_of(input, |client, store| {
        let mut settings = json!({ "base_url": "https://api.example", "trace": false });
        settings.as_object_mut().unwrap().extend(client.as_object().cloned().unwrap_or_default());
        let settings = Settings::parse(settings.to_string().as_bytes())?;
        match store {
            Some(store) => settings.with_token_store(store).client(None),
            None => settings.client(None),
        }
    })
}

/// The runner `call`, through JSON as a facade goes.
fn calls(input: &Value) -> Value {
    let operation = &input["operation"];
    let post = operation["method"] == "POST";
    let description = json!({
        "id": "things_do",
        "method": operation["method"],
        "path": "/v1/things",
        "parameters": [{ "name": "Idempotency-Key", "in": "header" }],
        "body": if post { "json" } else { "none" },
        "idempotency_key": operation["idempotency_key"],
        "retry": operation["retry"],
        "security": [["bearer"], ["header:X-API-Key"]],
        "result": if operation["result"] == "bytes" { json!(["application/x-ndjson"]) } else { operation["result"].clone() },
    });
    let operation = binding::find(&binding::define(description.to_string().as_bytes()).unwrap()).unwrap();
    let mut settings = json!({ "base_url": "https://api.example", "trace": false });
    settings.as_object_mut().unwrap().extend(input["client"].as_object().cloned().unwrap_or_default());
    let first = Settings::parse(settings.to_string().as_bytes()).unwrap().client(None).unwrap();
    let mut time = VirtualTime::new(BEGIN);
    let mut told = Vec::new();
    // A caller has limits and a cache of its own, for as long as its client is kept.
    let mut clients = HashMap::new();
    for one in input["calls"].as_array().unwrap() {
        time.advance(millis(&one["after_ms"]));
        let client = clients.entry(one["api_key"].to_string()).or_insert_with(|| match &one["api_key"] {
            Value::Null => first.clone(),
            key => derived(&first, key),
        });
        let mut options = Map::new();
        for name in ["timeout_ms", "deadline_ms", "max_retries", "idempotency_key"] {
            options.insert(name.to_owned(), one[name].clone());
        }
        options.insert("headers".to_owned(), pairs(&one["headers"]));
        let options = binding::options(Some(Value::Object(options).to_string().as_bytes())).unwrap();
        let arguments = binding::arguments(operation, [], post.then(|| Bytes::from_static(b"{}")));
        let mut answers = one["answers"].as_array().unwrap().iter();
        let (mut sent, mut timeouts) = (Vec::new(), Vec::new());
        let before = time.now().elapsed;
        let play = Play {
            seed: None,
            cancel_after: one["cancel_at_ms"].is_number().then(|| millis(&one["cancel_at_ms"])),
        };
        let played =
            call(client, &mut time, operation, &arguments, &options, play, &mut |attempted: Attempted<
                '_,
            >| {
                sent.push(attempted.request.clone());
                timeouts.push(number(attempted.timeout));
                answers.next().map(reply).ok_or_else(|| script_error("the script has no further answer"))
            });
        let elapsed = time.now().elapsed.saturating_sub(before);
        told.push(outcome(&played, &sent, timeouts, elapsed));
    }
    json!({ "calls": told })
}

fn derived(client: &Client, key: &Value) -> Client {
    let settings = json!({ "api_key": key }).to_string();
    Settings::parse(settings.as_bytes()).unwrap().derive(client).unwrap()
}

fn outcome(played: &Played, sent: &[Request], timeouts: Vec<Value>, elapsed: Duration) -> Value {
    let keys: Vec<_> = sent.iter().map(|request| request.headers.get("idempotency-key")).collect();
    let header = |name: &str| json!(sent.last().and_then(|request| request.headers.get(name)));
    let headers: Map<_, _> =
        ["if-none-match", "idempotency-key", "traceparent", "authorization", "x-api-key"]
            .into_iter()
            .map(|name| (name.to_owned(), header(name)))
            .collect();
    let mut told = json!({
        "sent": sent.len(),
        "waits_ms": played.waits.iter().copied().map(number).collect::<Vec<_>>(),
        "timeouts_ms": timeouts,
        "elapsed_ms": number(elapsed),
        "same_key": keys.windows(2).all(|pair| pair[0] == pair[1]),
        "has_key": keys.iter().all(Option::is_some) && !keys.is_empty(),
        "sent_headers": headers,
    });
    let more = match &played.outcome {
        Ok(envelope) => json!({
            "result": "ok",
            "status": envelope.status,
            "body": match &envelope.body { Body::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)), Body::Stream => json!({ "stream": true }) },
            "from_cache": envelope.from_cache,
            "request_id": envelope.request_id,
            "headers": envelope.headers.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>(),
            "attempts": serde_json::from_slice::<Value>(&binding::attempts(&envelope.attempts)).unwrap(),
        }),
        Err(error) => {
            let report: Value = serde_json::from_slice(&binding::report(error)).unwrap();
            let problem = &report["problem"];
            let mut extra = problem.as_object().cloned().unwrap_or_default();
            for known in [
                "type",
                "title",
                "status",
                "detail",
                "instance",
                "code",
                "request_id",
                "retry_after",
                "errors",
            ] {
                extra.remove(known);
            }
            json!({
                "result": report["kind"], "status": report["status"], "message": report["text"], "printed": report.to_string(),
                "code": report["code"], "title": problem["title"], "detail": problem["detail"], "extra": extra,
                "errors": if problem["errors"].is_null() { json!([]) } else { problem["errors"].clone() },
                "has_problem": problem.is_object(), "excerpt": report["excerpt"], "request_id": report["request_id"],
                "retry_after_s": report["retry_after_s"].as_f64().map(|wait| wait as u64), "attempts": report["attempts"],
            })
        }
    };
    told.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    told
}

fn reply(answer: &Value) -> Reply {
    let failure = |kind: &Value| {
        let kind = FailureKind::parse(kind.as_str().unwrap()).unwrap();
        let message = answer["message"].as_str().unwrap_or("as the script has it");
        TransportFailure::new(kind, answer["bytes_sent"].as_bool().unwrap_or(true), message)
    };
    let headers: Headers = pairs(&answer["headers"])
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap()))
        .collect();
    let status = answer["status"].as_u64().map_or(200, |status| u16::try_from(status).unwrap());
    let body = match &answer["json"] {
        Value::Null => answer["body"].as_str().unwrap_or_default().to_owned(),
        value => value.to_string(),
    };
    Reply {
        after: millis(&answer["after_ms"]),
        head: if answer["failure"].is_null() {
            Ok(ResponseHead { status, headers })
        } else {
            Err(failure(&answer["failure"]))
        },
        body_after: millis(&answer["body_after_ms"]),
        body: if answer["body_failure"].is_null() {
            Ok(body.into())
        } else {
            Err(failure(&answer["body_failure"]))
        },
    }
}

fn pairs(headers: &Value) -> Value {
    match headers {
        Value::Object(members) => members.iter().map(|(name, value)| json!([name, value])).collect(),
        Value::Array(_) => headers.clone(),
        _ => json!([]),
    }
}

fn millis(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().unwrap_or_default() / 1000.0)
}

fn number(duration: Duration) -> Value {
    let millis = duration.as_secs_f64() * 1000.0;
    if millis.fract() == 0.0 { json!(millis as u64) } else { json!(millis) }
}
