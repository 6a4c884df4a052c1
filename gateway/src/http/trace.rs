//! What ties a request to its callers' logs: the request id, and W3C trace context.

use http::{HeaderMap, HeaderName};

/// Names that are looked up in every request, so they are parsed once.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest request id that is taken over from a caller.
const LONGEST: usize = 128;

/// The caller's `X-Request-Id` if it is one that may stand in a log line, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    let mut sent = headers.get_all(REQUEST_ID).iter();
    match (sent.next().and_then(|id| id.to_str().ok()), sent.next()) {
        (Some(id), None) if is_sane(id) => id.to_owned(),
        _ => crate::secrets::id::fleeting("req"),
    }
}

fn is_sane(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The trace id of a valid `traceparent` (W3C Trace Context, version 00 and later ones read as 00).
pub(super) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(TRACE_PARENT).iter();
    let (value, None) = (sent.next()?.to_str().ok()?, sent.next()) else { return None };
    let mut parts = value.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hex(trace, 32)
        && trace.bytes().any(|byte| byte != b'0')
        && hex(parent, 16)
        && parent.bytes().any(|byte| byte != b'0')
        && hex(flags, 2);
    valid.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_sane_request_id_is_taken_over() {
        assert_eq!(request_id(&headers("x-request-id", &["Order-7_a.b"])), "Order-7_a.b");
    }

    #[test]
    fn any_other_is_replaced() {
        let long = "x".repeat(129);
        for sent in [&["a b"][..], &[""], &["a\"b"], &["ä"], &[&long], &["one", "two"], &[]] {
            let id = request_id(&headers("x-request-id", sent));
            assert!(crate::secrets::id::is("req", &id), "{sent:?} became {id}");
        }
    }

    #[test]
    fn only_a_valid_traceparent_gives_a_trace_id() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let trace_of = |value: String| trace_id(&headers("traceparent", &[&value])).map(str::to_owned);
        assert_eq!(trace_of(format!("00-{trace}-b7ad6b7169203331-01")).as_deref(), Some(trace));
        assert_eq!(trace_of(format!("01-{trace}-b7ad6b7169203331-01-more")).as_deref(), Some(trace));
        for wrong in [
            format!("00-{trace}-b7ad6b7169203331-01-more"),
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
            format!("00-{trace}"),
            String::new(),
        ] {
            assert_eq!(trace_of(wrong.clone()), None, "{wrong}");
        }
    }
}
