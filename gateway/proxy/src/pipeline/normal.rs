//! One normal form of what a client asks for, or none: a request that two readers could read in two ways is refused before anything is decided over it.
//!
//! The path: percent-encodings of unreserved characters are decoded, all others in upper case; empty, `.` and `..` segments are resolved (RFC 3986, section
//! 6.2.2). An encoded slash, backslash or NUL is refused: services differ over what it means. The host: exactly one, the same in the request's target and
//! in `Host` (RFC 9112, section 3.2).

use std::net::Ipv6Addr;

use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderValue, Method, StatusCode, Version, header};

use crate::forward::hop;
use crate::{Exchange, Refusal};

/// The longest path and query, in bytes: what services and their servers take without being told to.
const LONGEST_TARGET: usize = 8 << 10;

/// Brings a request's head into its normal form, or says why it has none.
pub(crate) fn normalise(head: &mut Parts, exchange: &mut Exchange) -> Result<(), Refusal> {
    method(&head.method)?;
    length(&head.uri)?;
    // One look at all names: hardly any request has one of these.
    if head.headers.keys().any(|name| matches!(name.as_str(), "expect" | "transfer-encoding")) {
        expectation(head)?;
        transfer_encoding(head)?;
    }
    exchange.host = host(head)?;
    path(head, exchange)?;
    if head.version >= Version::HTTP_2 {
        join_cookies(head);
    }
    Ok(())
}

/// Refuses a head that is larger than allowed, counted as HTTP/2 does (RFC 9113, section 6.5.2). Over HTTP/1.1 the reader has counted its bytes.
pub(crate) fn fits(head: &Parts, most: u64) -> Result<(), Refusal> {
    if head.version < Version::HTTP_2 {
        return Ok(());
    }
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32);
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let size = fields.sum::<usize>() + target;
    if u64::try_from(size).unwrap_or(u64::MAX) <= most {
        return Ok(());
    }
    let detail = "The request's head is larger than is taken here.";
    Err(Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail))
}

fn bad(code: &'static str, detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, detail)
}

fn method(method: &Method) -> Result<(), Refusal> {
    if matches!(*method, Method::CONNECT | Method::TRACE) || method.as_str() == "TRACK" {
        let detail = "CONNECT, TRACE and TRACK are not served here.";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).header(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ));
    }
    Ok(())
}

fn length(uri: &Uri) -> Result<(), Refusal> {
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length > LONGEST_TARGET {
        let detail = format!("The path and query have {length} bytes; at most {LONGEST_TARGET} are taken.");
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
    }
    Ok(())
}

fn expectation(head: &Parts) -> Result<(), Refusal> {
    match head.headers.get(header::EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            let detail = "The only expectation that is known is 100-continue.";
            Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "expectation_failed", detail))
        }
        _ => Ok(()),
    }
}

fn transfer_encoding(head: &Parts) -> Result<(), Refusal> {
    if hop::has_known_coding(&head.headers) {
        return Ok(());
    }
    Err(bad("transfer_encoding_unknown", "The only Transfer-Encoding that is taken is `chunked`."))
}

/// The host in lower case, without the port. `Host` holds what was asked for afterwards, whatever the protocol's version.
fn host(head: &mut Parts) -> Result<String, Refusal> {
    let mut values = head.headers.get_all(header::HOST).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(bad("host_twice", "The request has more than one Host."));
    }
    if head.uri.authority().is_none()
        && let Some(name) = first.and_then(|value| plain_name(value.as_bytes()))
    {
        return Ok(name);
    }
    let written = match first {
        Some(value) => Some(
            Authority::try_from(value.as_bytes())
                .ok()
                .filter(well_formed)
                .ok_or_else(|| bad("host_malformed", "The request's Host is malformed."))?,
        ),
        None => None,
    };
    match (head.uri.authority(), written) {
        (None, None) => Err(bad("host_missing", "The request names no Host.")),
        (None, Some(written)) => Ok(name(&written)),
        (Some(asked), None) => {
            // HTTP/2 has it in `:authority`. HTTP/1.1 needs the header as well.
            if head.version < Version::HTTP_2 {
                return Err(bad("host_missing", "The request names no Host."));
            }
            if !well_formed(asked) {
                return Err(bad("host_malformed", "The request's authority is malformed."));
            }
            let name = name(asked);
            let value = HeaderValue::from_str(asked.as_str())
                .map_err(|_| bad("host_malformed", "The request's authority is malformed."))?;
            head.headers.insert(header::HOST, value);
            Ok(name)
        }
        (Some(asked), Some(written)) => {
            if !well_formed(asked) || !same(asked, &written, head.uri.scheme_str()) {
                return Err(bad("host_ambiguous", "The request's target names another host than its Host."));
            }
            Ok(name(&written))
        }
    }
}

/// The name of a host that needs no parser to be understood, as nearly all are: lower case, and a port at most.
fn plain_name(text: &[u8]) -> Option<String> {
    let name = match text.iter().position(|byte| *byte == b':') {
        None => text,
        Some(at) => {
            let (name, port) = text.split_at_checked(at)?;
            let port = std::str::from_utf8(port.get(1..)?).ok()?;
            let sound = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
            port.parse::<u16>().ok().filter(|_| sound)?;
            name
        }
    };
    let plain =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_');
    let sound = !name.is_empty() && !name.ends_with(b".") && name.iter().all(plain);
    std::str::from_utf8(name).ok().filter(|_| sound).map(str::to_owned)
}

fn well_formed(authority: &Authority) -> bool {
    let host = authority.host();
    // Nothing stands between the host and its port: what does is read as a part of either.
    let port = authority.as_str().strip_prefix(host).unwrap_or("@");
    let port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && authority.port_u16().is_some()
        });
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    port && match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(name),
    }
}

fn same(asked: &Authority, written: &Authority, scheme: Option<&str>) -> bool {
    let port = |authority: &Authority| {
        authority.port_u16().or(match scheme {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        })
    };
    asked.host().eq_ignore_ascii_case(written.host()) && port(asked) == port(written)
}

fn name(authority: &Authority) -> String {
    let mut name = authority.host().to_owned();
    name.make_ascii_lowercase();
    // A name with its root's dot is the same name.
    if name.len() > 1 && name.ends_with('.') {
        name.pop();
    }
    name
}

fn path(head: &mut Parts, exchange: &mut Exchange) -> Result<(), Refusal> {
    let path = head.uri.path();
    if path == "*" {
        return Err(bad("path_malformed", "`*` asks for no resource."));
    }
    let changed = if plain(path) { None } else { Some(resolve(path)?) };
    if changed.as_deref().is_some_and(|changed| changed != path) || head.uri.scheme().is_some() {
        let path = changed.as_deref().unwrap_or(path);
        let target = match head.uri.query() {
            Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
            None => PathAndQuery::try_from(path),
        };
        let target = target.map_err(|_| bad("path_malformed", "The request's path is malformed."))?;
        head.uri = Uri::from(target);
    }
    exchange.path = changed.unwrap_or_else(|| head.uri.path().to_owned());
    Ok(())
}

/// Whether a path is in its normal form for sure.
pub(crate) fn plain(path: &str) -> bool {
    let mut before = 0;
    for byte in path.bytes() {
        let suspicious = match byte {
            b'/' | b'.' => before == b'/',
            b'%' | b'\\' | b'"' | b'#' | b'?' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => true,
            byte => !byte.is_ascii_graphic(),
        };
        if suspicious {
            return false;
        }
        before = byte;
    }
    path.starts_with('/')
}

/// The normal form of a path.
pub(crate) fn resolve(path: &str) -> Result<String, Refusal> {
    if !path.starts_with('/') {
        return Err(bad("path_malformed", "The request's path does not begin with a slash."));
    }
    let text = decode(path)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in text.split('/').skip(1) {
        open = true;
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => {
                segments.push(segment);
                open = false;
            }
        }
    }
    let mut normal = String::with_capacity(text.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if open {
        normal.push('/');
    }
    Ok(normal)
}

fn decode(path: &str) -> Result<String, Refusal> {
    let mut text = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let (byte, encoded) = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err(bad(
                        "path_malformed",
                        "The request's path has a malformed percent-encoding.",
                    ));
                };
                (u8::try_from(high * 16 + low).unwrap_or_default(), true)
            }
            byte => (byte, false),
        };
        match byte {
            0 | b'\\' => {
                return Err(bad("path_ambiguous", "The request's path has a backslash or NUL in it."));
            }
            b'/' if encoded => {
                return Err(bad("path_ambiguous", "The request's path has an encoded slash in it."));
            }
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                text.push(char::from(byte));
            }
            byte if !encoded
                && byte.is_ascii_graphic()
                && !matches!(byte, b'"' | b'#' | b'?' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}') =>
            {
                text.push(char::from(byte));
            }
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                text.push('%');
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
                }
            }
        }
    }
    Ok(text)
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 has one header for all (RFC 9113, section 8.2.3).
fn join_cookies(head: &mut Parts) {
    if head.headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let parts: Vec<&[u8]> = head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        head.headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_has_one_normal_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e%2e/c", "/c"),
            ("/a/%2E", "/a/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/..", "/"),
            ("/%41%7e%c3%a9", "/A~%C3%A9"),
            ("/a%20b;c=1,d", "/a%20b;c=1,d"),
            ("/...", "/..."),
            ("/a|b\"?#", "/a%7Cb%22%3F%23"),
        ] {
            assert_eq!(resolve(path).map_err(|refusal| refusal.code()), Ok(normal.to_owned()), "{path}");
        }
        for path in ["//admin/%2e%2e/x%2fy", "/a%5cb", "/a\\b", "/%00", "/%", "/%2", "/%zz", "a", ""] {
            assert!(resolve(path).is_err(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_host_is_what_the_parser_makes_of_it(text in "[a-z0-9._-]{0,12}(:[0-9]{0,6})?") {
            let parsed = Authority::try_from(text.as_bytes()).ok().filter(well_formed);
            if let Some(plain) = plain_name(text.as_bytes()) {
                prop_assert_eq!(Some(plain), parsed.as_ref().map(name));
            }
        }

        #[test]
        fn the_normal_form_of_a_normal_form_is_itself(path in "/[a-z./%0-9A-F\\\\|é]{0,40}") {
            if let Ok(normal) = resolve(&path) {
                prop_assert_eq!(resolve(&normal).map_err(|refusal| refusal.code()), Ok(normal.clone()));
                prop_assert!(!normal.contains("//") && !normal.split('/').any(|part| part == "." || part == ".."));
            }
            if plain(&path) {
                prop_assert_eq!(resolve(&path).map_err(|refusal| refusal.code()), Ok(path));
            }
        }
    }
}
