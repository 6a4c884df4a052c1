//! The pure runners of `openapi/vectors`, for facades whose language cannot reach the policy another way. What can be seen through a call is run through a
//! call; the README of the vectors describes each input and outcome.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::define::PAGINATE;
use super::report::millis;
use super::webhook;
use crate::engine::arguments::Arguments;
use crate::engine::build::build;
use crate::engine::encode::{self, BaseUrl};
use crate::engine::environment::Environment;
use crate::engine::error::Error;
use crate::engine::message::Headers;
use crate::engine::operation::{Location, Operation};
use crate::engine::paging::{PageEnd, Pager};
use crate::engine::policy::backoff::Backoff;
use crate::engine::policy::retry_after::{exhausted, retry_after};
use crate::engine::redact::{self, Secret};
use crate::engine::trace::TraceParent;

/// Runs `runner` on an input. `None`: there is no pure runner of this name.
///
/// ```
/// use serde_json::json;
/// let outcome = waypost::binding::policy("base_url", &json!({"base_url": "https://API.example:443/v1/"})).unwrap();
/// assert_eq!(outcome, json!({"origin": "https://api.example", "prefix": "/v1"}));
/// ```
pub fn policy(runner: &str, input: &Value) -> Option<Value> {
    Some(match runner {
        "backoff" => backoff(input),
        "base_url" => match BaseUrl::parse(text(input, "base_url")) {
            Ok(base) => json!({ "origin": base.origin(), "prefix": base.prefix() }),
            Err(reason) => json!({ "error": "config", "message": reason }),
        },
        "environment" => environment(input),
        "form" => match encode::form(input.get("value").unwrap_or(&Value::Null)) {
            Ok(body) => json!({ "body": body }),
            Err(reason) => json!({ "error": "config", "message": reason }),
        },
        "paging" => paging(input),
        "redaction" => redaction(input),
        "request" => request(input),
        "retry_after" => waits(input),
        "traceparent" => {
            let parent = TraceParent::parse(text(input, "header"));
            json!({ "valid": parent.is_some(), "written": parent.map(|parent| parent.to_string()), "sampled": parent.map(|parent| parent.flags & 1 == 1) })
        }
        "webhook" => webhooks(input),
        _ => return None,
    })
}

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn whole(input: &Value, name: &str) -> Option<u64> {
    input.get(name).and_then(Value::as_u64)
}

fn list<'a>(input: &'a Value, name: &str) -> &'a [Value] {
    input.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn texts<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    list(input, name).iter().filter_map(Value::as_str).collect()
}

fn told(error: &Error) -> Value {
    json!({ "error": error.kind().as_str(), "message": error.to_string() })
}

fn backoff(input: &Value) -> Value {
    let of = |name: &str| {
        input
            .get(name)
            .and_then(Value::as_f64)
            .and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok())
    };
    let standard = Backoff::default();
    let policy =
        Backoff { base: of("base_ms").unwrap_or(standard.base), cap: of("cap_ms").unwrap_or(standard.cap) };
    let retry = whole(input, "retry").and_then(|retry| u32::try_from(retry).ok()).unwrap_or_default();
    let random = text(input, "random").parse().unwrap_or_default();
    json!({ "bound_ms": millis(policy.bound(retry)), "delay_ms": millis(policy.delay(retry, random)) })
}

fn waits(input: &Value) -> Value {
    let headers: Headers = pairs(input.get("headers")).into_iter().collect();
    let unix = Duration::from_secs(whole(input, "now").unwrap_or_default());
    json!({
        "retry_after_s": retry_after(&headers, unix).map(|wait| wait.as_secs()),
        "exhausted_s": exhausted(&headers).map(|wait| wait.as_secs()),
    })
}

fn environment(input: &Value) -> Value {
    let variables = input.get("variables");
    let read = match Environment::read(|name| Some(variables?.get(name)?.as_str()?.to_owned())) {
        Ok(read) => read,
        Err(error) => return told(&error),
    };
    let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    json!({
        "base_url": read.base_url,
        "api_key": shown(&read.api_key),
        "access_token": shown(&read.access_token),
        "client_id": read.client.as_ref().and_then(|client| client.id.clone()),
        "client_secret": shown(&read.client.as_ref().and_then(|client| client.secret.clone())),
        "tenant": read.tenant,
        "log": read.log.map(|level| level.as_str()),
        "ca_bundle": read.ca_bundle,
        "http_proxy": shown(&read.proxies.http),
        "https_proxy": shown(&read.proxies.https),
        "all_proxy": shown(&read.proxies.all),
        "no_proxy": read.proxies.none,
        "printed": format!("{read:?} {:?}", read.credentials()),
    })
}

fn paging(input: &Value) -> Value {
    let mut pager = Pager::new(input.get("cursor").and_then(Value::as_str).map(str::to_owned));
    let (mut asked, mut items) = (Vec::new(), 0);
    let mut pages = list(input, "pages").iter();
    loop {
        let Some(cursor) = pager.next() else {
            return json!({ "asked": asked, "items": items, "end": "end" });
        };
        asked.push(json!(cursor));
        let Some(page) = pages.next() else {
            return json!({ "asked": asked, "items": items, "end": "the script has no further page" });
        };
        let body = page.as_str().map_or_else(|| page.to_string(), str::to_owned);
        let read = PageEnd::read(&PAGINATE, body.as_bytes()).and_then(|end| {
            items += end.items;
            pager.advance(end.next_cursor.as_deref(), end.has_more)
        });
        if let Err(error) = read {
            let stops = pager.next().is_none() || error.failure().message.contains("page");
            return json!({ "asked": asked, "items": items, "end": error.kind().as_str(), "stops": stops, "message": error.to_string() });
        }
    }
}

fn redaction(input: &Value) -> Value {
    if let Some(name) = input.get("header").and_then(Value::as_str) {
        let value = text(input, "value");
        let headers: Headers = [(name.to_owned(), value)].into_iter().collect();
        return json!({ "printed": redact::header(name, value), "debug": format!("{headers:?}") });
    }
    if let Some(url) = input.get("url").and_then(Value::as_str) {
        return json!({ "printed": redact::url(url) });
    }
    json!({ "printed": redact::scrub(text(input, "text"), &texts(input, "secrets")) })
}

fn request(input: &Value) -> Value {
    let description = json!({
        "id": "things_do",
        "path": text(input, "path"),
        "parameters": input.get("parameters").cloned().unwrap_or(json!([])),
    });
    let operation = super::define(description.to_string().as_bytes()).and_then(|id| super::find(&id));
    let operation: &'static Operation = match operation {
        Ok(operation) => operation,
        Err(error) => return told(&error),
    };
    let mut arguments = Arguments::new();
    for (given, location, word) in [
        ("path_arguments", Location::Path, "path"),
        ("query_arguments", Location::Query, "query"),
        ("header_arguments", Location::Header, "header"),
    ] {
        for (name, value) in pairs(input.get(given)) {
            let same = |known: &str| match location {
                Location::Header => known.eq_ignore_ascii_case(&name),
                Location::Path | Location::Query => known == name,
            };
            let known =
                operation.parameters.iter().find(|known| known.location == location && same(known.name));
            match (known.map(|known| known.name), location) {
                (Some(name), Location::Path) => arguments.path.push((name, value)),
                (Some(name), Location::Query) => arguments.query.push((name, value)),
                (Some(name), Location::Header) => arguments.headers.push((name, value)),
                (None, _) => arguments.mistakes.push(format!("there is no {word} parameter `{name}`")),
            }
        }
    }
    let base_url = input.get("base_url").and_then(Value::as_str).unwrap_or("https://api.example");
    match build(operation, &arguments, base_url) {
        Ok(request) => {
            let headers: Map<String, Value> =
                request.headers.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            json!({ "url": request.url, "headers": headers })
        }
        Err(error) => told(&error),
    }
}

fn webhooks(input: &Value) -> Value {
    let secrets = texts(input, "secrets");
    let body = text(input, "body").as_bytes();
    let refused = |refusal: &webhook::Refusal| json!({ "refused": refusal.word, "message": refusal.message });
    if let Some(sign) = input.get("sign") {
        let signed =
            webhook::sign(&secrets, text(sign, "id"), whole(sign, "timestamp").unwrap_or_default(), body);
        return signed
            .map_or_else(|refusal| refused(&refusal), |signature| json!({ "signature": signature }));
    }
    let headers = input.get("headers");
    let header = |name: &str| headers?.get(name)?.as_str();
    let three = [header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
    let unix = Duration::from_secs(whole(input, "now").unwrap_or_default());
    let tolerance = whole(input, "tolerance_s").map_or(crate::webhook::TOLERANCE, Duration::from_secs);
    match webhook::verify(&secrets, three, body, unix, tolerance) {
        Ok(delivery) => json!({ "refused": null, "id": delivery.id, "timestamp": delivery.timestamp }),
        Err(refusal) => refused(&refusal),
    }
}

/// An object of name and value (or values), or a list of pairs.
fn pairs(input: Option<&Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match input {
        Some(Value::Array(pairs)) => pairs
            .iter()
            .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), text(pair.get(1)?))))
            .collect(),
        Some(Value::Object(members)) => members
            .iter()
            .flat_map(|(name, value)| {
                let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                values.into_iter().map(|value| (name.clone(), text(&value))).collect::<Vec<_>>()
            })
            .collect(),
        _ => Vec::new(),
    }
}
