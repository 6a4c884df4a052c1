//! The headers that every answer of an operation carries beside those that the data plane sets, worked out before the first request where that is possible.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::generated::operation::Deprecated;
use crate::generated::{API_VERSION, OPERATIONS, Operation};

const VERSION: HeaderName = HeaderName::from_static("x-api-version");

/// The reference page brings its script and style with it and talks to nobody.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What is known of the operations' headers beforehand.
#[derive(Debug)]
pub(super) struct Common {
    /// By `Operation::index`.
    deprecations: Vec<Vec<(HeaderName, HeaderValue)>>,
}

impl Common {
    pub(super) fn new() -> Self {
        let deprecations = OPERATIONS
            .iter()
            .map(|operation| operation.deprecated.as_ref().map(deprecation).unwrap_or_default());
        Self { deprecations: deprecations.collect() }
    }

    /// Adds them.
    pub(super) fn add(&self, headers: &mut HeaderMap, operation: Option<&Operation>) {
        // With those of the data plane.
        headers.reserve(10);
        headers.insert(VERSION, HeaderValue::from_static(API_VERSION));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let cache = if headers.contains_key(header::ETAG) { "private, no-cache" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|content| content.as_bytes().starts_with(b"text/html"))
        {
            // A page with a stricter policy of its own keeps it.
            headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(PAGE_POLICY);
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        let deprecation = operation.and_then(|operation| self.deprecations.get(operation.index));
        for (name, value) in deprecation.into_iter().flatten() {
            headers.insert(name, value.clone());
        }
    }
}

/// `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`; of a date that cannot be read, nothing.
fn deprecation(deprecated: &Deprecated) -> Vec<(HeaderName, HeaderValue)> {
    let time = |text: &str| {
        let midnight = || format!("{text}T00:00:00Z").parse::<jiff::Timestamp>();
        text.parse::<jiff::Timestamp>().or_else(|_| midnight()).ok()
    };
    let since = time(deprecated.since)
        .map(|time| (HeaderName::from_static("deprecation"), format!("@{}", time.as_second())));
    let sunset = deprecated.sunset.and_then(time).map(|time| {
        let date = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        (HeaderName::from_static("sunset"), date)
    });
    let link = deprecated.link.map(|link| (header::LINK, format!("<{link}>; rel=\"successor-version\"")));
    [since, sunset, link]
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deprecated_operation_says_since_when_until_when_and_what_instead() {
        let headers = deprecation(&Deprecated {
            since: "2027-01-01T00:00:00Z",
            sunset: Some("2027-12-31"),
            link: Some("https://example.com/next"),
        });
        let told: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            told,
            [
                ("deprecation", "@1798761600"),
                ("sunset", "Fri, 31 Dec 2027 00:00:00 GMT"),
                ("link", "<https://example.com/next>; rel=\"successor-version\""),
            ]
        );
    }
}
