//! WebSockets over HTTP/2 (RFC 8441). Such a request, an extended CONNECT, becomes the upgrade that it would be over HTTP/1.1, so that routes, policies and
//! services know one kind of WebSocket only; the 101 that answers it becomes the 200 that opens the stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::ext::Protocol;

use super::Peer;
use crate::{Body, Refusal};

/// Turns an extended CONNECT into an upgrade; whether it was one.
pub(super) fn arrive(head: &mut Parts, peer: &Peer) -> Result<bool, Refusal> {
    if head.method != Method::CONNECT {
        return Ok(false);
    }
    let Some(protocol) = head.extensions.get::<Protocol>() else { return Ok(false) };
    if !peer.websocket_http2 || protocol.as_str() != "websocket" {
        let detail = "The protocol that this CONNECT asks for is not served here.";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "protocol_not_served", detail));
    }
    head.method = Method::GET;
    // HTTP/2 has no such key: its streams cannot be taken for anything else. Services over HTTP/1.1 want one.
    let mut key = [0; 16];
    fastrand::fill(&mut key);
    if let Ok(key) = HeaderValue::try_from(STANDARD.encode(key)) {
        head.headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    Ok(true)
}

/// The answer to an upgrade as HTTP/2 tells it. Any other success would be taken for an open stream.
pub(super) fn depart(mut answer: Response<Body>) -> Result<Response<Body>, Refusal> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        *answer.status_mut() = StatusCode::OK;
        for name in [header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT] {
            answer.headers_mut().remove(name);
        }
    } else if answer.status().is_success() {
        let detail = "What answers at this address takes no WebSockets.";
        return Err(Refusal::new(StatusCode::BAD_GATEWAY, "upgrade_refused", detail));
    }
    Ok(answer)
}
