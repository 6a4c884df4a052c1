//! The gate: what every operation's request goes through between the router and the handler.

use std::borrow::Cow;
use std::error::Error as Cause;
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
use waypost_proxy::{Refusal, Visit};

use super::headers::Common;
use super::idempotency::{self, Hashes, InFlight};
use super::single::single;
use super::{Caller, Context, Error, FieldError, Idempotency, Identity, accept, etag, problem};
use crate::Gateway;
use crate::audit;
use crate::generated::operation::Scheme;
use crate::generated::{
    Answer, Call, Content, Failure, Gate, Input, OPERATIONS, Operation, Rejection, Unrouted,
};
use crate::realtime::upgrade;
use crate::store::Recorded;

/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The gate's state; shared by every request.
pub(super) struct Pipeline {
    gateway: Arc<Gateway>,
    in_flight: InFlight,
    hashes: Hashes,
    common: Common,
    /// The operations' ids, by `Operation::index`.
    endpoints: Vec<Arc<str>>,
    /// What logs and analytics call upgrades to WebSockets.
    sockets: Arc<str>,
}

/// What is known of a request when it arrives. The service puts it into the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    request_id: String,
    peer: IpAddr,
    at: Instant,
    /// The way back to the data plane; none where the gateway is asked without one, and then nobody is counted.
    visit: Option<Visit>,
}

impl Arrival {
    /// Without a data plane.
    pub(super) fn alone(peer: IpAddr) -> Self {
        Self { request_id: crate::secrets::id::fleeting("req"), peer, at: Instant::now(), visit: None }
    }
}

impl From<Visit> for Arrival {
    fn from(visit: Visit) -> Self {
        let exchange = visit.exchange();
        let (request_id, peer, at) = (exchange.request_id.clone(), exchange.client, exchange.at);
        Self { request_id, peer, at, visit: Some(visit) }
    }
}

/// What is found out on the way, for the headers and the record of the answer.
#[derive(Debug, Default)]
struct Trail {
    operation: Option<&'static Operation>,
    replayed: bool,
}

/// Why a request gets no answer of its handler: what its caller is told, and what the log is.
struct Fault {
    refusal: Refusal,
    cause: Option<Box<dyn Cause + Send + Sync>>,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { refusal: problem::refusal(&error), cause: error.source }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, cause: None }
    }
}

impl Pipeline {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            in_flight: InFlight::default(),
            hashes: Hashes::new(&gateway.secrets),
            common: Common::new(),
            endpoints: OPERATIONS.iter().map(|operation| Arc::from(operation.id)).collect(),
            sockets: Arc::from("realtime_connect"),
            gateway,
        }
    }

    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Everything between the router and the answer; an error becomes a problem in one place.
    async fn walk(
        &self,
        call: &Call<Context, Error>,
        parts: &Parts,
        body: Body,
        arrival: &Arrival,
        trail: &mut Trail,
    ) -> Result<Response, Fault> {
        let operation = call.operation;
        let caller = self.admit(operation, &parts.headers, arrival).await?;
        let accepts = single(&parts.headers, "accept").unwrap_or(None);
        if !accept::acceptable(accepts, operation.produces) {
            let detail = format!(
                "This operation answers {}. Widen the Accept header.",
                operation.produces.join(" or ")
            );
            return Err(Error::new(406, "not_acceptable", detail).into());
        }
        let key = if operation.idempotency_key { idempotency::key(&parts.headers)? } else { None };
        let body = self.read(operation, parts, body).await?;
        let input = call.decode(parts, body.clone()).map_err(rejected)?;
        match key {
            None => {
                let context = Context::new(arrival.request_id.clone(), caller, None)
                    .with_headers(&parts.headers)
                    .with_peer(arrival.peer);
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

    /// Finds out who calls, has the call counted, and holds the caller to the operation's permission. Calls that are refused for what the caller is or may do
    /// are counted as well; bad credentials are nobody's, so those calls are the address's.
    async fn admit(
        &self,
        operation: &'static Operation,
        headers: &HeaderMap,
        arrival: &Arrival,
    ) -> Result<Caller, Fault> {
        let caller = match operation.security.is_empty() {
            true => Ok(Caller::Anonymous { address: arrival.peer }),
            false => match self.gateway.authenticate(headers, arrival.peer).await {
                Ok(caller) => check_scheme(operation, headers, &caller).map(|()| caller),
                Err(error) => Err(error),
            },
        };
        if let Some(visit) = &arrival.visit {
            let counted = match &caller {
                Ok(Caller::Known(identity)) => Some(counted(identity)),
                Ok(Caller::Anonymous { .. }) | Err(_) => None,
            };
            visit.count(counted, operation.rate_cost).await?;
        }
        let caller = caller?;
        if let Caller::Known(identity) = &caller
            && let Some(permission) = operation.permission
            && !identity.may(permission)
        {
            let context =
                Context::new(arrival.request_id.clone(), caller.clone(), None).with_peer(arrival.peer);
            self.denied(operation, &context);
            return Err(Error::permission_denied(permission).into());
        }
        Ok(caller)
    }

    /// An upgrade to a WebSocket: counted and refused as an operation is, answered by whoever has the sockets.
    pub(super) async fn socket(&self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        let arrival = arrival(&mut parts);
        if let Some(visit) = &arrival.visit {
            visit.asks_for(&self.sockets);
        }
        match self.open(&mut parts, &arrival).await {
            Ok(response) => self.finish(response, &arrival, &Trail::default()),
            Err(fault) => self.fault(fault, &parts, &arrival, &Trail::default()),
        }
    }

    async fn open(&self, parts: &mut Parts, arrival: &Arrival) -> Result<Response, Fault> {
        let caller = upgrade::caller(&self.gateway, &parts.headers, arrival.peer).await;
        if let Some(visit) = &arrival.visit {
            let counted = match &caller {
                Ok(Caller::Known(identity)) => Some(counted(identity)),
                Ok(Caller::Anonymous { .. }) | Err(_) => None,
            };
            visit.count(counted, 1).await?;
        }
        Ok(upgrade::upgrade(&self.gateway, parts, &caller?, arrival.peer).await?)
    }

    /// Notes for the audit trail that a call was denied.
    fn denied(&self, operation: &Operation, context: &Context) {
        if let Caller::Known(identity) = context.caller() {
            let refusal = audit::Refusal::denied(identity, operation.id, context);
            self.gateway.refusals.note(refusal, context.request_id(), self.gateway.store.now());
        }
    }

    /// The whole body, of the right media type, within the limit and in time.
    async fn read(&self, operation: &Operation, parts: &Parts, body: Body) -> Result<Bytes, Error> {
        let Some(expected) = operation.body.media_type() else { return Ok(Bytes::new()) };
        let wrong_type = || {
            let detail = format!("The body must be {expected}; say so in Content-Type.");
            Err(Error::new(415, "unsupported_media_type", detail))
        };
        let content_type = single(&parts.headers, "content-type")?;
        if content_type.is_some_and(|content_type| !operation.body.accepts(content_type)) {
            return wrong_type();
        }
        if single(&parts.headers, "content-encoding")?.is_some_and(|encoding| encoding != "identity") {
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
        let caller = context.clone();
        match tokio::time::timeout(limit, call.run(context, input)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Handler(error))) => {
                if error.status == 403 {
                    self.denied(call.operation, &caller);
                }
                Err(error)
            }
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
        trail: &mut Trail,
    ) -> Result<Response, Fault> {
        let _taken = self.in_flight.enter(&idempotency)?;
        if let Some(recorded) = self.gateway.store.find(&idempotency.scope).await.map_err(Error::from)? {
            if recorded.fingerprint != idempotency.fingerprint {
                return Err(idempotency::reused().into());
            }
            trail.replayed = true;
            return Ok(replay(recorded, arrival));
        }
        let context = Context::new(arrival.request_id.clone(), caller, Some(idempotency.clone()));
        let context = context.with_headers(&parts.headers).with_peer(arrival.peer);
        match self.run(call, context, input).await {
            Ok(answer) => Ok(respond(call.operation, parts, answer)),
            Err(error) if is_kept(&error) => {
                let status = error.status;
                let fault = Fault::from(error);
                let document = fault.refusal.document(&arrival.request_id, parts.uri.path());
                let Idempotency { scope, fingerprint, .. } = &idempotency;
                self.gateway
                    .store
                    .record(scope, fingerprint, status, document.as_bytes())
                    .await
                    .map_err(Error::from)?;
                Err(fault)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The last steps of every answer, whoever made it.
    fn finish(&self, mut response: Response, arrival: &Arrival, trail: &Trail) -> Response {
        if trail.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        self.common.add(response.headers_mut(), trail.operation);
        let status = response.status();
        let operation = trail.operation.map(|operation| operation.id);
        self.gateway.metrics.request_finished(operation, status.as_u16(), arrival.at.elapsed());
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.gateway.metrics.rate_limited(operation);
        }
        response
    }

    /// A problem as an answer. What caused it is for the log alone.
    fn fault(&self, fault: Fault, parts: &Parts, arrival: &Arrival, trail: &Trail) -> Response {
        let Fault { refusal, cause } = fault;
        if let Some(cause) = cause {
            let (cause, operation) = (causes(&*cause), trail.operation.map(|operation| operation.id));
            tracing::error!(
                request_id = arrival.request_id,
                operation,
                code = refusal.code(),
                cause,
                "failed"
            );
        }
        if let Some(visit) = &arrival.visit {
            visit.refused(refusal.code());
        }
        let errors = trail.operation.map(|operation| operation.errors);
        let answer = problem::answer(refusal, errors, &arrival.request_id, parts.uri.path()).map(Body::new);
        self.finish(answer, arrival, trail)
    }
}

/// Who is counted.
fn counted(identity: &Identity) -> Arc<waypost_proxy::Caller> {
    Arc::new(waypost_proxy::Caller {
        name: identity.user_id.clone(),
        tenant: Some(identity.tenant_id.clone()),
        tier: Some(identity.tier.clone()),
        permissions: Vec::new(),
    })
}

impl Gate for Pipeline {
    type Context = Context;
    type Error = Error;

    async fn serve(&self, call: &Call<Context, Error>, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let arrival = arrival(&mut parts);
        let mut trail = Trail { operation: Some(call.operation), ..Trail::default() };
        if let (Some(visit), Some(endpoint)) = (&arrival.visit, self.endpoints.get(call.operation.index)) {
            visit.asks_for(endpoint);
        }
        // A panic ends one request: locks recover from poison, a transaction that is dropped is rolled back.
        let walk = AssertUnwindSafe(self.walk(call, &parts, body, &arrival, &mut trail)).catch_unwind().await;
        match walk.unwrap_or_else(|panic| Err(Error::internal(panic_text(&*panic)).into())) {
            Ok(response) => self.finish(response, &arrival, &trail),
            Err(fault) => self.fault(fault, &parts, &arrival, &trail),
        }
    }

    async fn unrouted(&self, request: Request, reason: Unrouted) -> Response {
        let (mut parts, _) = request.into_parts();
        let arrival = arrival(&mut parts);
        match reason {
            Unrouted::Method(allow) if parts.method == Method::OPTIONS => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
                self.finish(response, &arrival, &Trail::default())
            }
            Unrouted::Method(allow) => {
                let detail =
                    format!("{} does not take {}; it takes {allow}.", parts.uri.path(), parts.method);
                let error = Error::new(405, "method_not_allowed", detail);
                let mut response = self.fault(error.into(), &parts, &arrival, &Trail::default());
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
                response
            }
            Unrouted::Path => {
                self.fault(unknown_path(parts.uri.path()).into(), &parts, &arrival, &Trail::default())
            }
        }
    }
}

fn arrival(parts: &mut Parts) -> Arrival {
    let arrival = parts.extensions.remove::<Arrival>();
    arrival.unwrap_or_else(|| Arrival::alone(Ipv4Addr::UNSPECIFIED.into()))
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
        Scheme::Bearer | Scheme::OAuth2 => headers.contains_key(header::AUTHORIZATION),
        Scheme::Header(name) => headers.contains_key(*name),
        Scheme::Cookie(_) => headers.contains_key(header::COOKIE),
    };
    let takes = |kind: fn(&Scheme) -> bool| operation.security.iter().any(|schemes| schemes.iter().any(kind));
    let fits = |identity: &Identity| match identity.credential_id.split_once('_') {
        // What takes no API key is for people, and a service token is none's.
        Some(("stk", _)) => takes(|scheme| matches!(scheme, Scheme::Header(_))),
        // Nor is what a person let a program have, whatever its scopes, where the contract does not say so.
        Some(("ogr", _)) => takes(|scheme| matches!(scheme, Scheme::OAuth2)),
        _ => true,
    };
    match caller {
        Caller::Anonymous { .. } if operation.security.iter().any(|schemes| schemes.is_empty()) => Ok(()),
        Caller::Anonymous { .. } => Err(Error::unauthenticated()),
        Caller::Known(identity)
            if operation.security.iter().any(|schemes| schemes.iter().all(presented)) && fits(identity) =>
        {
            Ok(())
        }
        Caller::Known(_) => {
            let ways =
                operation.security.iter().flat_map(|schemes| schemes.iter()).map(|scheme| match scheme {
                    Scheme::Bearer => Cow::Borrowed("a bearer token"),
                    Scheme::OAuth2 => Cow::Borrowed("an OAuth access token"),
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
fn causes(error: &(dyn Cause + 'static)) -> String {
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
        // Not "42": an id may have that in it.
        assert!(!problem.to_string().contains("secret"));
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
            let arrival = Arrival::alone(Ipv4Addr::LOCALHOST.into());
            let caller = Caller::Anonymous { address: arrival.peer };
            let mut trail = Trail::default();
            let once =
                pipeline.once(&call, &parts, caller, idempotency.clone(), input, &arrival, &mut trail).await;
            assert_eq!(once.map(drop).map_err(|fault| fault.refusal.status().as_u16()), Err(500));
            assert!(!trail.replayed);
        }
        assert_eq!(pipeline.gateway.store.find(&[7; 32]).await.unwrap(), None);
    }
}
