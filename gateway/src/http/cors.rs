//! Cross-origin requests (the Fetch standard's CORS protocol): which pages of other origins a browser lets read the answers. Nothing unless the operator
//! names origins.
//!
//! Promises: no cookie ever counts for another origin's page (`Access-Control-Allow-Credentials` is never sent; such pages show a token or a key); an answer
//! that depends on the origin says so (`Vary`); what callers need of an answer can be read (`Access-Control-Expose-Headers`). A preflight is answered
//! here, before routing, limits and authentication, since it carries no credential and asks for nothing.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::config::Origins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// What the contract's operations take, and what their clients send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, idempotency-key, if-none-match, last-event-id, traceparent, tracestate, x-api-key, \
     x-api-version, x-request-id, x-tenant-id",
);
/// What a page may read beside the few headers that it always may.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-disposition, deprecation, etag, idempotency-replayed, link, ratelimit, ratelimit-policy, retry-after, sunset, \
     www-authenticate, x-api-version, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-request-id",
);
/// How long a browser may go by a preflight's answer: two hours, the longest that Chromium takes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The answer to a preflight of an origin that is allowed; `None` when the request is no such thing.
pub(super) fn preflight(origins: &Origins, parts: &Parts) -> Option<Response> {
    let asks = parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if parts.method != Method::OPTIONS || !asks {
        return None;
    }
    allowed(origins, &parts.headers)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    Some(response)
}

/// Lets the page that asked read the answer, where its origin is allowed.
pub(super) fn admit(origins: &Origins, asked: Option<&HeaderValue>, answer: &mut HeaderMap) {
    if matches!(origins, Origins::Listed(_)) {
        // Also where nothing is allowed: a cache must not give this answer to another origin.
        answer.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = asked.and_then(|asked| origin_of(origins, asked)) else { return };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
}

fn allowed(origins: &Origins, headers: &HeaderMap) -> Option<HeaderValue> {
    origin_of(origins, headers.get(header::ORIGIN)?)
}

fn origin_of(origins: &Origins, asked: &HeaderValue) -> Option<HeaderValue> {
    match origins {
        Origins::Any => Some(HeaderValue::from_static("*")),
        Origins::Listed(origins) => {
            origins.iter().any(|origin| origin.as_bytes() == asked.as_bytes()).then(|| asked.clone())
        }
    }
}
