//! What must never be printed, and how it is printed instead. Debug output, errors and logs of every module go through here, so that there
//! is one list of secret names to keep right.

use std::borrow::Cow;
use std::fmt;

use super::message::Headers;

/// Stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A value that Debug and Display do not show.
///
/// ```
/// let secret = waypost::engine::Secret::new("wp_123_abc");
/// assert_eq!(format!("{secret:?} {secret}"), "[redacted] [redacted]");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the wire and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

/// Is this the name of a header, parameter or member whose value is a secret? Case, `-` and `_` do not matter.
pub fn is_secret_name(name: &str) -> bool {
    const WITHIN: &[&str] = &[
        "authorization",
        "cookie",
        "token",
        "secret",
        "password",
        "passphrase",
        "apikey",
        "signature",
        "credential",
    ];
    const WHOLE: &[&str] = &["idempotencykey", "code", "key", "assertion", "codeverifier"];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    WITHIN.iter().any(|word| find(&plain, word).is_some()) || WHOLE.contains(&plain.as_str())
}

/// A header's value as it may be printed.
pub fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret_name(name) { REDACTED } else { value }
}

/// A URL as it may be printed: without user information, and with the names of its query but not their values.
///
/// ```
/// use waypost::engine::redact::url;
/// assert_eq!(url("https://me:pw@api.example/v1?cursor=abc"), "https://[redacted]@api.example/v1?cursor=[redacted]");
/// ```
pub fn url(url: &str) -> Cow<'_, str> {
    let (rest, query) = url.split_once('?').map_or((url, None), |(rest, query)| (rest, Some(query)));
    let after_scheme = find(rest, "://").map_or(rest.len(), |place| place + 3);
    let (scheme, rest) = rest.split_at(after_scheme);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rfind('@').and_then(|place| authority.get(place..));
    if query.is_none() && host.is_none() {
        return Cow::Borrowed(url);
    }
    let mut printed = scheme.to_owned();
    if host.is_some() {
        printed.push_str(REDACTED);
    }
    printed.push_str(host.unwrap_or(authority));
    printed.push_str(path);
    let mut separator = '?';
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        printed.push(separator);
        separator = '&';
        let (name, value) = pair.split_at(pair.find('=').map_or(pair.len(), |place| place + 1));
        printed.push_str(name);
        if !value.is_empty() || name.ends_with('=') {
            printed.push_str(REDACTED);
        }
    }
    Cow::Owned(printed)
}

/// Where a word begins. The library's search is faster in long texts and larger than everything else here; ours are short.
fn find(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len().max(1)).position(|window| window == word.as_bytes())
}

/// A text of somebody else's (a library's message, a server's detail) as it may be printed: every URL in it by [`url`], and none of `secrets`.
pub fn scrub(text: &str, secrets: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets {
        let mut from = 0;
        while let Some(place) = clean.get(from..).and_then(|rest| find(rest, secret)) {
            let place = from + place;
            clean.replace_range(place..place + secret.len(), REDACTED);
            from = place + REDACTED.len();
        }
    }
    if find(&clean, "://").is_none() {
        return clean;
    }
    let ends =
        |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '<' | '>' | '(' | ')' | '`');
    let mut printed = String::with_capacity(clean.len());
    for piece in clean.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        if find(word, "://").is_some() {
            printed.push_str(&url(word));
        } else {
            printed.push_str(word);
        }
        printed.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    printed
}

/// The credentials that a request carries. Very short values are left: taking every `a` out of a text hides nothing and ruins it.
pub(crate) fn secrets_of(headers: &Headers) -> Vec<&str> {
    const SHORTEST: usize = 6;
    headers
        .iter()
        .filter(|(name, _)| is_secret_name(name) && *name != "idempotency-key")
        .flat_map(|(name, value)| {
            let token = value.split_once(' ').map_or(value, |(_, token)| token);
            let pairs = if name == "cookie" { value } else { "" };
            let cookies = pairs.split("; ").filter_map(|pair| pair.split_once('=').map(|(_, value)| value));
            [value, token].into_iter().chain(cookies)
        })
        .filter(|secret| secret.len() >= SHORTEST)
        .collect()
}
