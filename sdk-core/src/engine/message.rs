//! Requests and answers as the engine sees them, independent of any HTTP library, so that the same policies run over reqwest, hyper
//! and a browser's `fetch`.
//!
//! Promises: header names are lower case and looked up without regard to case; nothing here prints a credential.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use super::redact;

/// Header fields in the order they were added. Names are kept in lower case; a name may occur more than once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    entries: Vec<(Cow<'static, str>, String)>,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// No headers yet, and room for as many.
    pub fn with_capacity(fields: usize) -> Self {
        Self { entries: Vec::with_capacity(fields) }
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.entries
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Is there a value of `name`?
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Replaces every value of `name` with this one.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let name = lower(name.into());
        self.entries.retain(|(key, _)| *key != name);
        self.entries.push((name, value.into()));
    }

    /// Adds a value beside those that are there.
    pub fn append(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.entries.push((lower(name.into()), value.into()));
    }

    /// Removes every value of `name` and tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.entries.len() != before
    }

    /// The same names with every value passed through `change`.
    #[must_use]
    pub(crate) fn map_values(mut self, change: impl Fn(&str) -> String) -> Self {
        for (_, value) in &mut self.entries {
            *value = change(value);
        }
        self
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is there no field?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Replaces, name by name, what `other` holds.
    pub fn merge(&mut self, other: &Self) {
        for (name, _) in &other.entries {
            self.remove(name);
        }
        self.entries.extend(other.entries.iter().cloned());
    }

    /// As [`Self::merge`], with headers that nobody else needs.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (name, _) in &other.entries {
            self.remove(name);
        }
        self.entries.extend(other.entries);
    }
}

/// Header names are compared in lower case everywhere; the common case allocates nothing.
fn lower(name: Cow<'static, str>) -> Cow<'static, str> {
    if name == "X-API-Key" {
        Cow::Borrowed("x-api-key")
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.iter().map(|(name, value)| (name, redact::header(name, value))))
            .finish()
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        let mut headers = Self::with_capacity(fields.size_hint().0);
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }
}

/// A request, ready for a transport. Cloning is cheap: the body is shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper case: `POST`.
    pub method: &'static str,
    /// Absolute: scheme, authority, path and query, all of it percent-encoded.
    pub url: String,
    /// Every header but those that the transport owns (`host`, `content-length`, `connection`, `accept-encoding`).
    pub headers: Headers,
    /// Empty where the operation has none.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &redact::url(&self.url))
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Status and headers of an answer. The body follows, or is streamed by the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 599.
    pub status: u16,
    /// As received; a value that is not UTF-8 is converted lossily.
    pub headers: Headers,
}
