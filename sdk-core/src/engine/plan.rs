//! The plan of a call: its request with everything that is the same on each attempt (credentials, idempotency key, the client's and the call's
//! headers), and the settings that hold for it.

use std::time::Duration;

use super::arguments::Arguments;
use super::build::build_on;
use super::credentials::Credentials;
use super::encode;
use super::error::Error;
use super::message::{Headers, Request};
use super::operation::{Operation, ResultKind, Retry};
use super::options::{CallOptions, ClientOptions, check_words};
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
    /// It is sent with an access token that is got for it.
    pub(crate) token: bool,
    /// See [`Terms`](super::course::Terms).
    pub(crate) answered_only: bool,
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
        call.check_times(&mut mistakes);
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
        let own = Own {
            accept: call.accept.as_deref(),
            idempotency_key: call.idempotency_key.as_deref(),
            headers: &call.headers,
        };
        let (headers, token) = own.complete(operation, headers, &client.credentials, seed, &mut mistakes);
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
            token,
            answered_only: false,
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

/// What one call says itself about its headers.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The media type to ask for.
    pub accept: Option<&'a str>,
    /// In place of a key made for the call.
    pub idempotency_key: Option<&'a str>,
    /// They replace others of their names.
    pub headers: &'a Headers,
}

impl Own<'_> {
    /// Completes the headers of the client and of the request: the call's own, the idempotency key, the credentials. What is wrong with them, whoever
    /// set them, is told in `mistakes`. Also answered: does it need an access token that has to be got? See [`Credentials::apply`].
    pub fn complete(
        self,
        operation: &Operation,
        mut headers: Headers,
        credentials: &Credentials,
        seed: Seed,
        mistakes: &mut Vec<String>,
    ) -> (Headers, bool) {
        check_words(operation, self.idempotency_key, self.accept, mistakes);
        if let Some(media) = self.accept {
            headers.insert("accept", media);
        }
        headers.merge(self.headers);
        if let Some(key) = self.idempotency_key {
            headers.insert("idempotency-key", key);
        } else if operation.idempotency_key && !headers.contains("idempotency-key") {
            headers.insert("idempotency-key", seed.idempotency_key());
        }
        let token = credentials.apply(operation, &mut headers);
        encode::check_headers(headers.iter(), mistakes);
        (headers, token)
    }
}
