//! The runner `sign_in`: a sign-in whose requests a script answers.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};
use waypost::engine::sign_in::{Event, Settings, SignIn, Step};
use waypost::engine::{FailureKind, Now, Request, ResponseHead, Secret, TransportFailure};

use super::calls::{headers, number};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const STATE: &str = "af0ifjsldkj";

/// What is sent, shown and waited for, and how it ends.
pub(crate) fn sign_in(input: &Value) -> Value {
    let text = |name: &str, otherwise: &str| input[name].as_str().unwrap_or(otherwise).to_owned();
    let base_url = text("base_url", "https://auth.example");
    let discovery = input["discovery"].as_array().cloned().unwrap_or_else(|| {
        vec![json!({ "json": metadata(base_url.trim_end_matches('/'), &input["metadata"]) })]
    });
    let answers = input["answers"].as_array().cloned().unwrap_or_default();
    let mut script: VecDeque<Value> = discovery.into_iter().chain(answers).collect();
    let settings = Settings {
        base_url,
        client_id: text("client_id", "ocl_1"),
        client_secret: input["client_secret"].as_str().map(Secret::from),
        scope: input["scope"].as_str().map(str::to_owned),
    };
    let made = match input["flow"].as_str() {
        Some("device") => SignIn::device(settings),
        _ => SignIn::code(settings, "http://127.0.0.1:4711/callback".into(), VERIFIER.into(), STATE.into()),
    };
    let mut now = Now::new(Duration::ZERO, Duration::from_secs(1_700_000_000));
    let (mut requests, mut progress, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    let (mut opened, mut event) = (Value::Null, Event::Go);
    let ended = made.and_then(|mut flow| {
        loop {
            event = match flow.next(event, now)? {
                Step::Send(request) => {
                    requests.push(sent(&request));
                    let Some(answer) = script.pop_front() else {
                        return Err(waypost::Error::config("the script has no further answer"));
                    };
                    received(&answer)
                }
                Step::Open(url) => {
                    opened = json!(url);
                    Event::Redirected(text("redirect", ""))
                }
                Step::Progress(told) => {
                    progress.push(json!({
                        "user_code": told.user_code,
                        "verification_uri": told.verification_uri,
                        "verification_uri_complete": told.verification_uri_complete,
                        "expires_at": told.expires_at,
                        "polls": told.polls,
                        "wait_ms": number(told.wait),
                    }));
                    Event::Go
                }
                Step::Wait(wait) => {
                    waits.push(number(wait));
                    now = now.after(wait);
                    Event::Go
                }
                Step::Done(tokens) => return Ok(tokens),
            };
        }
    });
    let mut outcome =
        json!({ "requests": requests, "progress": progress, "waits_ms": waits, "opened": opened });
    let more = match ended {
        Ok(tokens) => {
            let kept: Value = serde_json::from_str(&tokens.to_json()).unwrap_or_default();
            json!({ "result": "ok", "tokens": kept, "printed": format!("{tokens:?}") })
        }
        Err(error) => {
            let told = error.oauth().cloned().unwrap_or_default();
            json!({
                "result": error.kind().as_str(),
                "error": told.error,
                "description": told.error_description,
                "uri": told.error_uri,
                "status": error.status(),
                "message": error.to_string(),
                "printed": format!("{error} {error:?}"),
            })
        }
    };
    if let (Some(outcome), Value::Object(more)) = (outcome.as_object_mut(), more) {
        outcome.extend(more);
    }
    outcome
}

/// The metadata of the server of a case.
fn metadata(issuer: &str, changes: &Value) -> Value {
    let mut members = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://auth.example/oauth/authorize",
        "token_endpoint": "https://auth.example/oauth/token",
        "device_authorization_endpoint": "https://auth.example/oauth/device_authorization",
        "authorization_response_iss_parameter_supported": true,
    });
    if let Some(members) = members.as_object_mut() {
        members.extend(changes.as_object().cloned().unwrap_or_default());
        members.retain(|_, value| !value.is_null());
    }
    members
}

fn sent(request: &Request) -> Value {
    let body = String::from_utf8_lossy(&request.body);
    let form: Map<String, Value> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), json!(decoded(value))))
        .collect();
    let form = if request.method == "GET" { Value::Null } else { Value::Object(form) };
    json!({ "method": request.method, "url": request.url, "form": form, "authorization": request.headers.get("authorization") })
}

fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or(("", piece));
        bytes.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn received(answer: &Value) -> Event {
    if let Some(word) = answer["failure"].as_str() {
        let kind = FailureKind::parse(word).unwrap_or(FailureKind::Request);
        let sent = answer["bytes_sent"].as_bool().unwrap_or(true);
        return Event::Failed(TransportFailure::new(kind, sent, "as the script has it"));
    }
    let body = match &answer["json"] {
        Value::Null => answer["body"].as_str().unwrap_or_default().to_owned(),
        json => json.to_string(),
    };
    let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    Event::Answer(ResponseHead { status, headers: headers(&answer["headers"]) }, body.into())
}
