//! HTTPS for those that came without it, and headers that make browsers careful.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::Body;

/// Sends a request that came without TLS to the same place over `https`. `host` is what was asked for, without the port; 308, so that method and body stay.
/// A host that can be no part of a URL is answered 400.
pub fn https_redirect(host: &str, port: u16, path_and_query: &str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let sound = !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':'));
    let path = if path_and_query.starts_with('/') { path_and_query } else { "/" };
    let to =
        if port == 443 { format!("https://{host}{path}") } else { format!("https://{host}:{port}{path}") };
    match HeaderValue::from_str(&to) {
        Ok(to) if sound => {
            *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
            answer.headers_mut().insert(header::LOCATION, to);
        }
        _ => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

/// Sets what makes browsers careful, where the service does not itself; `Strict-Transport-Security` (RFC 6797) over TLS only.
pub fn set_security_headers(secure: bool, headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    if secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_tls_is_sent_to_the_same_place() {
        let to = |host, port, path| {
            let answer = https_redirect(host, port, path);
            answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(to("a.example", 443, "/x?y").as_deref(), Some("https://a.example/x?y"));
        assert_eq!(to("[::1]", 8443, "/").as_deref(), Some("https://[::1]:8443/"));
        assert_eq!(to("a.example", 443, "*").as_deref(), Some("https://a.example/"));
        assert_eq!(to("a@evil.example", 443, "/"), None);
        assert_eq!(to("a/b", 443, "/"), None);
    }

    #[test]
    fn a_service_that_is_careful_itself_is_left_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        set_security_headers(false, &mut headers);
        assert_eq!(headers.get(header::X_FRAME_OPTIONS).unwrap(), "SAMEORIGIN");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        set_security_headers(true, &mut headers);
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
