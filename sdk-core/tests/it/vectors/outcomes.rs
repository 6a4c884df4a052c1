//! Runners of what is around a call: `environment`, `paging`, `redaction`, `webhook`.

use std::time::Duration;

use serde_json::{Map, Value, json};
use waypost::engine::operation::Paginate;
use waypost::engine::paging::PageEnd;
use waypost::engine::{Environment, Headers, Pager, Secret, redact};
use waypost::webhook::{Webhook, WebhookError};

/// Settings of an environment, or the error that names every mistake.
pub(crate) fn environment(input: &Value) -> Value {
    let read = match Environment::read(|name| input["variables"][name].as_str().map(str::to_owned)) {
        Ok(read) => read,
        Err(error) => return json!({ "error": error.kind().as_str(), "message": error.to_string() }),
    };
    let shown = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    json!({
        "base_url": read.base_url,
        "api_key": shown(&read.api_key),
        "access_token": shown(&read.access_token),
        "client_id": read.client.as_ref().and_then(|client| client.id.clone()),
        "client_secret": read.client.as_ref().and_then(|client| client.secret.as_ref()).map(waypost::Secret::expose),
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

/// The cursors that a listing asks with, and how it ends.
pub(crate) fn paging(input: &Value) -> Value {
    const LIST: Paginate =
        Paginate { items: "data", cursor: "cursor", next_cursor: "next_cursor", has_more: "has_more" };
    let mut pager = Pager::new(input["cursor"].as_str().map(str::to_owned));
    let mut asked = Vec::new();
    let mut items = 0;
    let mut pages = input["pages"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    loop {
        let Some(cursor) = pager.next() else {
            return json!({ "asked": asked, "items": items, "end": "end" });
        };
        asked.push(json!(cursor));
        let Some(page) = pages.next() else {
            return json!({ "asked": asked, "items": items, "end": "the script has no further page" });
        };
        let body = page.as_str().map_or_else(|| page.to_string(), str::to_owned);
        let read = PageEnd::read(&LIST, body.as_bytes()).and_then(|end| {
            items += end.items;
            pager.advance(end.next_cursor.as_deref(), end.has_more)
        });
        if let Err(error) = read {
            let after = pager.next().is_none() || error.failure().message.contains("page");
            return json!({ "asked": asked, "items": items, "end": error.kind().as_str(), "stops": after, "message": error.to_string() });
        }
    }
}

/// Things as they are printed.
pub(crate) fn redaction(input: &Value) -> Value {
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    if input["header"].is_string() {
        let headers: Headers = [(text("header").to_owned(), text("value"))].into_iter().collect();
        return json!({ "printed": redact::header(text("header"), text("value")), "debug": format!("{headers:?}") });
    }
    if input["url"].is_string() {
        return json!({ "printed": redact::url(text("url")) });
    }
    let secrets: Vec<&str> =
        input["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    json!({ "printed": redact::scrub(text("text"), &secrets) })
}

/// A delivery, signed or verified.
pub(crate) fn webhook(input: &Value) -> Value {
    let secrets: Vec<&str> =
        input["secrets"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let refused = |error: &WebhookError| json!({ "refused": reason(error), "message": error.to_string() });
    let mut webhook = match Webhook::new(secrets.first().copied().unwrap_or_default()) {
        Ok(webhook) => webhook,
        Err(error) => return refused(&error),
    };
    for previous in secrets.iter().skip(1) {
        webhook = match webhook.with_previous(previous) {
            Ok(webhook) => webhook,
            Err(error) => return refused(&error),
        };
    }
    if let Some(tolerance) = input["tolerance_s"].as_u64() {
        webhook = webhook.with_tolerance(Duration::from_secs(tolerance));
    }
    let body = input["body"].as_str().unwrap_or_default();
    if let Some(sign) = input["sign"].as_object() {
        let member = |name: &str| sign.get(name).cloned().unwrap_or_default();
        let signed = webhook.sign(
            member("id").as_str().unwrap_or_default(),
            member("timestamp").as_u64().unwrap_or_default(),
            body.as_bytes(),
        );
        return match signed {
            Ok(signature) => json!({ "signature": signature }),
            Err(error) => refused(&error),
        };
    }
    let headers: Map<String, Value> = input["headers"].as_object().cloned().unwrap_or_default();
    let now = Duration::from_secs(input["now"].as_u64().unwrap_or_default());
    match webhook.verify_headers(|name| headers.get(name).and_then(Value::as_str), body.as_bytes(), now) {
        Ok(delivery) => json!({ "refused": null, "id": delivery.id, "timestamp": delivery.timestamp }),
        Err(error) => refused(&error),
    }
}

fn reason(error: &WebhookError) -> &'static str {
    match error {
        WebhookError::Secret => "secret",
        WebhookError::Id => "id",
        WebhookError::MissingHeader(_) => "missing_header",
        WebhookError::Timestamp => "timestamp",
        WebhookError::TooOld(_) => "too_old",
        WebhookError::TooNew(_) => "too_new",
        WebhookError::Signature => "signature",
        _ => "unknown",
    }
}
