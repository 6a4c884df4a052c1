//! The order in which a request passes the rooms. Each stage is a line or two here; what it does is its own room's matter.

mod client;
mod normal;
mod request_id;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use crate::forward::{self, Call, Pool, hop};
use crate::proxy::Shared;
use crate::snapshot::End;
use crate::{Body, Exchange, Refusal};

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
}

impl Peer {
    /// A client whose connection is not TLS.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        let patience = crate::config::Listener::default().body_timeout.0;
        Self::new(address.ip().to_canonical(), false, patience)
    }

    /// A client.
    pub(crate) fn new(address: IpAddr, secure: bool, patience: std::time::Duration) -> Self {
        let shown = HeaderValue::from_str(&address.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { address, shown, secure, patience }
    }
}

/// Answers a request; always.
pub(crate) async fn answer(
    shared: &Shared,
    pool: &Arc<Pool>,
    peer: &Peer,
    request: Request<Body>,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    let snapshot = shared.snapshot.load_full();
    let id = request_id::of(&head.headers);
    let mut exchange = Exchange {
        request_id: id.clone(),
        at: Instant::now(),
        client: peer.address,
        secure: peer.secure,
        host: String::new(),
        path: String::new(),
        version: None,
        parameters: Vec::new(),
        caller: None,
    };
    let refused = |refusal: Refusal, path: &str| refusal.answer(&id, path);
    let mut answer = match normal::normalise(&mut head, &mut exchange) {
        Err(refusal) => {
            // What follows on such a connection is not to be trusted either.
            let mut answer = refused(refusal, head.uri.path());
            if head.version < http::Version::HTTP_2 {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            answer
        }
        Ok(()) => {
            let hop = hop::strip(&mut head.headers);
            let path = exchange.path.clone();
            let route = snapshot.routes.first();
            let result = match route {
                None => Err(Refusal::new(StatusCode::NOT_FOUND, "no_route", "No route takes this request.")),
                Some(route) => match &route.end {
                    End::Platform => match &shared.host {
                        Some(host) => Ok(host.answer(Request::from_parts(head, body), exchange).await),
                        None => Err(Refusal::new(
                            StatusCode::SERVICE_UNAVAILABLE,
                            "no_platform",
                            "This proxy runs without the platform that this route leads to.",
                        )),
                    },
                    End::Service(upstream) => {
                        client::tell(&mut head.headers, peer, &exchange, hop.trailers);
                        let call = Call {
                            pool,
                            upstream,
                            at: exchange.at,
                            total: None,
                            max_body: None,
                            patience: peer.patience,
                            upgrade: hop.upgrade,
                        };
                        forward::send(&call, Request::from_parts(head, body)).await
                    }
                },
            };
            result.unwrap_or_else(|refusal| refused(refusal, &path))
        }
    };
    if let Ok(id) = HeaderValue::from_maybe_shared(bytes::Bytes::from(id)) {
        answer.headers_mut().insert(X_REQUEST_ID, id);
    }
    answer
}
