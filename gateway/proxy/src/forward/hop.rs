//! Headers that belong to one connection and go no further (RFC 9110, section 7.6.1): the known ones, and those that `Connection` nominates.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// By their text: a list of `HeaderName` would be made anew for each comparison.
const HOP: [&str; 9] = [
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
    "proxy-authenticate",
    "proxy-authorization",
    "keep-alive",
    "proxy-connection",
    "http2-settings",
];

/// What the headers of a hop said before they were taken away.
#[derive(Debug, Default)]
pub(crate) struct Hop {
    /// `Upgrade`, if `Connection` nominated it.
    pub(crate) upgrade: Option<HeaderValue>,
    /// `TE: trailers`.
    pub(crate) trailers: bool,
}

/// Takes away what belongs to the hop that a message came over.
pub(crate) fn strip(headers: &mut HeaderMap) -> Hop {
    let mut hop = Hop::default();
    if !headers.keys().any(of_hop) {
        return hop;
    }
    hop.trailers = headers.get_all(header::TE).iter().any(|value| has_token(value, "trailers"));
    let mut upgrade = false;
    if headers.contains_key(header::CONNECTION) {
        let nominated: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(tokens)
            .filter(|token| !token.eq_ignore_ascii_case("keep-alive") && !token.eq_ignore_ascii_case("close"))
            .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
            .collect();
        for name in nominated {
            if name == header::UPGRADE {
                upgrade = true;
            } else {
                headers.remove(name);
            }
        }
    }
    if upgrade {
        hop.upgrade = headers.remove(header::UPGRADE);
    }
    for name in HOP {
        headers.remove(name);
    }
    hop
}

fn of_hop(name: &HeaderName) -> bool {
    HOP.contains(&name.as_str())
}

/// Whether a list header has a token, in whatever case.
pub(crate) fn has_token(value: &HeaderValue, wanted: &str) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_nominates_goes_no_further() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "X-Secret, close"),
            ("connection", "upgrade,te"),
            ("x-secret", "1"),
            ("upgrade", "websocket"),
            ("te", "gzip, Trailers"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let hop = strip(&mut headers);
        assert_eq!(hop.upgrade.as_ref().map(HeaderValue::as_bytes), Some(&b"websocket"[..]));
        assert!(hop.trailers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn an_upgrade_that_connection_does_not_nominate_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
        assert!(strip(&mut headers).upgrade.is_none());
        assert!(headers.is_empty());
    }
}
