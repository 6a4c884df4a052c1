//! Operations that are described while the program runs, for the shared vectors and for fakes of other people's operations. They live for ever, as a
//! table's rows do: a test makes a few of them.

use waypost::engine::operation::{Body, Location, Operation, Parameter, ResultKind, Retry, Scheme};

use crate::value::Value;

/// The operation that a map describes. What it leaves out is a GET of JSON that takes a bearer token or an API key.
pub(crate) fn define(map: &Value<'_>) -> &'static Operation {
    let text = |name: &str| map.member(name).text();
    let method = ["POST", "PUT", "PATCH", "DELETE"].into_iter().find(|method| text("method") == Some(method));
    let parameters = map.member("parameters").items().iter().map(|parameter| Parameter {
        name: leak(parameter.member("name").text().unwrap_or_default()),
        location: match parameter.member("in").text() {
            Some("path") => Location::Path,
            Some("header") => Location::Header,
            _ => Location::Query,
        },
        required: parameter.member("required").flag().unwrap_or(false),
    });
    Box::leak(Box::new(Operation {
        id: leak(text("id").unwrap_or_default()),
        method: method.unwrap_or("GET"),
        path: leak(text("path").unwrap_or("/")),
        parameters: Box::leak(parameters.collect::<Box<[_]>>()),
        body: match text("body") {
            Some("json") => Body::Json,
            Some("form") => Body::Form,
            Some(media) if media.contains('/') => Body::Bytes(leak(media)),
            _ => Body::None,
        },
        idempotency_key: map.member("idempotency_key").flag().unwrap_or(false),
        retry: match text("retry") {
            Some("idempotent") => Retry::Idempotent,
            Some("never") => Retry::Never,
            _ => Retry::Safe,
        },
        security: &[&[Scheme::Bearer], &[Scheme::Header("X-API-Key")]],
        paginate: None,
        result: match text("result") {
            Some("none") => ResultKind::None,
            Some("text") => ResultKind::Text("text/plain"),
            Some("bytes") => ResultKind::Bytes(&["application/x-ndjson", "text/csv"]),
            Some("events") => ResultKind::EventStream,
            Some(_) => ResultKind::Json,
            // A list: bytes of one of these media types.
            None => match map.member("result").items() {
                [] => ResultKind::Json,
                media => {
                    let media = media.iter().map(|media| leak(media.text().unwrap_or_default()));
                    ResultKind::Bytes(Box::leak(media.collect::<Box<[_]>>()))
                }
            },
        },
        status: 200,
    }))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.into())
}
