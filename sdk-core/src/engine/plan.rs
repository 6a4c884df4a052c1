//! The plan of a call: its request with everything that is the same on each attempt (credentials, idempotency key, the client's and the call's
//! headers), and the settings that hold for it.

use std::time::Duration;

use super::arguments::Arguments;
use super::build::build_on;
use super::encode;
use super::error::Error;
use super::message::{Headers, Request};
use super::operation::{Operation, ResultKind, Retry};
use super::options::{CallOptions, ClientOptions};
use super::policy::backoff::Backoff;
use super::random::Seed;
use super::trace::TraceParent;

/// A call that is ready to be made. See [`AttemptLoop`](super::attempt::AttemptLoop).
#[derive(Debug, Clone)]
#[non_exhaustive]
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
    pub trace: Option<TraceParent>,
    pub(crate) seed: Seed,
}

impl Plan {
    /// Plans a call of `operation`.
    ///
    /// # Errors
    /// [`Error::Config`], naming every mistake: an argument that is missing, unknown or cannot be written, a header with a line break, a base
    /// URL that is none, a timeout of zero.
    pub fn new(
        operation: &'static Operation,
        arguments: &Arguments,
        client: &ClientOptions,
        call: &CallOptions,
        seed: Seed,
    ) -> Result<Self, Error> {
        let request = build_on(operation, arguments, client.base().as_deref().map_err(|reason| *reason))?;
        Self::complete(operation, request, client, call, seed)
    }

    /// Plans a call whose request another builder made (progenitor's client). Its own headers stand.
    ///
    /// # Errors
    /// [`Error::Config`]: see [`Self::new`]; and when the request leaves the base URL, since credentials go nowhere else.
    pub fn of_request(
        operation: &'static Operation,
        request: Request,
        client: &ClientOptions,
        call: &CallOptions,
        seed: Seed,
    ) -> Result<Self, Error> {
        let base = client.base().map_err(|reason| Error::config(format!("the base URL {reason}")))?;
        if !base.covers(&request.url) {
            let message = format!("{}: the request goes to another place than the base URL", operation.id);
            return Err(Error::config(message).of_operation(operation.id));
        }
        Self::complete(operation, request, client, call, seed)
    }

    fn complete(
        operation: &'static Operation,
        mut request: Request,
        client: &ClientOptions,
        call: &CallOptions,
        seed: Seed,
    ) -> Result<Self, Error> {
        let mut mistakes = Vec::new();
        call.check(operation, &mut mistakes);
        let mut headers = Headers::with_capacity(12);
        let settings = [
            ("user-agent", &client.user_agent),
            ("x-api-version", &client.api_version),
            ("x-tenant-id", &client.tenant),
        ];
        for (name, value) in settings {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        headers.merge(&client.headers);
        headers.absorb(std::mem::take(&mut request.headers));
        if let Some(media) = &call.accept {
            headers.insert("accept", media.clone());
        }
        headers.merge(&call.headers);
        if let Some(key) = &call.idempotency_key {
            headers.insert("idempotency-key", key.clone());
        } else if operation.idempotency_key && !headers.contains("idempotency-key") {
            headers.insert("idempotency-key", seed.idempotency_key());
        }
        client.credentials.apply(operation, &mut headers)?;
        for (name, value) in headers.iter() {
            if let Some(reason) = encode::header_name_mistake(name) {
                mistakes.push(format!("header `{}` {reason}", encode::printed(name)));
            }
            if let Some(reason) = encode::header_value_mistake(value) {
                mistakes.push(format!("header `{}` {reason}", encode::printed(name)));
            }
        }
        if let Some(error) = Error::config_of(operation.id, &mistakes) {
            return Err(error.of_operation(operation.id));
        }
        let trace = call.trace_parent.or_else(|| headers.get("traceparent").and_then(TraceParent::parse));
        let trace = trace.or_else(|| client.trace.then(|| TraceParent::start(&mut seed.trace_generator())));
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
            trace,
            seed,
        })
    }

    /// Method and URL without query, for messages.
    pub fn target(&self) -> String {
        let url = self.request.url.split('?').next().unwrap_or_default();
        format!("{} {url}", self.request.method)
    }

    /// May its answer be kept, to be confirmed next time?
    pub(crate) fn is_cacheable(&self) -> bool {
        let headers = &self.request.headers;
        self.request.method == "GET"
            && self.operation.retry == Retry::Safe
            && matches!(self.operation.result, ResultKind::Json | ResultKind::Text(_))
            && !headers.contains("if-none-match")
            && !headers.contains("range")
            && !headers.get("cache-control").is_some_and(|value| value.contains("no-store"))
    }
}
