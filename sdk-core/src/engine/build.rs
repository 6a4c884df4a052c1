//! From an operation and its arguments to a request, and to the plan of a call: the request with everything that is the same on each attempt,
//! and the settings that hold for this call. All of a caller's mistakes are found here, together, before anything is sent.

use std::time::Duration;

use bytes::Bytes;

use super::arguments::{Arguments, Payload};
use super::encode;
use super::error::{Error, Failure};
use super::message::{Headers, Request};
use super::operation::{Body, Location, Operation, ResultKind};
use super::options::{CallOptions, ClientOptions};
use super::policy::backoff::Backoff;
use super::random::Seed;
use super::trace::TraceParent;

/// A call that is ready to be made. See [`AttemptLoop`](super::attempt::AttemptLoop).
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is called.
    pub operation: &'static Operation,
    /// Identical on each attempt but for its `traceparent` and what the cache adds.
    pub request: Request,
    /// Of one attempt.
    pub timeout: Duration,
    /// Of opening a connection.
    pub connect_timeout: Duration,
    /// Of all attempts and waits.
    pub deadline: Duration,
    /// How often a failed attempt is sent again.
    pub max_retries: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// Hold back until the server said.
    pub pacing: bool,
    /// The largest answer that is read into memory.
    pub max_answer_bytes: usize,
    /// The trace that attempts are spans of.
    pub(crate) trace: Option<TraceParent>,
    /// Where jitter and ids come from.
    pub(crate) seed: Seed,
}

impl Plan {
    /// Plans a call of `operation`.
    ///
    /// # Errors
    /// [`Error::Config`], naming every mistake: an argument that is missing, unknown or cannot be written, a header with a line break, a base
    /// URL that is none.
    pub fn new(
        operation: &'static Operation,
        arguments: &Arguments,
        client: &ClientOptions,
        call: &CallOptions,
        seed: Seed,
    ) -> Result<Self, Error> {
        let request = build(operation, arguments, &client.base_url)?;
        Self::of_request(operation, request, client, call, seed)
    }

    /// Plans a call whose request another builder made (progenitor's client). Its own headers stand.
    ///
    /// # Errors
    /// [`Error::Config`]: see [`Self::new`]; and when the request leaves the base URL's origin, since credentials go nowhere else.
    pub fn of_request(
        operation: &'static Operation,
        mut request: Request,
        client: &ClientOptions,
        call: &CallOptions,
        seed: Seed,
    ) -> Result<Self, Error> {
        let given = std::mem::take(&mut request.headers);
        let mut headers = Headers::new();
        if let Some(user_agent) = &client.user_agent {
            headers.insert("user-agent", user_agent.clone());
        }
        headers.merge(&client.headers);
        headers.merge(&given);
        headers.merge(&call.headers);
        client.credentials.apply(operation, &mut headers);
        request.headers = headers;
        Ok(Self {
            operation,
            request,
            timeout: call.timeout.unwrap_or(client.timeout),
            connect_timeout: client.connect_timeout,
            deadline: call.deadline.unwrap_or(client.deadline),
            max_retries: call.max_retries.unwrap_or(client.max_retries),
            backoff: client.backoff,
            pacing: client.pacing,
            max_answer_bytes: client.max_answer_bytes,
            trace: call.trace_parent,
            seed,
        })
    }
}

/// Builds the request of an operation: URL, the headers that its arguments and its body make, and the body.
///
/// # Errors
/// [`Error::Config`], naming every mistake.
pub fn build(operation: &'static Operation, arguments: &Arguments, base_url: &str) -> Result<Request, Error> {
    let mut mistakes = arguments.mistakes.clone();
    let mut url = base_url.trim_end_matches('/').to_owned();
    let mut path = operation.path.to_owned();
    for (name, value) in &arguments.path {
        path = path.replace(&format!("{{{name}}}"), &encode::component(value));
    }
    url.push_str(&path);
    let mut separator = '?';
    for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Query) {
        for (_, value) in arguments.query.iter().filter(|(name, _)| *name == parameter.name) {
            url.push(separator);
            separator = '&';
            url.push_str(&encode::component(parameter.name));
            url.push('=');
            url.push_str(&encode::component(value));
        }
    }
    let mut headers = Headers::new();
    for (name, value) in &arguments.headers {
        headers.append(*name, value.clone());
    }
    let body = match (&arguments.body, operation.body) {
        (None, _) => Bytes::new(),
        (Some(Payload::Json(body)), _) => {
            headers.insert("content-type", "application/json");
            body.clone()
        }
        (Some(Payload::Form(body)), _) => {
            headers.insert("content-type", "application/x-www-form-urlencoded");
            body.clone()
        }
        (Some(Payload::Bytes(body)), kind) => {
            headers.insert(
                "content-type",
                if let Body::Bytes(media) = kind { media } else { "application/octet-stream" },
            );
            body.clone()
        }
    };
    match operation.result {
        ResultKind::Json => headers.insert("accept", "application/json"),
        ResultKind::Text(media) => headers.insert("accept", media),
        ResultKind::Bytes(media) => headers.insert("accept", media.first().copied().unwrap_or("*/*")),
        ResultKind::EventStream => headers.insert("accept", "text/event-stream"),
        ResultKind::None => {}
    }
    if operation.path.contains('{') && arguments.path.is_empty() {
        mistakes.push("a path argument is missing".to_owned());
    }
    if mistakes.is_empty() {
        Ok(Request { method: operation.method, url, headers, body })
    } else {
        let mut failure = Failure::new(format!("{}: {}", operation.id, mistakes.join("; ")));
        failure.operation = Some(operation.id);
        Err(Error::Config(Box::new(failure)))
    }
}
