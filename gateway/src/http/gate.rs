//! The gate: what every operation's request goes through between the router and the handler.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::headers::Common;
use super::idempotency::{self, Hashes, InFlight};
use super::limits::{Limiter, Plan, Quota, Who};
use super::{Caller, Context, Error, FieldError, Idempotency, accept, etag, permits, problem, refuse, trace};
use crate::Gateway;
use crate::config::RateLimitsConfig;
use crate::generated::operation::Scheme;
use crate::generated::{Answer, Call, Content, Failure, Gate, Input, Operation, Rejection, Unrouted};
use crate::store::Recorded;

/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The gate's state; shared by every request.
pub(super) struct Pipeline {
    gateway: Arc<Gateway>,
    limiter: Limiter,
    plans: Plans,
    in_flight: InFlight,
    hashes: Hashes,
    common: Common,
    /// The zero of the limiter's clock.
    started: Instant,
}

/// What is known of a request when it arrives. The service puts it into the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) request_id: String,
    pub(super) peer: IpAddr,
    pub(super) at: Instant,
}

impl Arrival {
    pub(super) fn new(headers: &HeaderMap, peer: IpAddr) -> Self {
        Self { request_id: trace::request_id(headers), peer, at: Instant::now() }
    }
}

/// What is found out on the way, for the headers and the record of the answer.
#[derive(Debug, Default)]
struct Trail<'p> {
    operation: Option<&'static Operation>,
    caller: Option<String>,
    quota: Option<(Quota, &'p Plan)>,
    replayed: bool,
}

/// The plans of the tiers.
struct Plans {
    enabled: bool,
    anonymous: Plan,
    tiers: [(&'static str, Plan); 5],
}

impl Plans {
    fn new(rates: &RateLimitsConfig) -> Self {
        Self {
            enabled: rates.enabled,
            anonymous: Plan::new(&rates.anonymous),
            tiers: ["free", "basic", "premium", "enterprise", "admin"]
                .map(|name| (name, Plan::new(rates.tier(name)))),
        }
    }

    /// The plan of a tier; of an unknown one the plan of `free`, the first.
    fn tier(&self, name: &str) -> &Plan {
        let [(_, free), ..] = &self.tiers;
        self.tiers.iter().find(|(known, _)| *known == name).map_or(free, |(_, plan)| plan)
    }
}

impl Pipeline {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            limiter: Limiter::default(),
            plans: Plans::new(&gateway.config.rate_limits),
            in_flight: InFlight::default(),
            hashes: Hashes::new(&gateway.secrets),
            common: Common::new(),
            started: Instant::now(),
            gateway,
        }
    }

    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Everything between the router and the answer; an error becomes a problem in one place.
    async fn walk<'p>(
        &'p self,
        call: &Call<Context, Error>,
        parts: &Parts,
        body: Body,
        arrival: &Arrival,
        trail: &mut Trail<'p>,
    ) -> Result<Response, Error> {
        let operation = call.operation;
        let caller = self.admit(operation, &parts.headers, arrival, trail).await?;
        let accepts = refuse::single(&parts.headers, "accept").unwrap_or(None);
        if !accept::acceptable(accepts, operation.produces) {
            let detail = format!(
                "This operation answers {}. Widen the Accept header.",
                operation.produces.join(" or ")
            );
            return Err(Error::new(406, "not_acceptable", detail));
        }
        let key = if operation.idempotency_key { idempotency::key(&parts.headers)? } else { None };
        let body = self.read(operation, parts, body).await?;
        let input = call.decode(parts, body.clone()).map_err(rejected)?;
        match key {
            None => {
                let context =
                    Context::new(arrival.request_id.clone(), caller, None).with_headers(&parts.headers);
                let context =
                    if operation.lenient { context.with_all_headers(&parts.headers) } else { context };
                let answer = self.run(call, context, input).await?;
                Ok(respond(operation, parts, answer))
            }
            Some(key) => {
                let idempotency = self.hashes.of(operation, &caller, key, parts, &body);
                self.once(call, parts, caller, idempotency, input, arrival, trail).await
            }
        }
    }

    /// Finds out who calls, counts the call, and holds the caller to the operation's permission.
    /// Calls that are refused for what the caller is or may do are counted as well.
    async fn admit<'p>(
        &'p self,
        operation: &'static Operation,
        headers: &HeaderMap,
        arrival: &Arrival,
        trail: &mut Trail<'p>,
    ) -> Result<Caller, Error> {
        let anonymous = Caller::Anonymous { address: arrival.peer };
        let caller = match operation.security.is_empty() {
            true => Ok(anonymous.clone()),
            false => match self.gateway.authenticate(headers, arrival.peer).await {
                Ok(caller) => check_scheme(operation, headers, &caller).map(|()| caller),
                Err(error) => Err(error),
            },
        };
        let counted = caller.as_ref().unwrap_or(&anonymous);
        self.count(operation, counted, trail)?;
        let caller = caller?;
        if let Caller::Known(identity) = &caller {
            trail.caller = Some(identity.user_id.clone());
            if let Some(permission) = operation.permission
                && !permits(&identity.permissions, permission)
            {
                return Err(Error::permission_denied(permission));
            }
        }
        Ok(caller)
    }

    fn count<'p>(
        &'p self,
        operation: &Operation,
        caller: &Caller,
        trail: &mut Trail<'p>,
    ) -> Result<(), Error> {
        if !self.plans.enabled {
            return Ok(());
        }
        let (who, plan) = match caller {
            Caller::Anonymous { address } => (Who::Address(*address), &self.plans.anonymous),
            Caller::Known(identity) => {
                (Who::User(&identity.user_id, &identity.tier), self.plans.tier(&identity.tier))
            }
        };
        let Some(quota) = self.limiter.take(who, plan, operation.rate_cost, self.started.elapsed()) else {
            return Ok(());
        };
        trail.quota = Some((quota, plan));
        if quota.allowed {
            return Ok(());
        }
        let Quota { window, limit, reset, .. } = quota;
        let detail = format!("The limit of {limit} calls a {window} is spent. Try again in {reset} seconds.");
        Err(Error { retry_after: Some(reset), ..Error::new(429, "rate_limited", detail) })
    }

    /// The whole body, of the right media type, within the limit and in time.
    async fn read(&self, operation: &Operation, parts: &Parts, body: Body) -> Result<Bytes, Error> {
        let Some(expected) = operation.body.media_type() else { return Ok(Bytes::new()) };
        let wrong_type = || {
            let detail = format!("The body must be {expected}; say so in Content-Type.");
            Err(Error::new(415, "unsupported_media_type", detail))
        };
        let content_type = refuse::single(&parts.headers, "content-type")?;
        if content_type.is_some_and(|content_type| !operation.body.accepts(content_type)) {
            return wrong_type();
        }
        if refuse::single(&parts.headers, "content-encoding")?.is_some_and(|encoding| encoding != "identity")
        {
            let detail = "The body must not be compressed; leave Content-Encoding out.";
            return Err(Error::new(415, "unsupported_media_type", detail));
        }
        let limits = &self.gateway.config.limits;
        let too_large = || {
            let detail =
                format!("The body has more than {} bytes, the most that is taken.", limits.body_bytes);
            Error::new(413, "body_too_large", detail)
        };
        let most = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        let announced =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > u64::from(limits.body_bytes)) {
            return Err(too_large());
        }
        match tokio::time::timeout(limits.body_timeout, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => {
                let body = body.to_bytes();
                if content_type.is_none() && !body.is_empty() { wrong_type() } else { Ok(body) }
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => {
                Err(Error::bad_request("malformed_request", "The body ended before it was complete."))
            }
            Err(_) => {
                let seconds = limits.body_timeout.as_secs();
                let detail =
                    format!("The body did not arrive within {seconds} seconds. Send the request again.");
                Err(Error::new(408, "request_timeout", detail))
            }
        }
    }

    async fn run(
        &self,
        call: &Call<Context, Error>,
        context: Context,
        input: Input,
    ) -> Result<Answer, Error> {
        let limit = self.gateway.config.limits.request_timeout;
        match tokio::time::timeout(limit, call.run(context, input)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Handler(error))) => Err(error),
            Ok(Err(Failure::Rejected(rejection))) => Err(rejected(rejection)),
            Ok(Err(Failure::Unwritable(error))) => Err(Error::internal(error)),
            Err(_) => {
                let seconds = limit.as_secs();
                let detail = format!(
                    "The gateway did not finish within {seconds} seconds. The work may have been done: \
                     ask again with the same Idempotency-Key."
                );
                Err(Error::new(504, "timeout", detail))
            }
        }
    }

    /// Runs the handler at most once under a key, and gives the first answer again.
    #[allow(clippy::too_many_arguments, reason = "all of it is the request")]
    async fn once(
        &self,
        call: &Call<Context, Error>,
        parts: &Parts,
        caller: Caller,
        idempotency: Idempotency,
        input: Input,
        arrival: &Arrival,
        trail: &mut Trail<'_>,
    ) -> Result<Response, Error> {
        let _taken = self.in_flight.enter(&idempotency)?;
        if let Some(recorded) = self.gateway.store.find(&idempotency.scope).await? {
            if recorded.fingerprint != idempotency.fingerprint {
                return Err(idempotency::reused());
            }
            trail.replayed = true;
            return Ok(replay(recorded, arrival));
        }
        let context = Context::new(arrival.request_id.clone(), caller, Some(idempotency.clone()));
        let context = context.with_headers(&parts.headers);
        match self.run(call, context, input).await {
            Ok(answer) => Ok(respond(call.operation, parts, answer)),
            Err(error) if is_kept(&error) => {
                let document = problem::document(&error, parts.uri.path(), &arrival.request_id);
                let Idempotency { scope, fingerprint, .. } = &idempotency;
                self.gateway.store.record(scope, fingerprint, error.status, &document).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The last steps of every answer, whoever made it.
    fn finish(
        &self,
        mut response: Response,
        parts: &Parts,
        arrival: &Arrival,
        trail: &Trail<'_>,
        fault: Option<&Error>,
    ) -> Response {
        if trail.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        self.common.add(response.headers_mut(), trail.operation, &arrival.request_id, trail.quota);
        let status = response.status();
        let elapsed = arrival.at.elapsed();
        let operation = trail.operation.map(|operation| operation.id);
        self.gateway.metrics.request_finished(operation, status.as_u16(), elapsed);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.gateway.metrics.rate_limited(operation);
        }
        let code = fault.map(|fault| fault.code.as_ref());
        let trace_id = trace::trace_id(&parts.headers);
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let (request_id, caller) = (arrival.request_id.as_str(), trail.caller.as_deref());
        let (status, micros) = (status.as_u16(), u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
        match fault.and_then(|fault| fault.source.as_deref()) {
            Some(cause) if status >= 500 => {
                let cause = causes(cause);
                tracing::error!(
                    request_id, trace_id, operation, method, path, status, code, caller, micros, cause,
                    "request"
                );
            }
            _ => tracing::info!(
                request_id, trace_id, operation, method, path, status, code, caller, micros, "request"
            ),
        }
        response
    }

    /// An error that has no operation, or did not come out of one, as an answer.
    pub(super) fn refuse(&self, error: &Error, parts: &Parts, arrival: &Arrival) -> Response {
        self.fault(error, parts, arrival, &Trail::default())
    }

    /// Finishes an answer that was made before routing.
    pub(super) fn complete(&self, response: Response, parts: &Parts, arrival: &Arrival) -> Response {
        self.finish(response, parts, arrival, &Trail::default(), None)
    }

    fn fault(&self, error: &Error, parts: &Parts, arrival: &Arrival, trail: &Trail<'_>) -> Response {
        let (path, request_id) = (parts.uri.path(), &arrival.request_id);
        let response = match trail.operation {
            Some(operation) if operation.errors == "application/json" => {
                problem::oauth_response(error, path, request_id)
            }
            _ => problem::response(error, problem::document(error, path, request_id)),
        };
        self.finish(response, parts, arrival, trail, Some(error))
    }
}

impl Gate for Pipeline {
    type Context = Context;
    type Error = Error;

    async fn serve(&self, call: &Call<Context, Error>, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let arrival = arrival(&mut parts);
        let mut trail = Trail { operation: Some(call.operation), ..Trail::default() };
        // A panic ends one request: locks recover from poison, a transaction that is dropped is rolled back.
        let walk = AssertUnwindSafe(self.walk(call, &parts, body, &arrival, &mut trail)).catch_unwind().await;
        match walk.unwrap_or_else(|panic| Err(Error::internal(panic_text(&*panic)))) {
            Ok(response) => self.finish(response, &parts, &arrival, &trail, None),
            Err(error) => self.fault(&error, &parts, &arrival, &trail),
        }
    }

    async fn unrouted(&self, request: Request, reason: Unrouted) -> Response {
        let (mut parts, _) = request.into_parts();
        let arrival = arrival(&mut parts);
        match reason {
            Unrouted::Method(allow) if parts.method == Method::OPTIONS => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
                self.finish(response, &parts, &arrival, &Trail::default(), None)
            }
            Unrouted::Method(allow) => {
                let detail =
                    format!("{} does not take {}; it takes {allow}.", parts.uri.path(), parts.method);
                let mut response =
                    self.refuse(&Error::new(405, "method_not_allowed", detail), &parts, &arrival);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
                response
            }
            Unrouted::Path => self.refuse(&unknown_path(parts.uri.path()), &parts, &arrival),
        }
    }
}

fn arrival(parts: &mut Parts) -> Arrival {
    let arrival = parts.extensions.remove::<Arrival>();
    arrival.unwrap_or_else(|| Arrival::new(&parts.headers, Ipv4Addr::UNSPECIFIED.into()))
}

fn unknown_path(path: &str) -> Error {
    let hint = match path.len() > 1 && path.ends_with('/') {
        true => " Paths have no slash at the end.",
        false => " The paths are listed at /docs.",
    };
    let path: String = path.chars().take(256).collect();
    Error::new(404, "not_found", format!("There is nothing under `{path}`.{hint}"))
}

/// A credential of a kind that the operation does not take is none.
fn check_scheme(operation: &Operation, headers: &HeaderMap, caller: &Caller) -> Result<(), Error> {
    let presented = |scheme: &Scheme| match scheme {
        Scheme::Bearer => headers.contains_key(header::AUTHORIZATION),
        Scheme::Header(name) => headers.contains_key(*name),
        Scheme::Cookie(_) => headers.contains_key(header::COOKIE),
    };
    match caller {
        Caller::Anonymous { .. } if operation.security.iter().any(|schemes| schemes.is_empty()) => Ok(()),
        Caller::Anonymous { .. } => Err(Error::unauthenticated()),
        Caller::Known(_) if operation.security.iter().any(|schemes| schemes.iter().all(presented)) => Ok(()),
        Caller::Known(_) => {
            let ways =
                operation.security.iter().flat_map(|schemes| schemes.iter()).map(|scheme| match scheme {
                    Scheme::Bearer => Cow::Borrowed("a bearer token"),
                    Scheme::Header(name) => Cow::Owned(format!("the header {name}")),
                    Scheme::Cookie(name) => Cow::Owned(format!("the cookie {name}")),
                });
            let ways = ways.collect::<Vec<_>>().join(" or ");
            let detail = format!("This operation takes {ways}, not the credentials that were sent.");
            Err(Error { detail, ..Error::unauthenticated() })
        }
    }
}

fn rejected(rejection: Rejection) -> Error {
    match rejection {
        Rejection::Malformed { line: 0, reason, .. } => {
            Error::bad_request("malformed_request", format!("The body is empty: {reason}."))
        }
        Rejection::Malformed { line, column, reason } => {
            let detail = format!("The body is not JSON: {reason} at line {line}, column {column}.");
            Error::bad_request("malformed_request", detail)
        }
        Rejection::Invalid(fields) => Error::invalid(
            fields
                .into_iter()
                .map(|field| FieldError {
                    pointer: field.pointer,
                    code: field.code.into(),
                    detail: field.detail,
                })
                .collect(),
        ),
    }
}

/// Client errors are given again; but not those that say "later", nor those of the server.
fn is_kept(error: &Error) -> bool {
    matches!(error.status, 400..=499)
        && !matches!(error.status, 408 | 425 | 429)
        && error.code != "idempotency_in_flight"
}

fn replay(recorded: Recorded, arrival: &Arrival) -> Response {
    let Recorded { status, body, .. } = recorded;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_empty() {
        return response;
    }
    let (media_type, body) = match status {
        400.. => ("application/problem+json", problem::retold(&body, &arrival.request_id).unwrap_or(body)),
        _ => ("application/json", body),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    *response.body_mut() = Body::from(body);
    response
}

/// An answer as a response; to a GET with its tag, and without its body if the caller has that already.
fn respond(operation: &Operation, parts: &Parts, answer: Answer) -> Response {
    let tag = match &answer.content {
        // A page of a browser is of one person and one moment: its forms have tokens.
        Content::Full(body) if operation.method == "GET" && !operation.lenient => Some(etag::of(body)),
        Content::Full(_) | Content::Empty | Content::Stream(_) => None,
    };
    let Some(tag) = tag else { return answer.into_response() };
    let mut response = match etag::is_known(&parts.headers, &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => answer.into_response(),
    };
    if let Some(tag) = etag::header(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An error and everything that it says caused it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("a handler panicked: {}", text.as_deref().unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::generated::operations::{SYSTEM_HEALTH, WALLETS_CREATE};

    async fn pipeline(request_timeout: Duration) -> (tempfile::TempDir, Pipeline) {
        let directory = tempfile::tempdir().unwrap();
        let mut config = crate::Config { data_dir: directory.path().to_owned(), ..crate::Config::default() };
        config.limits.request_timeout = request_timeout;
        (directory, Pipeline::new(Arc::new(Gateway::open(config).await.unwrap())))
    }

    async fn problem(response: Response) -> (u16, serde_json::Value) {
        let status = response.status().as_u16();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(response.headers().contains_key("x-request-id"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_500_that_says_nothing_of_it() {
        let (_directory, pipeline) = pipeline(Duration::from_secs(5)).await;
        let call = Call::new(&SYSTEM_HEALTH, |_, _| Box::pin(async { panic!("the secret is 42") })).unwrap();
        let answer = pipeline.serve(&call, Request::get("/health").body(Body::empty()).unwrap()).await;
        let (status, problem) = problem(answer).await;
        assert_eq!((status, &problem["code"]), (500, &"internal".into()));
        assert!(!problem.to_string().contains("42"));
    }

    #[tokio::test]
    async fn a_handler_that_does_not_end_is_a_504_in_time() {
        let (_directory, pipeline) = pipeline(Duration::from_millis(20)).await;
        let call = Call::new(&SYSTEM_HEALTH, |_, _| Box::pin(std::future::pending())).unwrap();
        let answer = pipeline.serve(&call, Request::get("/health").body(Body::empty()).unwrap()).await;
        let (status, problem) = problem(answer).await;
        assert_eq!((status, &problem["code"]), (504, &"timeout".into()));
    }

    #[tokio::test]
    async fn a_server_error_is_not_kept_under_its_key_and_gives_the_key_back() {
        let (_directory, pipeline) = pipeline(Duration::from_secs(5)).await;
        let idempotency = Idempotency { scope: [7; 32], fingerprint: [7; 32], status: 201 };
        let call = Call::new(&WALLETS_CREATE, |_, _| {
            Box::pin(async { Err(Failure::Handler(Error::internal("the disk is on fire"))) })
        })
        .unwrap();
        let request = || {
            let request = Request::post("/v1/wallets").body(()).unwrap();
            request.into_parts().0
        };
        for _ in 0..2 {
            let parts = request();
            let input = call.decode(&parts, Bytes::from_static(br#"{"currency":"EUR"}"#)).unwrap();
            let arrival = Arrival::new(&parts.headers, Ipv4Addr::LOCALHOST.into());
            let caller = Caller::Anonymous { address: arrival.peer };
            let mut trail = Trail::default();
            let once =
                pipeline.once(&call, &parts, caller, idempotency.clone(), input, &arrival, &mut trail).await;
            assert_eq!(once.unwrap_err().status, 500);
            assert!(!trail.replayed);
        }
        assert_eq!(pipeline.gateway.store.find(&[7; 32]).await.unwrap(), None);
    }
}
