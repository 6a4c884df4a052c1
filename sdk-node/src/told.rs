//! What JavaScript is told as JSON: how an answer came, and what an attempt looks like to interceptors and scripts. The shapes are those of
//! `ts/backend.ts`.

use serde::Serialize;
use waypost::binding::Seen;
use waypost::drive::scripted::Attempted;
use waypost::engine::{Attempt, Cause, Envelope, Headers};

#[derive(Serialize)]
struct Details<'a> {
    status: u16,
    headers: Vec<(&'a str, &'a str)>,
    request_id: Option<&'a str>,
    attempts: Vec<Tried<'a>>,
    from_cache: bool,
    url: String,
}

#[derive(Serialize)]
struct Tried<'a> {
    number: u32,
    delay_ms: f64,
    duration_ms: f64,
    status: Option<u16>,
    cause: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl<'a> Tried<'a> {
    fn of(attempt: &'a Attempt) -> Self {
        Self {
            number: attempt.number,
            delay_ms: attempt.delay.as_secs_f64() * 1000.0,
            duration_ms: attempt.duration.as_secs_f64() * 1000.0,
            status: attempt.status,
            cause: attempt.cause.map(Cause::as_str),
            request_id: attempt.request_id.as_deref(),
        }
    }
}

/// How an answer came. Each call has it made, so it is written straight from what the engine holds.
pub(crate) fn details(envelope: &Envelope) -> Vec<u8> {
    json(&Details {
        status: envelope.status,
        headers: pairs(&envelope.headers),
        request_id: envelope.request_id.as_deref(),
        attempts: envelope.attempts.iter().map(Tried::of).collect(),
        from_cache: envelope.from_cache,
        url: envelope.url(),
    })
}

#[derive(Serialize)]
struct Outgoing<'a> {
    operation: &'a str,
    attempt: u32,
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    /// Of a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now_ms: Option<f64>,
}

/// A request about to be sent.
pub(crate) fn outgoing(seen: &Seen) -> Vec<u8> {
    json(&Outgoing {
        operation: seen.operation.id,
        attempt: seen.attempt,
        method: seen.method,
        url: &seen.url,
        headers: pairs(&seen.headers),
        timeout_ms: None,
        now_ms: None,
    })
}

/// A request that a script answers.
pub(crate) fn attempted(attempted: &Attempted<'_>) -> Vec<u8> {
    json(&Outgoing {
        operation: attempted.operation.id,
        attempt: attempted.attempt,
        method: attempted.request.method,
        url: &attempted.request.url,
        headers: pairs(&attempted.request.headers),
        timeout_ms: Some(attempted.timeout.as_secs_f64() * 1000.0),
        now_ms: Some(attempted.now.elapsed.as_secs_f64() * 1000.0),
    })
}

#[derive(Serialize)]
struct Ended<'a> {
    operation: &'a str,
    attempt: u32,
    elapsed_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Vec<(&'a str, &'a str)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// The head of an answer, or why there is none.
pub(crate) fn ended(seen: &Seen) -> Vec<u8> {
    let (answer, failure) = (seen.answer.as_ref(), seen.failure.as_ref());
    json(&Ended {
        operation: seen.operation.id,
        attempt: seen.attempt,
        elapsed_ms: seen.elapsed.as_secs_f64() * 1000.0,
        status: answer.map(|head| head.status),
        headers: answer.map(|head| pairs(&head.headers)),
        cause: failure.map(|failure| failure.kind.as_str()),
        message: failure.map(|failure| failure.message.as_str()),
    })
}

fn pairs(headers: &Headers) -> Vec<(&str, &str)> {
    headers.iter().collect()
}

/// Texts, numbers and lists can always be written.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
