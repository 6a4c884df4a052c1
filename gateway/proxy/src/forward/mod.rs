//! The exchange with a target: connections that are kept, time limits, second tries, upgrades. What is decided here is only how a request reaches a target
//! and what becomes of its answer; which target it is, `upstream` says.
//!
//! Bodies are streamed both ways, one frame at a time: a side that does not take what it is sent stops the other by TCP's own means.

mod alarm;
mod ask;
mod download;
mod endpoint;
mod failure;
mod fetch;
pub(crate) mod hop;
mod http1;
mod http2;
mod pool;
mod replay;
mod retry;
mod stream;
pub(crate) mod tls;
mod tunnel;
mod upload;
mod upstream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::response::Parts;
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Body as _;
use hyper::upgrade::OnUpgrade;

use download::{Download, Via};
use endpoint::Endpoint;
use failure::{Failure, What};
use http1::Http1;
use http2::Http2;
use pool::Open;
use retry::Again;
use stream::Stream;
use upload::{Stage, Upload};

pub(crate) use alarm::Alarm;
pub(crate) use ask::Asking;
pub(crate) use fetch::Fetcher;
pub(crate) use pool::Pool;
pub(crate) use upstream::{Draft, Upstream};

use crate::config::HostHeader;
use crate::pipeline::Notes;
use crate::upstream::{Outcome, PickBy, Picked, Target};
use crate::{Body, Exchange, Refusal};

/// What is asked of the forwarder beside the request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The worker's connections.
    pub(crate) pool: &'a Arc<Pool>,
    /// The service.
    pub(crate) upstream: &'a Upstream,
    /// What is known of the request.
    pub(crate) exchange: &'a Exchange,
    /// For the whole exchange, instead of the service's.
    pub(crate) total: Option<Duration>,
    /// The largest request body.
    pub(crate) max_body: Option<u64>,
    /// How long the client may stand still within its body.
    pub(crate) patience: Duration,
    /// The protocol that the client asks for instead of HTTP.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// The times that hold for one try.
#[derive(Debug)]
pub(crate) struct Limits {
    started: Instant,
    first_byte: Duration,
    idle: Duration,
    until: Option<Instant>,
    upload: Option<Arc<Upload>>,
}

impl Limits {
    /// When the wait for the answer's head is over, and what that means.
    fn deadline(&self) -> Option<(Instant, What)> {
        let head = |since: Instant, limit: Duration| (!limit.is_zero()).then_some(since + limit);
        let stage = self.upload.as_ref().map(|upload| upload.stage());
        let own = match stage {
            None => head(self.started, self.first_byte),
            Some(Stage::Target(since)) => head(since, self.idle),
            Some(Stage::Ended(at)) => head(at, self.first_byte),
            Some(Stage::Client | Stage::StoodStill | Stage::TooLarge | Stage::Broken) => None,
        };
        match (own, self.until) {
            (Some(own), Some(until)) if until < own => Some((until, What::TotalTimeout)),
            (Some(own), _) => Some((own, What::FirstByteTimeout)),
            // Whoever is waited for when the time is over has used it up.
            (None, Some(until)) if stage == Some(Stage::Client) => Some((until, What::ClientTimeout)),
            (None, until) => until.map(|until| (until, What::TotalTimeout)),
        }
    }
}

/// What the client did to its body, if that is why an exchange failed.
fn client_fault(upload: Option<&Upload>) -> Option<What> {
    match upload?.stage() {
        Stage::StoodStill => Some(What::ClientTimeout),
        Stage::TooLarge => Some(What::TooLarge),
        Stage::Broken => Some(What::ClientBroken),
        Stage::Client | Stage::Target(_) | Stage::Ended(_) => None,
    }
}

/// A request that no target answered.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// What the client is told.
    pub(crate) refusal: Refusal,
    /// Whether the service failed; else the client did, or nobody was asked.
    pub(crate) failed: bool,
    /// Whether no target could be asked at all; then the request is as it was.
    pub(crate) unasked: bool,
}

/// Sends a request to one of a service's targets and hands back the answer's head with a body that streams.
pub(crate) async fn send(
    call: &Call<'_>,
    request: &mut Request<Body>,
    notes: &mut Notes,
    begun: Instant,
) -> Result<Response<Body>, Unanswered> {
    let upstream = call.upstream;
    let settings = &upstream.written;
    let on_upgrade = call.upgrade.as_ref().map(|_| hyper::upgrade::on(&mut *request));
    let total = call.total.unwrap_or(settings.timeouts.total.0);
    let until = (!total.is_zero()).then(|| call.exchange.at + total);
    let mut tries = retry::Tries::new(upstream, request);
    let mut upload = watch(call, request);
    let path = request.uri().path_and_query().cloned();
    let mut tried: Vec<Arc<Target>> = Vec::new();
    loop {
        let started = if tried.is_empty() { begun } else { Instant::now() };
        let by = PickBy {
            client: call.exchange.client,
            secure: call.exchange.secure,
            caller: call.exchange.caller.as_ref().map(|caller| caller.name.as_str()),
            path: &call.exchange.path,
            query: path.as_ref().and_then(PathAndQuery::query),
            headers: request.headers(),
        };
        let Some(picked) = upstream.service.pick(started, &by, &tried) else {
            return Err(Unanswered { refusal: no_target(), failed: false, unasked: true });
        };
        let limits = Limits {
            started,
            first_byte: settings.timeouts.first_byte.0,
            idle: settings.timeouts.idle.0,
            until,
            upload: upload.clone(),
        };
        let result = match upstream.endpoint(picked.target()) {
            Ok(endpoint) => {
                aim(request, &endpoint, settings.host, path.as_ref());
                attempt(call, &endpoint, request, &limits).await.map(|answer| (answer, endpoint))
            }
            Err(what) => Err(Failure { what, unsent: true }),
        };
        let now = Instant::now();
        let latency = now.saturating_duration_since(started);
        notes.target = Some(Arc::clone(picked.target().key()));
        (notes.upstream, notes.heard) = (Some(latency), Some(now));
        let failure = match result {
            Ok(((answer, via), endpoint)) => {
                picked.report(Outcome::Answered(answer.status), latency, now);
                if tries.after_answer(upstream, answer.status, request) {
                    tried.push(Arc::clone(picked.target()));
                    upload = watch(call, request);
                    continue;
                }
                if answer.status == http::StatusCode::SWITCHING_PROTOCOLS {
                    return switch(call, answer, on_upgrade, via, picked);
                }
                let mut via = via;
                if let Via::Http1(connection) = &mut via {
                    connection.reuse(std::mem::take(request.headers_mut()));
                }
                return finish(call, &endpoint, (answer, via), (until, now), picked);
            }
            Err(failure) => failure,
        };
        tracing::debug!(target = %picked.target().key(), what = %failure.what, "an exchange with a target failed");
        let of_client = failure.what.of_client();
        picked.report(if of_client { Outcome::Cancelled } else { Outcome::Failed }, latency, now);
        match tries.after_failure(upstream, failure, request) {
            Ok(Again::Unsent) => {}
            Ok(Again::Anew) => upload = watch(call, request),
            Err(what) => {
                return Err(Unanswered { refusal: what.refusal(), failed: !of_client, unasked: false });
            }
        }
        tried.push(Arc::clone(picked.target()));
    }
}

fn no_target() -> Refusal {
    Refusal::new(
        http::StatusCode::SERVICE_UNAVAILABLE,
        "no_target",
        "The service behind this address has no target that takes requests. Try again later.",
    )
}

/// Makes a body tell how far it is; none that is empty.
fn watch(call: &Call<'_>, request: &mut Request<Body>) -> Option<Arc<Upload>> {
    if request.body().is_end_stream() {
        return None;
    }
    let upload = Upload::new(Instant::now());
    let body = std::mem::take(request.body_mut());
    *request.body_mut() =
        Body::new(upload::Watched::new(body, Arc::clone(&upload), call.max_body, call.patience));
    Some(upload)
}

/// One try with one target.
async fn attempt(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    request: &mut Request<Body>,
    limits: &Limits,
) -> Result<(Parts, Via), Failure> {
    if endpoint.wants_http2()
        && call.upgrade.is_none()
        && let Some(connection) = call.pool.shared(endpoint.id)
    {
        return Box::pin(over_http2(call, endpoint, connection, request, limits)).await;
    }
    if let Some(upgrade) = &call.upgrade {
        for_upgrade(request, upgrade);
    } else {
        // One that waited may have been closed meanwhile; then nothing was sent over it, and the next is taken.
        while let Some(mut connection) = call.pool.take(endpoint.id, limits.started) {
            match connection.exchange(request, limits).await {
                Ok(answer) => return Ok((answer, Via::Http1(connection))),
                Err(failure) if failure.unsent => {}
                Err(failure) => return Err(failure),
            }
        }
    }
    Box::pin(anew(call, endpoint, request, limits)).await
}

/// The same over a new connection.
async fn anew(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    request: &mut Request<Body>,
    limits: &Limits,
) -> Result<(Parts, Via), Failure> {
    let unsent = |what| Failure { what, unsent: true };
    let (stream, http2) = match endpoint.connect(limits.until, call.upgrade.is_some()).await {
        Ok(connected) => connected,
        Err(what) => return Err(unsent(what)),
    };
    let open = call.pool.opened();
    if http2 {
        let connection = match Http2::new(stream, open).await {
            Ok(connection) => connection,
            Err(what) => return Err(unsent(what)),
        };
        call.pool.share(endpoint.id, connection.clone());
        return over_http2(call, endpoint, connection, request, limits).await;
    }
    if call.upgrade.is_some() {
        return upgraded(stream, open, request, limits).await;
    }
    let mut connection = Http1::new(stream, open);
    let answer = connection.exchange(request, limits).await?;
    Ok((answer, Via::Http1(connection)))
}

/// One try over a shared connection.
async fn over_http2(
    call: &Call<'_>,
    endpoint: &Endpoint,
    mut connection: Http2,
    request: &mut Request<Body>,
    limits: &Limits,
) -> Result<(Parts, Via), Failure> {
    let sent = for_http2(request, endpoint);
    let result = connection.exchange(sent, request.body_mut(), limits).await;
    if result.is_err() && !connection.has_answered() {
        // Others would wait in vain as well.
        call.pool.unshare(endpoint.id);
    }
    let (head, incoming) = result?.into_parts();
    Ok((head, Via::Shared(incoming, Alarm::default())))
}

/// A request for another protocol has a connection of its own, with a task that hands the stream over.
async fn upgraded(
    stream: Stream,
    open: Open,
    request: &mut Request<Body>,
    limits: &Limits,
) -> Result<(Parts, Via), Failure> {
    let (mut send, drive, open) = match http1::upgradeable(stream, open).await {
        Ok(connection) => connection,
        Err(what) => return Err(Failure { what, unsent: true }),
    };
    let open = Arc::new(open);
    let driven = Arc::clone(&open);
    tokio::spawn(async move {
        if let Err(error) = drive.await {
            tracing::debug!(%error, "a connection for an upgrade ended");
        }
        drop(driven);
    });
    let broken = |what| Failure { what, unsent: false };
    let reply = send.send_request(copy(request));
    let answer = match limits.deadline() {
        Some((deadline, what)) => match tokio::time::timeout_at(deadline.into(), reply).await {
            Ok(answer) => answer,
            Err(_) => return Err(broken(what)),
        },
        None => reply.await,
    };
    let (head, incoming) = answer.map_err(|error| broken(What::Broken(error.to_string())))?.into_parts();
    Ok((head, Via::Apart { incoming, alarm: Alarm::default(), _open: open }))
}

/// Turns a request to a target: its path under the target's, its host as the service wants it. A try before may have turned it elsewhere.
fn aim(request: &mut Request<Body>, endpoint: &Endpoint, wanted: HostHeader, path: Option<&PathAndQuery>) {
    *request.version_mut() = Version::HTTP_11;
    // What the client asked for is there already: it is not changed by a try.
    if wanted == HostHeader::Target {
        request.headers_mut().insert(header::HOST, endpoint.host.clone());
    }
    let uri = if endpoint.prefix.is_empty() {
        if request.uri().scheme().is_none() && request.uri().path_and_query() == path {
            return;
        }
        path.cloned().map(Uri::from)
    } else {
        Uri::try_from(format!("{}{}", endpoint.prefix, path.map_or("/", PathAndQuery::as_str))).ok()
    };
    if let Some(uri) = uri {
        *request.uri_mut() = uri;
    }
}

/// The same head, and the body.
fn copy(request: &mut Request<Body>) -> Request<Body> {
    let mut copy = Request::new(std::mem::take(request.body_mut()));
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy
}

/// HTTP/2 has the host in `:authority`. The body is the copy's.
fn for_http2(request: &mut Request<Body>, endpoint: &Endpoint) -> Request<Body> {
    let mut request = copy(request);
    let host = request.headers_mut().remove(header::HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(if endpoint.scheme() == "https" { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority =
        host.and_then(|host| host.as_bytes().try_into().ok()).or_else(|| Some(endpoint.authority.clone()));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

fn for_upgrade(request: &mut Request<Body>, upgrade: &HeaderValue) {
    let headers = request.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, upgrade.clone());
}

/// Joins the client's connection and the target's, if that is what the client asked for. The target has the client for as long as they are joined.
fn switch(
    call: &Call<'_>,
    head: Parts,
    client: Option<OnUpgrade>,
    via: Via,
    picked: Picked,
) -> Result<Response<Body>, Unanswered> {
    let mut answer = Response::from_parts(head, ());
    let target = hyper::upgrade::on(&mut answer);
    let (mut head, ()) = answer.into_parts();
    head.version = Version::HTTP_11;
    let hop = hop::strip(&mut head.headers);
    let (Some(upgrade), Some(client)) = (hop.upgrade, client) else {
        let refusal = What::Broken("an upgrade that nobody asked for".to_owned()).refusal();
        return Err(Unanswered { refusal, failed: true, unasked: false });
    };
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, upgrade);
    if let Some(cookie) = picked.cookie() {
        head.headers.append(header::SET_COOKIE, cookie.clone());
    }
    tunnel::spawn(client, target, call.upstream.written.timeouts.idle.0, (via, picked));
    Ok(Response::from_parts(head, Body::empty()))
}

/// The answer as the client is to see it, without what belongs to the hop.
fn finish(
    call: &Call<'_>,
    endpoint: &Arc<Endpoint>,
    (mut head, via): (Parts, Via),
    (until, now): (Option<Instant>, Instant),
    picked: Picked,
) -> Result<Response<Body>, Unanswered> {
    head.version = Version::HTTP_11;
    if hop::strip(&mut head.headers).unknown_coding {
        let refusal = What::Broken("an unknown transfer coding".to_owned()).refusal();
        return Err(Unanswered { refusal, failed: true, unasked: false });
    }
    if let Some(cookie) = picked.cookie() {
        head.headers.append(header::SET_COOKIE, cookie.clone());
    }
    let patience = call.upstream.written.timeouts.idle.0;
    let body = Download::new(via, call.pool, endpoint, patience, until, picked).into_body(now);
    Ok(Response::from_parts(head, body))
}
