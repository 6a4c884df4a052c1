//! An error as JSON, from which each language makes its own exception. It holds everything that is known, by the words that every language shares, so that
//! no text is parsed to find out what happened.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{ISSUES, VERSION};
use crate::engine::envelope::{Attempt, Envelope};
use crate::engine::error::Error;
use crate::engine::problem::Problem;
use crate::engine::redact;

/// Everything that is known of an error, as a JSON object: `kind`, `message`, `hint`, `text`, `operation`, `method`, `url`, `status`, `code`, `problem`, `oauth` (`error`, `error_description`, `error_uri`, `status`),
/// `request_id`, `retry_after_s`, `headers`, `excerpt`, `attempts`. What is not known is null. It holds no credential.
pub fn report(error: &Error) -> Vec<u8> {
    let failure = error.failure();
    let target = failure.target.as_deref().and_then(|target| target.split_once(' '));
    let told = json!({
        "kind": error.kind().as_str(),
        "message": failure.message,
        "hint": failure.advice,
        "text": error.to_string(),
        "operation": failure.operation,
        "method": target.map(|(method, _)| method),
        "url": target.map(|(_, url)| url),
        "status": failure.status,
        "code": error.code(),
        "problem": failure.problem.as_ref().map(problem),
        "oauth": failure.oauth.as_ref().map(|oauth| json!({
            "error": oauth.error,
            "error_description": oauth.error_description,
            "error_uri": oauth.error_uri,
            "status": oauth.status,
        })),
        "request_id": failure.request_id,
        "retry_after_s": failure.retry_after.map(|wait| wait.as_secs_f64()),
        "headers": failure.headers.iter().map(|(name, value)| (name, redact::header(name, value))).collect::<Vec<_>>(),
        "excerpt": failure.excerpt,
        "attempts": listed(&failure.attempts),
    });
    told.to_string().into_bytes()
}

/// The report of a mistake of this package, of the kind `internal`: a panic that was caught, a state that cannot be.
pub fn internal(what: &str) -> Vec<u8> {
    let message = format!("waypost {VERSION} failed in itself: {what}");
    let hint = format!("This is a mistake in waypost; please tell it at {ISSUES}, with this text");
    let text = format!("internal: {message}. {hint}");
    json!({ "kind": "internal", "message": message, "hint": hint, "text": text, "attempts": [], "headers": [] })
        .to_string()
        .into_bytes()
}

/// The attempts of a call that succeeded, as the JSON array of a report.
pub fn attempts(attempts: &[Attempt]) -> Vec<u8> {
    listed(attempts).to_string().into_bytes()
}

/// What a success asked for, without its query.
pub fn url(envelope: &Envelope) -> &str {
    envelope.url.split('?').next().unwrap_or_default()
}

/// The error of a success whose body a facade cannot read as what the operation promises.
pub fn undecodable(envelope: &Envelope, message: &str) -> Error {
    envelope.undecodable(message.to_owned())
}

fn listed(attempts: &[Attempt]) -> Value {
    let attempt = |attempt: &Attempt| {
        json!({
            "number": attempt.number,
            "delay_ms": millis(attempt.delay),
            "duration_ms": millis(attempt.duration),
            "status": attempt.status,
            "cause": attempt.cause.map(crate::engine::Cause::as_str),
            "request_id": attempt.request_id,
        })
    };
    attempts.iter().map(attempt).collect()
}

/// As the server wrote it: members that it left out are left out.
fn problem(problem: &Problem) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
    };
    put("type", json!(problem.kind));
    put("title", json!(problem.title));
    put("status", json!(problem.status));
    put("detail", json!(problem.detail));
    put("instance", json!(problem.instance));
    put("code", json!(problem.code));
    put("request_id", json!(problem.request_id));
    put("retry_after", json!(problem.retry_after));
    if !problem.errors.is_empty() {
        let field = |field: &crate::engine::FieldError| json!({ "pointer": field.pointer, "code": field.code, "detail": field.detail });
        put("errors", problem.errors.iter().map(field).collect());
    }
    members.extend(problem.extra());
    Value::Object(members)
}

/// Whole milliseconds without a fraction.
pub(super) fn millis(duration: Duration) -> Value {
    let nanos = duration.as_nanos();
    match u64::try_from(nanos / 1_000_000) {
        Ok(whole) if nanos.is_multiple_of(1_000_000) => json!(whole),
        _ => json!(duration.as_secs_f64() * 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::error::{ErrorKind, Failure};

    #[test]
    fn a_report_holds_the_whole_problem() {
        let body = br#"{"type":"t","title":"Conflict","status":409,"code":"insufficient_funds","errors":[{"pointer":"/amount","code":"max","detail":"d"}],"balance":5}"#;
        let mut failure = Failure::new("wallets_debit answered 409").advise("Read the present state");
        failure.problem = Problem::parse(body);
        failure.target = Some("POST https://a/v1".to_owned());
        failure.retry_after = Some(Duration::from_millis(1500));
        let told: Value = serde_json::from_slice(&report(&Error::new(ErrorKind::Conflict, failure))).unwrap();
        assert_eq!(told["kind"], "conflict");
        assert_eq!((&told["method"], &told["url"]), (&json!("POST"), &json!("https://a/v1")));
        assert_eq!(told["problem"], serde_json::from_slice::<Value>(body).unwrap());
        assert_eq!(told["code"], "insufficient_funds");
        assert_eq!(told["retry_after_s"], 1.5);
        assert_eq!(told["attempts"], json!([]));
    }

    #[test]
    fn a_mistake_of_ours_names_the_version_and_where_to_tell_it() {
        let told: Value = serde_json::from_slice(&internal("index out of bounds")).unwrap();
        let text = told["text"].as_str().unwrap();
        assert!(text.contains(VERSION) && text.contains("/issues") && text.contains("index out of bounds"));
    }
}
