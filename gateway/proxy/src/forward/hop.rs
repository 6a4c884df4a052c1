//! Headers that belong to one connection and go no further (RFC 9110, section 7.6.1): the known ones, and those that `Connection` nominates. And trailers that
//! are none: what frames, routes or authenticates a message has to be known before its body.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::body::Frame;

use crate::identity;

/// Made once: a text would be parsed, and hashed, for each look.
static HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// What the headers of a hop said before they were taken away.
#[derive(Debug, Default)]
pub(crate) struct Hop {
    /// `Upgrade`, if `Connection` nominated it.
    pub(crate) upgrade: Option<HeaderValue>,
    /// `TE: trailers`.
    pub(crate) trailers: bool,
    /// `Transfer-Encoding` named another coding than is undone here.
    pub(crate) unknown_coding: bool,
}

/// Takes away what belongs to the hop that a message came over.
pub(crate) fn strip(headers: &mut HeaderMap) -> Hop {
    let mut hop = Hop::default();
    // Which of them are there: one look at all names, as most messages have one of them at most.
    let mut there = [false; HOP.len()];
    for name in headers.keys().filter(|name| of_hop(name)) {
        for (there, _) in there.iter_mut().zip(&HOP).filter(|(_, known)| *known == name) {
            *there = true;
        }
    }
    let [connection, coding, _, te, ..] = there;
    if te {
        hop.trailers = headers.get_all(header::TE).iter().any(|value| has_token(value, "trailers"));
    }
    let mut upgrade = false;
    if connection {
        let nominated: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter(|value| *value != "keep-alive" && *value != "close")
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
    // It overrides the length (RFC 9112, section 6.3), which would be taken for true once it is gone.
    if coding {
        hop.unknown_coding = !has_known_coding(headers);
        headers.remove(header::CONTENT_LENGTH);
    }
    for (name, _) in HOP.iter().zip(there).filter(|(_, there)| *there) {
        headers.remove(name);
    }
    hop
}

/// Whether a message is in no transfer coding, or in the only one that is undone here. One in another would go on without the field that says so.
pub(crate) fn has_known_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(one), None) => one.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// A frame as it goes on: trailers without what must not be one (RFC 9110, section 6.5.1). Services that read trailers like headers would take it for one.
pub(crate) fn without_false_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            let false_ones: Vec<HeaderName> =
                trailers.keys().filter(|name| !may_trail(name)).cloned().collect();
            for name in false_ones {
                trailers.remove(name);
            }
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

fn may_trail(name: &HeaderName) -> bool {
    const NEVER: [HeaderName; 17] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::HOST,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::LOCATION,
        header::MAX_FORWARDS,
        header::RANGE,
        header::SET_COOKIE,
        header::TRAILER,
        header::VARY,
    ];
    !of_hop(name) && !NEVER.contains(name) && !identity::is_told(name.as_str()) && name != "x-api-key"
}

fn of_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "transfer-encoding"
            | "upgrade"
            | "te"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "keep-alive"
            | "proxy-connection"
            | "http2-settings"
    )
}

/// Whether a list header has a token, in whatever case.
pub(crate) fn has_token(value: &HeaderValue, wanted: &str) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    // Each by itself: one that is no text hides none of the others.
    let items = value.as_bytes().split(|byte| *byte == b',');
    items.filter_map(|item| std::str::from_utf8(item.trim_ascii()).ok()).filter(|token| !token.is_empty())
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
            ("connection", "\u{e9}, x-hidden"),
            ("x-hidden", "1"),
            ("x-secret", "1"),
            ("upgrade", "websocket"),
            ("te", "gzip, Trailers"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("accept", "*/*"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let hop = strip(&mut headers);
        assert_eq!(hop.upgrade.as_ref().map(HeaderValue::as_bytes), Some(&b"websocket"[..]));
        assert!(hop.trailers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn trailers_are_only_what_may_come_late() {
        let mut trailers = HeaderMap::new();
        for name in
            ["grpc-status", "content-length", "host", "te", "x-waypost-caller", "x_forwarded_for", "x-sum"]
        {
            trailers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        let left = without_false_trailers(Frame::trailers(trailers)).into_trailers().unwrap();
        let mut names: Vec<_> = left.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["grpc-status", "x-sum"]);
    }

    #[test]
    fn an_upgrade_that_connection_does_not_nominate_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
        assert!(strip(&mut headers).upgrade.is_none());
        assert!(headers.is_empty());
    }
}
