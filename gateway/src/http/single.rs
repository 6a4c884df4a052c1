//! What is refused before anything else looks at it: requests that two readers could understand differently. hyper has already
//! refused what breaks HTTP's framing; the rest of what makes request smuggling and path confusion is stopped here.

use http::request::Parts;
use http::{HeaderMap, Version, header};

use super::Error;

/// Longest path and query in bytes.
const LONGEST_URI: usize = 8 * 1024;

/// Refuses what is not one plain request.
pub(super) fn check(parts: &Parts, header_bytes: usize) -> Result<(), Error> {
    size(parts, header_bytes)?;
    host(parts)?;
    path(parts.uri.path())
}

fn size(parts: &Parts, header_bytes: usize) -> Result<(), Error> {
    let target = parts.uri.path().len() + parts.uri.query().map_or(0, |query| query.len() + 1);
    if target > LONGEST_URI {
        let detail = format!("The path and query have {target} bytes; at most {LONGEST_URI} are taken.");
        return Err(Error::new(414, "uri_too_long", detail));
    }
    // Counted as RFC 9113 counts a header list, section 6.5.2: 32 bytes for each field.
    let total: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    if total > header_bytes {
        let detail = format!("The request's headers have {total} bytes; at most {header_bytes} are taken.");
        return Err(Error::new(431, "headers_too_large", detail));
    }
    Ok(())
}

/// Exactly one host, and the same everywhere it is named (RFC 9112, section 3.2).
fn host(parts: &Parts) -> Result<(), Error> {
    let malformed = |detail: &str| Err(Error::bad_request("malformed_request", detail));
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return malformed("The request has more than one Host header; send one.");
    }
    let host = match host.map(|host| host.to_str()) {
        Some(Ok(host)) => Some(host),
        Some(Err(_)) => return malformed("The Host header is not plain ASCII."),
        None => None,
    };
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    match (host, authority) {
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            malformed("The request's target and its Host header name different hosts.")
        }
        (None, None) if parts.version >= Version::HTTP_11 => malformed("The request has no Host header."),
        (Some(host), _) if host.bytes().any(|byte| matches!(byte, b'/' | b'@' | b'\\' | b' ' | b',')) => {
            malformed("The Host header is not a host and a port.")
        }
        _ => Ok(()),
    }
}

/// No segment that walks (`.`, `..`), in any spelling; no empty segment; no escaped slash, backslash or NUL.
fn path(path: &str) -> Result<(), Error> {
    let refuse = |what: &str| {
        let detail = format!("The path {what}. Send the path as the contract spells it.");
        Err(Error::bad_request("malformed_request", detail))
    };
    if !path.starts_with('/') {
        return refuse("does not begin with `/`");
    }
    if path.contains("//") {
        return refuse("has an empty segment");
    }
    if path.contains('\\') {
        return refuse("has a backslash");
    }
    if !path.contains(['%', '.']) {
        return Ok(());
    }
    for segment in path.split('/') {
        let mut decoded = Vec::with_capacity(segment.len());
        let mut rest = segment.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first != b'%' {
                decoded.push(*first);
                continue;
            }
            let [high, low, after @ ..] = rest else { return refuse("has an incomplete escape") };
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return refuse("has an escape that is not two hexadecimal digits");
            };
            decoded.push(high * 16 + low);
            rest = after;
        }
        if decoded == b"." || decoded == b".." {
            return refuse("has a segment `.` or `..`");
        }
        if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
            return refuse("has an escaped slash or backslash");
        }
        if decoded.iter().any(u8::is_ascii_control) {
            return refuse("has an escaped control character");
        }
    }
    Ok(())
}

/// The one value of a header that must not be repeated.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Error> {
    let mut values = headers.get_all(name).iter();
    let (value, more) = (values.next(), values.next());
    match (value.map(|value| value.to_str()), more) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        (Some(Ok(_)), Some(_)) => Err(Error::bad_request(
            "malformed_request",
            format!("The header {name} is given more than once."),
        )),
        (Some(Err(_)), _) => {
            Err(Error::bad_request("malformed_request", format!("The header {name} is not plain ASCII.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};

    fn parts(uri: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::get(uri).body(()).unwrap();
        for host in hosts {
            request.headers_mut().append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        request.into_parts().0
    }

    #[test]
    fn plain_paths_pass() {
        for path in [
            "/",
            "/v1/wallets",
            "/v1/wallets/wal_1?x=/../%2f",
            "/openapi.yaml",
            "/v1/a..b",
            "/v1/%7Euser",
            "/v1/wallets/",
        ] {
            assert!(check(&parts(path, &["h"]), 1000).is_ok(), "{path}");
        }
    }

    #[test]
    fn paths_that_walk_or_hide_a_slash_are_refused() {
        for path in [
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/.%2E/x",
            "/v1/./x",
            "/v1/%2e",
            "//v1",
            "/v1//x",
            "/v1/a%2fb",
            "/v1/a%5Cb",
            "/v1/%00",
            "/v1/a%0ab",
            "/v1/%",
            "/v1/%2",
            "/v1/%zz",
        ] {
            let error = check(&parts(path, &["h"]), 1000).unwrap_err();
            assert_eq!((error.status, &*error.code), (400, "malformed_request"), "{path}");
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        assert!(check(&parts("/", &[]), 1000).is_err());
        assert!(check(&parts("/", &["a", "a"]), 1000).is_err());
        assert!(check(&parts("/", &["user@a"]), 1000).is_err());
        assert!(check(&parts("http://a:1/", &["A:1"]), 1000).is_ok());
        assert!(check(&parts("http://a:1/", &["b:1"]), 1000).is_err());
        assert!(check(&parts("http://a:1/", &[]), 1000).is_ok(), "HTTP/2 has the host in the target");
    }

    #[test]
    fn size_is_bounded() {
        assert_eq!(check(&parts(&format!("/{}", "a".repeat(9000)), &["h"]), 1000).unwrap_err().status, 414);
        assert_eq!(check(&parts("/", &[&"h".repeat(1000)]), 1000).unwrap_err().status, 431);
    }
}
