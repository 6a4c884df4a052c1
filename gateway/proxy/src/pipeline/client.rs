//! What services are told of the client: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Request-Id`. A client cannot forge them: what came
//! is taken away, unless it came from a proxy that is trusted.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Peer, X_REQUEST_ID};
use crate::Exchange;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Tells the service.
pub(crate) fn tell(headers: &mut HeaderMap, peer: &Peer, exchange: &Exchange, trailers: bool) {
    headers.insert(FOR, peer.shown.clone());
    headers.insert(PROTO, HeaderValue::from_static(if exchange.secure { "https" } else { "http" }));
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(HOST, host);
    }
    headers.remove(header::FORWARDED);
    if let Ok(id) = HeaderValue::from_str(&exchange.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    // The listener answers it as soon as the body is wanted.
    headers.remove(header::EXPECT);
}
