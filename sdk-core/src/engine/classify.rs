//! From the outcome of a call's last attempt to its typed error: which kind, and a message that tells what happened, to what, and what to do.
//!
//! Promises: every status and every failure has exactly one kind; whatever the body is, it gives no other kind and no panic; nothing of the
//! request's credentials comes out, even where a server or a library repeated them.

use std::time::Duration;

use bytes::Bytes;

use super::envelope::Attempt;
use super::error::{self, Error, ErrorKind, Failure};
use super::failure::{FailureKind, TransportFailure};
use super::message::{Request, ResponseHead};
use super::operation::ResultKind;
use super::plan::Plan;
use super::problem::Problem;
use super::redact;

/// The error of an answer that is none of 2xx.
pub(crate) fn status(plan: &Plan, head: &ResponseHead, body: &Bytes, wait: Option<Duration>) -> Error {
    let kind = ErrorKind::of_status(head.status);
    let problem = Problem::parse(body).filter(Problem::says_something);
    let mut failure = about(plan);
    failure.message = sentence(plan, head.status, problem.as_ref());
    failure.advice = match kind {
        ErrorKind::Decode if (300..400).contains(&head.status) => {
            "Redirects are not followed: set the base URL to where the API is".to_owned()
        }
        kind => advice(kind, problem.as_ref(), wait),
    };
    failure.status = Some(head.status);
    failure.retry_after = wait;
    failure.request_id =
        request_id(head).or_else(|| problem.as_ref().and_then(|problem| problem.request_id.clone()));
    failure.headers = head.headers.clone();
    if problem.is_none() {
        failure.excerpt = error::excerpt(body);
    }
    failure.problem = problem;
    Error::new(kind, failure)
}

/// The error of an attempt that had no complete answer. `late` tells that the call's deadline is what cut it off.
pub(crate) fn transport(
    plan: &Plan,
    cause: &TransportFailure,
    head: Option<&ResponseHead>,
    late: bool,
) -> Error {
    let mut failure = about(plan);
    let operation = plan.operation.id;
    let kind = match cause.kind {
        FailureKind::Timeout if late => {
            failure.message =
                format!("{operation} did not finish within its deadline of {}", seconds(plan.deadline));
            failure.advice = "Allow a longer deadline, or find out why the server is slow".to_owned();
            ErrorKind::Timeout
        }
        FailureKind::Timeout => {
            failure.message = format!(
                "{operation} had no complete answer within {}: {}",
                seconds(plan.timeout),
                cause.message
            );
            failure.advice = "Allow a longer timeout, or find out why the server is slow".to_owned();
            ErrorKind::Timeout
        }
        FailureKind::Protocol => {
            failure.message = format!("the answer to {operation} is not valid HTTP: {}", cause.message);
            failure.advice = advice(ErrorKind::Decode, None, None);
            ErrorKind::Decode
        }
        FailureKind::Request => {
            failure.message = format!("{operation} cannot be sent: {}", cause.message);
            failure.advice = "Check the base URL and the headers that were set".to_owned();
            ErrorKind::Config
        }
        FailureKind::Tls => {
            failure.message = format!("{operation}: no secure connection: {}", cause.message);
            failure.advice =
                "Check the server's certificate and name; a private authority is added with WAYPOST_CA_BUNDLE".to_owned();
            ErrorKind::Connection
        }
        FailureKind::Connect => {
            failure.message = format!("{operation}: cannot connect: {}", cause.message);
            failure.advice = "Check the base URL, the proxy settings, and that the server is up".to_owned();
            ErrorKind::Connection
        }
        FailureKind::Reset | FailureKind::Interrupted => {
            let place =
                if cause.kind == FailureKind::Reset { "before the answer" } else { "within the answer" };
            failure.message = format!("{operation}: the connection ended {place}: {}", cause.message);
            failure.advice = unknown_effect(plan);
            ErrorKind::Connection
        }
    };
    if let Some(head) = head {
        failure.status = Some(head.status);
        failure.request_id = request_id(head);
        failure.headers = head.headers.clone();
    }
    Error::new(kind, failure)
}

/// A success whose answer cannot be used.
pub(crate) fn undecodable(plan: &Plan, head: &ResponseHead, body: &Bytes, what: &str) -> Error {
    let mut failure = about(plan);
    failure.message = format!("{} answered {} with {what}", plan.operation.id, head.status);
    failure.advice = advice(ErrorKind::Decode, None, None);
    failure.status = Some(head.status);
    failure.request_id = request_id(head);
    failure.headers = head.headers.clone();
    failure.excerpt = error::excerpt(body);
    Error::new(ErrorKind::Decode, failure)
}

/// The call is over without an attempt to tell of: held back, given up, too late.
pub(crate) fn unsent(plan: &Plan, kind: ErrorKind, message: String, wait: Option<Duration>) -> Error {
    let mut failure = about(plan);
    failure.message = message;
    failure.retry_after = wait;
    failure.advice = match kind {
        ErrorKind::Cancelled => unknown_effect(plan),
        ErrorKind::Timeout => "Allow a longer deadline, or find out why the server is slow".to_owned(),
        kind => advice(kind, None, wait),
    };
    Error::new(kind, failure)
}

/// The error of an attempt that the rules would repeat and the client's retry budget does not.
pub(crate) fn over_budget(error: Error) -> Error {
    let kind = error.kind();
    let mut failure = error.into_failure();
    failure
        .advice
        .push_str(" (it was not tried again: the client's retry budget is used up, as too many calls fail)");
    Error::new(kind, failure)
}

/// Adds the attempts, and takes out every credential of the request that found its way into a text.
pub(crate) fn seal(error: Error, request: &Request, attempts: &[Attempt]) -> Error {
    let kind = error.kind();
    let mut failure = error.into_failure();
    failure.attempts = attempts.to_vec();
    let secrets = redact::secrets_of(&request.headers);
    let clean = |text: &mut String| *text = redact::scrub(text, &secrets);
    clean(&mut failure.message);
    failure.excerpt.iter_mut().for_each(clean);
    if let Some(problem) = &mut failure.problem {
        [&mut problem.title, &mut problem.detail, &mut problem.instance, &mut problem.code]
            .into_iter()
            .flatten()
            .for_each(clean);
        for field in &mut problem.errors {
            clean(&mut field.detail);
        }
        for (_, value) in &mut problem.rest {
            value.scrub(&secrets);
        }
    }
    failure.headers = failure.headers.map_values(|value| redact::scrub(value, &secrets));
    Error::new(kind, failure)
}

/// Why a success's body cannot be what the operation promises; `None` when it can.
pub(crate) fn mismatch(result: ResultKind, head: &ResponseHead, body: &Bytes) -> Option<String> {
    if result != ResultKind::Json {
        return None;
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some("an empty body where JSON was promised".to_owned());
    }
    let content_type = head.headers.get("content-type")?;
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = media.is_empty() || media.ends_with("/json") || media.ends_with("+json");
    (!json).then(|| format!("content type `{media}` where JSON was promised"))
}

pub(crate) fn request_id(head: &ResponseHead) -> Option<String> {
    head.headers.get("x-request-id").filter(|id| !id.is_empty()).map(str::to_owned)
}

fn about(plan: &Plan) -> Failure {
    let mut failure = Failure::new(String::new());
    failure.operation = Some(plan.operation.id);
    failure.target = Some(plan.target());
    failure
}

fn sentence(plan: &Plan, status: u16, problem: Option<&Problem>) -> String {
    let mut text = format!("{} answered {status}", plan.operation.id);
    let Some(problem) = problem else { return text };
    if let Some(code) = &problem.code {
        text.push_str(&format!(" {code}"));
    }
    if let Some(said) = problem.detail.as_ref().or(problem.title.as_ref()) {
        text.push_str(&format!(": {}", said.trim_end_matches('.')));
    }
    for field in &problem.errors {
        text.push_str(&format!(
            "; {}: {}",
            field.pointer,
            if field.detail.is_empty() { &field.code } else { &field.detail }
        ));
    }
    text
}

fn advice(kind: ErrorKind, problem: Option<&Problem>, wait: Option<Duration>) -> String {
    let fixed = match kind {
        ErrorKind::BadRequest => "Correct the request; sent again as it is, it fails again",
        ErrorKind::Authentication => {
            "Check the API key or access token that the client was given (WAYPOST_API_KEY, WAYPOST_ACCESS_TOKEN)"
        }
        ErrorKind::PermissionDenied => {
            "Ask for the permission that the operation needs, or use other credentials"
        }
        ErrorKind::NotFound => "Check the path's ids, and that they belong to this caller",
        ErrorKind::Conflict => match problem.and_then(|problem| problem.code.as_deref()) {
            Some("idempotency_in_flight") => {
                "A call with this idempotency key is still running: wait for it, then send again"
            }
            _ => "Read the present state, then decide again",
        },
        ErrorKind::Gone => "It does not come back: forget its id",
        ErrorKind::Unprocessable => match problem.and_then(|problem| problem.code.as_deref()) {
            Some("idempotency_key_reused") => {
                "This idempotency key belongs to another request: take a new one"
            }
            _ => "Correct the values named above",
        },
        ErrorKind::RateLimited | ErrorKind::CircuitOpen | ErrorKind::Server => {
            return match (wait, kind) {
                (Some(wait), _) => format!("Try again after {}", seconds(wait)),
                (None, ErrorKind::Server) => {
                    "Try again later; the server's operator finds it by the request id".to_owned()
                }
                (None, _) => "Try again later, and less often".to_owned(),
            };
        }
        ErrorKind::Decode => {
            "Check that the base URL is the API's, and that no proxy in between answers for it"
        }
        _ => "",
    };
    fixed.to_owned()
}

/// After a break: may the server have done it?
fn unknown_effect(plan: &Plan) -> String {
    match plan.operation.retry {
        super::operation::Retry::Safe => "Try again".to_owned(),
        super::operation::Retry::Idempotent => {
            "The server may have done it: try again with the same idempotency key, or read the present state"
                .to_owned()
        }
        super::operation::Retry::Never => {
            "The server may have done it: read the present state before trying again".to_owned()
        }
    }
}

/// Seconds with as many digits after the point as milliseconds need: `1.5 s`.
fn seconds(duration: Duration) -> String {
    let milliseconds = duration.subsec_nanos().div_ceil(1_000_000);
    let (whole, rest) = (duration.as_secs() + u64::from(milliseconds / 1000), milliseconds % 1000);
    if rest == 0 {
        return format!("{whole} s");
    }
    let fraction = format!("{rest:03}");
    format!("{whole}.{} s", fraction.trim_end_matches('0'))
}
