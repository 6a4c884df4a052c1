//! From values to the characters of a URL, a form and a header. No URL library: what a base URL may be is a short rule that is checked, and
//! everything that a caller passes is percent-encoded, so there is nothing left to parse or normalise.

use serde_json::Value;

use super::text;

/// One value, for a path segment or for either side of a query pair.
///
/// ```
/// assert_eq!(waypost::engine::encode::component("a b/c?é"), "a%20b%2Fc%3F%C3%A9");
/// ```
pub fn component(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    push(&mut text, value);
    text
}

/// Appends a value with everything but the unreserved characters of RFC 3986, section 2.3, percent-encoded. Not by a formatter: a browser would have
/// to download it for this alone.
fn push(text: &mut String, value: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |number: u8| char::from(DIGITS.get(usize::from(number)).copied().unwrap_or_default());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A value as one path segment.
///
/// # Errors
/// Says why when it is empty, `.` or `..`: servers and proxies take these out of a path and arrive at another operation, encoded or not.
pub fn segment(value: &str) -> Result<String, &'static str> {
    let mut text = String::new();
    push_segment(&mut text, value).map(|()| text)
}

/// Appends a value as [`segment`] has it.
pub(crate) fn push_segment(text: &mut String, value: &str) -> Result<(), &'static str> {
    match value {
        "" => Err("is empty"),
        "." | ".." => Err("is a dot segment, which would lead to another path"),
        value => {
            push(text, value);
            Ok(())
        }
    }
}

/// Appends `name=value` to a URL or form.
pub(crate) fn pair(text: &mut String, separator: Option<char>, name: &str, value: &str) {
    text.extend(separator);
    push(text, name);
    text.push('=');
    push(text, value);
}

/// An object of scalars and arrays of scalars as `application/x-www-form-urlencoded`. Null members are left out.
///
/// # Errors
/// Says which member is neither.
pub fn form(value: &Value) -> Result<String, String> {
    let Some(members) = value.as_object() else { return Err("it is not an object".to_owned()) };
    let mut text = String::new();
    for (name, value) in members {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            let item = match item {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => item.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(format!("member `{name}` is neither a scalar nor an array of scalars"));
                }
            };
            let separator = (!text.is_empty()).then_some('&');
            pair(&mut text, separator, name, &item);
        }
    }
    Ok(text)
}

/// Why this cannot be a header's name.
pub(crate) fn header_name_mistake(name: &str) -> Option<&'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some("is not a header name (letters, digits and hyphens)");
    }
    const OWNED: &[&str] = &[
        "host",
        "content-length",
        "connection",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "te",
        "trailer",
    ];
    OWNED
        .iter()
        .any(|owned| name.eq_ignore_ascii_case(owned))
        .then_some("belongs to the transport and cannot be set")
}

/// A name that may be none, as a message may quote it: visible ASCII as it is, anything else as `?`.
pub(crate) fn printed(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' }).collect()
}

/// Why this cannot be a header's value. The value itself is not repeated: it may be a secret.
pub(crate) fn header_value_mistake(value: &str) -> Option<&'static str> {
    if value.bytes().any(|byte| byte == b'\r' || byte == b'\n' || byte == 0) {
        return Some("has a line break or NUL, which would end the header");
    }
    if value.bytes().any(|byte| !(0x20..0x7f).contains(&byte) && byte != b'\t') {
        return Some("has a character outside visible ASCII; encode it");
    }
    // Of white space only these two are left.
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let edge = blank(value.as_bytes().first()) || blank(value.as_bytes().last());
    edge.then_some("begins or ends with white space")
}

/// Finds what is wrong with headers.
pub fn check_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, mistakes: &mut Vec<String>) {
    for (name, value) in headers {
        for reason in [header_name_mistake(name), header_value_mistake(value)].into_iter().flatten() {
            mistakes.push(text::concat(&["header `", &printed(name), "` ", reason]));
        }
    }
}

/// Where the API is: an origin, and perhaps a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    prefix: String,
}

impl BaseUrl {
    /// Reads a base URL; trailing slashes do not matter.
    ///
    /// # Errors
    /// Says what is wrong, and what to write instead. The URL is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("has no scheme; write `https://host`")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => "https",
            "http" => "http",
            _ => return Err("has a scheme that is neither http nor https"),
        };
        if rest.contains(['?', '#']) {
            return Err("has a query or fragment; write scheme, host and at most a path");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("holds a user name or password; give credentials to the client instead");
        }
        let authority = authority_of(scheme, authority)?;
        let prefix = path.trim_end_matches('/');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
        if !prefix.bytes().all(allowed) {
            return Err("has a character in its path that must be percent-encoded");
        }
        if prefix.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err("has an empty or dot segment in its path");
        }
        Ok(Self { origin: format!("{scheme}://{authority}"), prefix: prefix.to_owned() })
    }

    /// Scheme, host and port: where credentials may go.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path before every operation's path; empty, or with a leading and no trailing slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Does an absolute URL lie on this origin and under this prefix?
    pub fn covers(&self, url: &str) -> bool {
        let Some(rest) = url.strip_prefix(&self.origin).and_then(|path| path.strip_prefix(&self.prefix))
        else {
            return false;
        };
        rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')
    }
}

/// Host and port in the form that every URL library writes: lower case, the shortest form of an IPv6 address, no default port. Otherwise a URL that
/// such a library built on this base would not look like one of it.
fn authority_of(scheme: &str, authority: &str) -> Result<String, &'static str> {
    const HOST: &str = "has no valid host; write `https://host` or `https://host:port`, a name with other letters in its xn-- form";
    const PORT: &str = "has a port that is not a number from 1 to 65535";
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(HOST)?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| HOST)?;
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (host.to_ascii_lowercase(), port)
        }
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !(host.starts_with('[') || host.bytes().all(named)) {
        return Err(HOST);
    }
    if port.is_empty() {
        return Ok(host);
    }
    let digits = port.strip_prefix(':').ok_or(HOST)?;
    let number =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    match (scheme, number.filter(|port| *port > 0).ok_or(PORT)?) {
        ("http", 80) | ("https", 443) => Ok(host),
        (_, port) => Ok(format!("{host}:{port}")),
    }
}
