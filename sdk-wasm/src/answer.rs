//! What the engine says, as messages: steps, the end of a call, an error's report.

use std::time::Duration;

use waypost::engine::{Attempt, Body, Cause, Document, Envelope, Headers, Step, redact};
use waypost::{Error, Problem};

use crate::value::Writer;

/// `idle`: how long a streamed answer may stand still. `[0, method, url, headers, attempt, timeout ms]`, `[1, limit, timeout ms]`, `[2, wait ms]`, `[3, answer]` or `[4, report]`.
pub(crate) fn step(step: &Step, idle: Duration, writer: &mut Writer) {
    match step {
        Step::Send(send) => {
            writer.list(6);
            writer.number(0.0);
            writer.text(send.request.method);
            writer.text(&send.request.url);
            headers(&send.request.headers, writer);
            writer.number(f64::from(send.attempt));
            writer.number(milliseconds(send.timeout));
        }
        Step::Read { limit, timeout } => {
            writer.list(3);
            writer.number(1.0);
            writer.number(*limit as f64);
            writer.number(milliseconds(*timeout));
        }
        Step::Sleep(wait) => {
            writer.list(2);
            writer.number(2.0);
            writer.number(milliseconds(*wait));
        }
        Step::Done(result) => {
            writer.list(2);
            match result.as_ref() {
                Ok(envelope) => {
                    writer.number(3.0);
                    answer(envelope, idle, writer);
                }
                Err(error) => {
                    writer.number(4.0);
                    report(error, writer);
                }
            }
        }
    }
}

/// The body is given only where it comes from the cache: JavaScript has any other.
fn answer(envelope: &Envelope, idle: Duration, writer: &mut Writer) {
    writer.map(9);
    writer.name("idle");
    writer.number(milliseconds(idle));
    writer.name("url");
    writer.text(&envelope.printed_url());
    writer.name("status");
    writer.number(f64::from(envelope.status));
    writer.name("headers");
    headers(&envelope.headers, writer);
    writer.name("request_id");
    writer.maybe_text(envelope.request_id.as_deref());
    writer.name("attempts");
    attempts(&envelope.attempts, writer);
    writer.name("from_cache");
    writer.flag(envelope.from_cache);
    writer.name("streams");
    writer.flag(envelope.body == Body::Stream);
    writer.name("body");
    match &envelope.body {
        Body::Bytes(bytes) if envelope.from_cache => writer.bytes(bytes),
        _ => writer.null(),
    }
}

/// Everything that is known of a failed call, under the names that every facade reads.
pub(crate) fn report(error: &Error, writer: &mut Writer) {
    let failure = error.failure();
    let (method, url) = match failure.target.as_deref().and_then(|target| target.split_once(' ')) {
        Some((method, url)) => (Some(method), Some(redact::url(url))),
        None => (None, None),
    };
    writer.map(14);
    writer.name("headers");
    headers(&failure.headers, writer);
    writer.name("kind");
    writer.text(error.kind().as_str());
    writer.name("message");
    writer.text(&failure.message);
    writer.name("hint");
    writer.text(&failure.advice);
    writer.name("status");
    writer.maybe_number(failure.status.map(f64::from));
    writer.name("code");
    writer.maybe_text(error.code());
    writer.name("problem");
    match &failure.problem {
        Some(found) => problem(found, writer),
        None => writer.null(),
    }
    writer.name("request_id");
    writer.maybe_text(failure.request_id.as_deref());
    writer.name("retry_after_s");
    writer.maybe_number(failure.retry_after.map(|wait| wait.as_secs_f64()));
    writer.name("attempts");
    attempts(&failure.attempts, writer);
    writer.name("excerpt");
    writer.maybe_text(failure.excerpt.as_deref());
    writer.name("operation");
    writer.maybe_text(failure.operation);
    writer.name("method");
    writer.maybe_text(method);
    writer.name("url");
    writer.maybe_text(url.as_deref());
}

fn problem(problem: &Problem, writer: &mut Writer) {
    let texts = [
        ("type", &problem.kind),
        ("title", &problem.title),
        ("detail", &problem.detail),
        ("instance", &problem.instance),
        ("code", &problem.code),
        ("request_id", &problem.request_id),
    ];
    let numbers = [
        ("status", problem.status.map(f64::from)),
        ("retry_after", problem.retry_after.map(|wait| wait as f64)),
    ];
    let given = texts.iter().filter(|(_, text)| text.is_some()).count()
        + numbers.iter().filter(|(_, number)| number.is_some()).count();
    writer.map(given + usize::from(!problem.errors.is_empty()) + problem.rest.len());
    for (name, text) in texts {
        if let Some(text) = text {
            writer.name(name);
            writer.text(text);
        }
    }
    for (name, number) in numbers {
        if let Some(number) = number {
            writer.name(name);
            writer.number(number);
        }
    }
    if !problem.errors.is_empty() {
        writer.name("errors");
        writer.list(problem.errors.len());
        for field in &problem.errors {
            writer.map(3);
            for (name, text) in
                [("pointer", &field.pointer), ("code", &field.code), ("detail", &field.detail)]
            {
                writer.name(name);
                writer.text(text);
            }
        }
    }
    for (name, value) in &problem.rest {
        writer.name(name);
        document(value, writer);
    }
}

fn document(value: &Document, writer: &mut Writer) {
    match value {
        Document::Null => writer.null(),
        Document::Flag(flag) => writer.flag(*flag),
        Document::Number(number) => writer.written_number(number),
        Document::Text(text) => writer.text(text),
        Document::List(items) => {
            writer.list(items.len());
            items.iter().for_each(|item| document(item, writer));
        }
        Document::Map(members) => {
            writer.map(members.len());
            for (name, value) in members {
                writer.name(name);
                document(value, writer);
            }
        }
    }
}

fn attempts(attempts: &[Attempt], writer: &mut Writer) {
    writer.list(attempts.len());
    for attempt in attempts {
        writer.map(6);
        writer.name("number");
        writer.number(f64::from(attempt.number));
        writer.name("delay_ms");
        writer.number(milliseconds(attempt.delay));
        writer.name("duration_ms");
        writer.number(milliseconds(attempt.duration));
        writer.name("status");
        writer.maybe_number(attempt.status.map(f64::from));
        writer.name("cause");
        writer.maybe_text(attempt.cause.map(Cause::as_str));
        writer.name("request_id");
        writer.maybe_text(attempt.request_id.as_deref());
    }
}

/// Name and value, one after the other.
fn headers(headers: &Headers, writer: &mut Writer) {
    writer.list(headers.len() * 2);
    for (name, value) in headers.iter() {
        writer.text(name);
        writer.text(value);
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
