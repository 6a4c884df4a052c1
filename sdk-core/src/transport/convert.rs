//! Between the engine's headers and those of the `http` crate, which both transports speak.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::Headers;
use crate::engine::redact;

/// The method of a request.
pub(crate) fn method(name: &str) -> Result<Method, TransportFailure> {
    Method::from_bytes(name.as_bytes()).map_err(|_| refused(format!("{name:?} is not an HTTP method")))
}

/// Headers for the wire. Secrets are marked, which keeps them out of HTTP/2's compression tables and of the libraries' debug output.
pub(crate) fn to_http(headers: &Headers) -> Result<HeaderMap, TransportFailure> {
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers.iter() {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| refused(format!("{name:?} is not the name of a header")))?;
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| refused(format!("the value of the header {name:?} holds a control character")))?;
        if is_secret(name) {
            value.set_sensitive(true);
        }
        map.append(key, value);
    }
    Ok(map)
}

/// As [`redact::is_secret_name`], without its search for the names that nearly every request carries.
fn is_secret(name: &str) -> bool {
    match name {
        "accept" | "content-type" | "if-none-match" | "traceparent" | "user-agent" => false,
        "authorization" | "idempotency-key" | "x-api-key" => true,
        name => redact::is_secret_name(name),
    }
}

/// Headers from the wire. A value that is not UTF-8 is converted lossily.
pub(crate) fn from_http(map: &HeaderMap) -> Headers {
    map.iter()
        .map(|(name, value)| {
            let name = match known(name.as_str()) {
                Some(name) => Cow::Borrowed(name),
                None => Cow::Owned(name.as_str().to_owned()),
            };
            (name, String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// The names that nearly every answer carries, which then cost no allocation.
fn known(name: &str) -> Option<&'static str> {
    macro_rules! names {
        ($($known:literal),* $(,)?) => {
            match name {
                $($known => Some($known),)*
                _ => None,
            }
        };
    }
    names!(
        "accept-ranges",
        "access-control-allow-origin",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "etag",
        "idempotency-replayed",
        "location",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "vary",
        "x-api-version",
        "x-content-type-options",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-request-id",
    )
}

/// A request that cannot be sent.
pub(crate) fn refused(message: String) -> TransportFailure {
    TransportFailure::new(FailureKind::Request, false, message)
}
