//! What a route asks of a request besides its path.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;

use super::RequestHead;
use super::pattern::{HostPattern, Pattern};
use crate::config::{self, Fault};

/// A route's conditions, compiled.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub(super) hosts: Vec<HostPattern>,
    pub(super) pattern: Pattern,
    pub(super) methods: Vec<Method>,
    pub(super) headers: Vec<(HeaderName, Want<HeaderValue>)>,
    pub(super) query: Vec<(String, Want<String>)>,
    /// Served ones; empty for any.
    pub(super) versions: Vec<Arc<str>>,
}

/// A value that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Want<T> {
    Any,
    Exactly(T),
}

impl<T: PartialEq> Want<T> {
    fn covers(&self, other: &Self) -> bool {
        *self == Self::Any || self == other
    }
}

/// Which condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet<'a> {
    Method,
    Version,
    Header(&'a HeaderName),
    Query(&'a str),
}

impl Conditions {
    pub(super) fn new(route: &config::Route, versions: &config::Versions, faults: &mut Vec<Fault>) -> Self {
        let mut fault = |fault: Fault| faults.push(fault);
        let matches = &route.matches;
        let mut hosts = Vec::new();
        for (index, host) in matches.hosts.iter().enumerate() {
            match HostPattern::new(host) {
                Ok(host) => hosts.push(host),
                Err(message) => fault(Fault::at(index, message).under("hosts").under("match")),
            }
        }
        if matches.hosts.is_empty() {
            hosts.push(HostPattern::Any);
        }
        let pattern = Pattern::new(matches.path.as_deref()).unwrap_or_else(|message| {
            fault(Fault::at("path", message).under("match"));
            Pattern::default()
        });
        let mut methods = Vec::new();
        for (index, text) in matches.methods.iter().enumerate() {
            match Method::from_bytes(text.as_bytes()) {
                Ok(method) if !text.chars().any(|c| c.is_ascii_lowercase()) => methods.push(method),
                _ => {
                    let message =
                        format!("`{text}` is no method; write `{}`", text.to_ascii_uppercase().trim());
                    fault(Fault::at(index, message).under("methods").under("match"));
                }
            }
        }
        let mut headers = Vec::new();
        for (name, value) in &matches.headers {
            let place = |message: String| Fault::at(name.as_str(), message).under("headers").under("match");
            let Ok(known) = name.parse::<HeaderName>() else {
                fault(place(format!("`{name}` is no header's name")));
                continue;
            };
            match (value.as_str(), HeaderValue::from_str(value)) {
                ("*", _) => headers.push((known, Want::Any)),
                (_, Ok(value)) => headers.push((known, Want::Exactly(value))),
                _ => fault(place(format!("{value:?} cannot be a header's value"))),
            }
        }
        let query = matches.query.iter().map(|(name, value)| {
            (name.clone(), if value == "*" { Want::Any } else { Want::Exactly(value.clone()) })
        });
        let query = query.collect();
        let served = route.versions.iter().chain(route.shims.keys().filter(|_| !route.versions.is_empty()));
        let served = served.map(|version| Arc::from(version.as_str())).collect();
        for (index, version) in route.versions.iter().enumerate() {
            if !versions.known.contains_key(version) {
                fault(Fault::at(index, unknown(version, versions)).under("versions"));
            }
        }
        for version in route.shims.keys().filter(|version| !versions.known.contains_key(*version)) {
            fault(Fault::at(version.as_str(), unknown(version, versions)).under("shims"));
        }
        Self { hosts, pattern, methods, headers, query, versions: served }
    }

    /// How many there are, besides the path.
    pub(super) fn count(&self) -> usize {
        let hosts = usize::from(!self.hosts.contains(&HostPattern::Any));
        let methods = usize::from(!self.methods.is_empty());
        hosts + methods + usize::from(!self.versions.is_empty()) + self.headers.len() + self.query.len()
    }

    /// The first condition besides host and path that does not hold; the method comes last, so that it is named only where nothing else is wrong.
    pub(super) fn unmet(&self, head: &RequestHead<'_>) -> Option<Unmet<'_>> {
        for (name, want) in &self.headers {
            let mut values = head.headers.get_all(name).iter();
            let met = match want {
                Want::Any => values.next().is_some(),
                Want::Exactly(wanted) => values.any(|value| value == wanted),
            };
            if !met {
                return Some(Unmet::Header(name));
            }
        }
        for (name, want) in &self.query {
            let met = pairs(head.query.unwrap_or_default()).any(|(known, value)| {
                known == *name
                    && match want {
                        Want::Any => true,
                        Want::Exactly(wanted) => value == *wanted,
                    }
            });
            if !met {
                return Some(Unmet::Query(name));
            }
        }
        if !self.versions.is_empty()
            && !head.version.is_some_and(|asked| self.versions.iter().any(|known| **known == *asked))
        {
            return Some(Unmet::Version);
        }
        (!self.takes(head.method)).then_some(Unmet::Method)
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(method)
            || *method == Method::HEAD && self.methods.contains(&Method::GET)
    }

    /// Whether every request that meets the other's conditions meets these.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.pattern.covers(&other.pattern)
            && other.hosts.iter().all(|theirs| self.hosts.iter().any(|own| own.covers(theirs)))
            && (self.methods.is_empty()
                || !other.methods.is_empty() && other.methods.iter().all(|method| self.takes(method)))
            && (self.versions.is_empty()
                || !other.versions.is_empty()
                    && other.versions.iter().all(|version| self.versions.contains(version)))
            && self.headers.iter().all(|(name, want)| {
                other.headers.iter().any(|(known, theirs)| known == name && want.covers(theirs))
            })
            && self.query.iter().all(|(name, want)| {
                other.query.iter().any(|(known, theirs)| known == name && want.covers(theirs))
            })
    }
}

fn unknown(version: &str, versions: &config::Versions) -> String {
    let known: Vec<_> = versions.known.keys().map(String::as_str).collect();
    if known.is_empty() {
        format!("`{version}` is not among `versions.known`, which is empty")
    } else {
        format!("`{version}` is not among `versions.known`: {}", known.join(", "))
    }
}

/// The pairs of a query, decoded (`application/x-www-form-urlencoded`).
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}
