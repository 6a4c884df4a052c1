//! The order in which a request passes the rooms. Each stage is a line or two here; what it does is its own room's matter.
//!
//! A stage that few routes have and that waits for something is boxed: the future of a request has room for all of its stages at once, and is moved as a whole.
//! For the same reason the request itself stays in one place, and stages change it there.

mod ask;
pub(crate) mod client;
mod keep;
pub(crate) mod normal;
mod record;
mod request_id;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use hyper::body::Body as _;

use crate::edge::{self, Accepted, Negotiated, whole};
use crate::forward::Pool;
use crate::forward::hop::{self, Hop};
use crate::identity::{self, Around};
use crate::observe::Trace;
use crate::proxy::Shared;
use crate::route::{Missed, RequestHead};
use crate::snapshot::{Compiled, End, Snapshot};
use crate::{Body, Exchange, Refusal, config};
pub(crate) use normal::normalise;
pub(crate) use record::Notes;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request came from.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The other end of the connection, or who a PROXY header says that is.
    pub(crate) address: IpAddr,
    /// The same as a header.
    pub(crate) shown: HeaderValue,
    /// Whether the connection is TLS.
    pub(crate) secure: bool,
    /// How long the client may stand still within a body.
    pub(crate) patience: std::time::Duration,
    /// The largest head of a request, for what the listener's own reader lets through (HTTP/2).
    pub(crate) max_head: u64,
    /// Where a client without TLS is sent.
    pub(crate) redirect_https: Option<u16>,
    /// Whether it may ask for WebSockets over HTTP/2.
    pub(crate) websocket_http2: bool,
}

impl Peer {
    /// A client whose connection is not TLS.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        let listener = crate::config::Listener::default();
        Self::new(address.ip().to_canonical(), false, &listener)
    }

    /// A client.
    pub(crate) fn new(address: IpAddr, secure: bool, listener: &config::Listener) -> Self {
        let shown = HeaderValue::from_str(&address.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self {
            address,
            shown,
            secure,
            patience: listener.body_timeout.0,
            max_head: listener.max_head.0,
            redirect_https: listener.redirect_https,
            websocket_http2: listener.websocket_http2,
        }
    }
}

/// Answers a request; always.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    pool: &Arc<Pool>,
    peer: &Peer,
    request: Request<Body>,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let snapshot = shared.snapshot.load_full();
    let (client, secure) = client::behind(&snapshot.trusted, peer, &head.headers);
    let (id, shown) = request_id::of(&head.headers);
    let mut exchange = Exchange { request_id: id, secure, ..Exchange::from(client, Instant::now()) };
    let mut notes = Notes {
        bytes_in: body.size_hint().exact().unwrap_or(0),
        trace: Some(Trace::begin(&mut head.headers, snapshot.sample)),
        ..Notes::default()
    };
    let mut route = None;
    let arrived = normal::fits(&head, peer.max_head)
        .and_then(|()| websocket::arrive(&mut head, peer))
        .and_then(|websocket| normal::normalise(&mut head, &mut exchange).map(|()| websocket));
    let method = head.method.clone();
    let answer = match arrived {
        Ok(websocket) => {
            let walk = Walk { shared, snapshot: &snapshot, pool, peer, id: shown.as_ref() };
            let result = walk.walk(&mut head, body, &mut exchange, &mut notes, &mut route).await;
            let result = if websocket { result.and_then(websocket::depart) } else { result };
            result.unwrap_or_else(|refusal| told(refusal, &exchange, &mut notes))
        }
        Err(refusal) => {
            head.uri.path().clone_into(&mut exchange.path);
            let mut answer = told(refusal, &exchange, &mut notes);
            // What follows on such a connection is not to be trusted either.
            if head.version < http::Version::HTTP_2 {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answer
        }
    };
    let answer = record::record(answer, shared, snapshot, route, (exchange, method, notes));
    shown_as(answer, shown)
}

/// Answers what cannot be read as a request: counted and logged as any other, without what is not known of it.
pub(crate) fn unreadable(shared: &Arc<Shared>, peer: &Peer, refusal: Refusal) -> Response<Body> {
    let (id, shown) = request_id::of(&HeaderMap::new());
    let exchange =
        Exchange { request_id: id, secure: peer.secure, ..Exchange::from(peer.address, Instant::now()) };
    let mut notes = Notes::default();
    let answer = told(refusal, &exchange, &mut notes);
    let method = Method::from_bytes(b"-").unwrap_or_default();
    let answer = record::record(answer, shared, shared.snapshot.load_full(), None, (exchange, method, notes));
    shown_as(answer, shown)
}

/// The answer to a request that goes no further.
fn told(refusal: Refusal, exchange: &Exchange, notes: &mut Notes) -> Response<Body> {
    notes.code = Some(refusal.code());
    refusal.answer(&exchange.request_id, &exchange.path)
}

fn shown_as(mut answer: Response<Body>, id: Option<HeaderValue>) -> Response<Body> {
    if let Some(id) = id {
        answer.headers_mut().insert(X_REQUEST_ID, id);
    }
    answer
}

/// Whether a route leads to what the program around the proxy has under versions of its own.
fn is_programs_own(route: &Compiled) -> bool {
    matches!(route.end, End::Platform) && !route.edge.versioned
}

/// What every stage may need.
struct Walk<'a> {
    shared: &'a Arc<Shared>,
    snapshot: &'a Arc<Snapshot>,
    pool: &'a Arc<Pool>,
    peer: &'a Peer,
    id: Option<&'a HeaderValue>,
}

impl Walk<'_> {
    async fn walk(
        &self,
        head: &mut Parts,
        body: Body,
        exchange: &mut Exchange,
        notes: &mut Notes,
        taken: &mut Option<usize>,
    ) -> Result<Response<Body>, Refusal> {
        let snapshot = self.snapshot;
        let hop = hop::strip(&mut head.headers);
        if let Some(port) = self.peer.redirect_https.filter(|_| !exchange.secure) {
            let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            return Ok(edge::https_redirect(&exchange.host, port, target));
        }
        let (negotiated, unknown) = match snapshot.versions.negotiate(&exchange.path, &head.headers) {
            Ok(negotiated) => (negotiated, None),
            Err(refusal) => {
                (Negotiated { version: None, path: exchange.path.as_str().into() }, Some(refusal))
            }
        };
        exchange.version = negotiated.version;
        let asked = RequestHead {
            method: &head.method,
            host: &exchange.host,
            path: &negotiated.path,
            query: head.uri.query(),
            headers: &head.headers,
            version: exchange.version.as_deref(),
        };
        let found = snapshot.table.find(&asked);
        let route = found.as_ref().ok().and_then(|found| snapshot.route(found.index));
        // A version that is not known here may be one of the program around the proxy, which has its own; but not of what another route would take.
        if let Some(unknown) = unknown
            && (!route.is_some_and(is_programs_own) || self.has_versions(&asked))
        {
            return Err(unknown);
        }
        let found = found?;
        let Some(route) = route else { return Err(Missed::NotFound.into()) };
        *taken = Some(found.index);
        exchange.parameters = found.parameters;
        let edge = &route.edge;
        if edge.versioned && exchange.version.is_none() {
            return Err(snapshot.versions.missing());
        }
        if let Some(addresses) = &edge.addresses {
            addresses.check(exchange.client)?;
        }
        let origin = edge.cors.as_ref().and_then(|_| head.headers.get(header::ORIGIN).cloned());
        if let Some(cors) = &edge.cors
            && let Some(answer) = cors.preflight(&head.method, &head.headers)
        {
            return Ok(answer);
        }
        let accepted = edge.compress.then(|| Accepted::of(&head.headers));
        let asked_path = edge.rewrite.as_ref().map(|_| negotiated.path.into_owned()).unwrap_or_default();
        let body = if edge.gathers() { whole::patient(body, self.peer.patience) } else { body };
        let result = self.guard(route, hop, &asked_path, (head, body), exchange, notes).await;
        let mut answer = result.unwrap_or_else(|refusal| told(refusal, exchange, notes));
        let headers = answer.headers_mut();
        if let Some(changes) = &edge.response_headers {
            changes.apply(exchange, &route.name, headers);
        }
        if let Some(decision) = &notes.limited {
            decision.tell(headers);
        }
        // The program around the proxy has versions of its own.
        if !matches!(route.end, End::Platform) {
            snapshot.versions.answer(exchange.version.as_ref(), headers);
        }
        if let Some(deprecated) = &edge.deprecated {
            deprecated.apply(headers);
        }
        if let Some(cors) = &edge.cors {
            cors.apply(origin.as_ref(), headers);
        }
        if edge.security_headers {
            edge::set_security_headers(exchange.secure, headers);
        }
        let Some(accepted) = accepted else { return Ok(answer) };
        let (mut head, body) = answer.into_parts();
        let body = accepted.compress(&mut head, body);
        Ok(Response::from_parts(head, body))
    }

    /// Whether a request with a version that is not known asks for something that is there in those that are.
    fn has_versions(&self, asked: &RequestHead<'_>) -> bool {
        let Snapshot { versions, table, .. } = &**self.snapshot;
        let paths = [Some(asked.path), versions.beyond_unknown(asked.path)];
        let found = paths.into_iter().flatten().flat_map(|path| {
            versions.known().filter_map(move |version| {
                let asked = RequestHead { path, version: Some(version), ..*asked };
                table.find(&asked).ok().and_then(|found| self.snapshot.route(found.index))
            })
        });
        { found }.any(|route| !is_programs_own(route))
    }

    /// Who calls, whether they may and how often; then what happens to the request, and what becomes of bodies on the way.
    async fn guard(
        &self,
        route: &Compiled,
        hop: Hop,
        path: &str,
        (head, mut body): (&mut Parts, Body),
        exchange: &mut Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let edge = &route.edge;
        if let Some(access) = &edge.access {
            let around = Around { host: self.shared.host.as_deref(), fetch: Some(&self.shared.fetcher) };
            body = access.authenticate(exchange, head, body, around, SystemTime::now()).await?;
            access.permit(exchange)?;
        }
        identity::strip(&mut head.headers);
        // Who calls the program around the proxy, and what that costs, the program finds out; it has it counted then (`Visit`).
        let decision = match route.end {
            End::Platform => None,
            _ => self.shared.admit(self.snapshot, &edge.limit, exchange).await,
        };
        if let Some(decision) = decision {
            if !decision.allowed() {
                return Err(decision.refusal());
            }
            notes.limited = Some(decision);
        }
        if let Some(most) = edge.max_body
            && body.size_hint().lower() > most
        {
            return Err(whole::Lost::TooLarge.of_request(most));
        }
        if let Some(rewrite) = &edge.rewrite {
            let path = rewrite.apply(path, &exchange.parameters);
            let target = match head.uri.query() {
                Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
                None => PathAndQuery::try_from(&*path),
            };
            if let Ok(target) = target {
                head.uri = Uri::from(target);
            }
        }
        if let Some(validate) = &edge.validate {
            body = Box::pin(validate.check(head, head.uri.path(), body)).await?;
        }
        let head = std::mem::replace(head, Request::new(()).into_parts().0);
        self.kept(route, hop, &mut Request::from_parts(head, body), exchange, notes).await
    }

    /// With the bodies' changes on both ways.
    async fn changed(
        &self,
        route: &Compiled,
        hop: Hop,
        request: &mut Request<Body>,
        exchange: &Exchange,
        notes: &mut Notes,
    ) -> Result<Response<Body>, Refusal> {
        let edge = &route.edge;
        let shim = exchange.version.as_deref().and_then(|version| edge.shims.get(version));
        let Some(bodies) = shim.or(edge.bodies.as_ref()) else {
            return self.end(route, hop, request, exchange, notes).await;
        };
        let (mut head, body) = std::mem::take(request).into_parts();
        let body = Box::pin(bodies.request.request(&mut head, body)).await?;
        if !bodies.answer.is_empty() {
            // What is to be changed has to come as it is.
            head.headers.remove(header::ACCEPT_ENCODING);
        }
        *request = Request::from_parts(head, body);
        let (mut head, body) = self.end(route, hop, request, exchange, notes).await?.into_parts();
        let body = Box::pin(bodies.answer.answer(&mut head, body)).await?;
        Ok(Response::from_parts(head, body))
    }
}
