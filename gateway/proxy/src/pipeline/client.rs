//! Who the client is, and what services are told of it: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Request-Id`. A client cannot forge
//! them: what came is taken away, unless it came from a proxy that is trusted.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Peer, X_REQUEST_ID};
use crate::Exchange;
use crate::edge::Networks;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Others that services believe; not said here.
const REAL: HeaderName = HeaderName::from_static("x-real-ip");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// The client behind trusted proxies: the last address in `X-Forwarded-For` that is not one of them, and whether it spoke TLS.
pub(crate) fn behind(trusted: &Networks, peer: &Peer, headers: &HeaderMap) -> (IpAddr, bool) {
    if trusted.is_empty() || !trusted.contains(peer.address) {
        return (peer.address, peer.secure);
    }
    let mut client = peer.address;
    'all: for value in headers.get_all(FOR).iter().rev() {
        for part in value.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(address) = address(part) else { break 'all };
            client = address;
            if !trusted.contains(address) {
                break 'all;
            }
        }
    }
    let secure = match headers.get_all(PROTO).iter().next_back().map(HeaderValue::as_bytes) {
        Some(said) => {
            said.rsplit(|byte| *byte == b',').next().is_some_and(|said| said.trim_ascii() == b"https")
        }
        None => peer.secure,
    };
    (client, secure)
}

/// An address, with a port or without.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// Tells the service.
pub(crate) fn tell(
    headers: &mut HeaderMap,
    trusted: &Networks,
    peer: &Peer,
    exchange: &Exchange,
    id: Option<&HeaderValue>,
    trailers: bool,
) {
    let believed = !trusted.is_empty() && trusted.contains(peer.address);
    let before = if believed {
        headers.get_all(FOR).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..])
    } else {
        Vec::new()
    };
    if before.is_empty() {
        headers.insert(FOR, peer.shown.clone());
    } else if let Ok(all) =
        HeaderValue::from_bytes(&[before.as_slice(), b", ", peer.shown.as_bytes()].concat())
    {
        headers.insert(FOR, all);
    }
    headers.insert(PROTO, HeaderValue::from_static(if exchange.secure { "https" } else { "http" }));
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(HOST, host);
    }
    // One look at all names: hardly any request has one of these.
    let is_unwanted = |name: &HeaderName| {
        matches!(name.as_str(), "forwarded" | "x-real-ip" | "x-forwarded-port" | "expect")
    };
    if headers.keys().any(is_unwanted) {
        headers.remove(header::FORWARDED);
        if !believed {
            headers.remove(REAL);
            headers.remove(PORT);
        }
        // The listener answers it as soon as the body is wanted.
        headers.remove(header::EXPECT);
    }
    if let Some(id) = id {
        headers.insert(X_REQUEST_ID, id.clone());
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxys_word_is_believed() {
        let trusted = Networks::new(&["10.0.0.0/8".to_owned()]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(FOR, HeaderValue::from_static("1.1.1.1, 192.0.2.9:4000, 10.0.0.2"));
        headers.insert(PROTO, HeaderValue::from_static("https"));
        let listener = crate::config::Listener::default();
        let peer = |text: &str| Peer::new(text.parse().unwrap(), false, &listener);
        assert_eq!(behind(&trusted, &peer("10.0.0.1"), &headers), ("192.0.2.9".parse().unwrap(), true));
        assert_eq!(behind(&trusted, &peer("8.8.8.8"), &headers), ("8.8.8.8".parse().unwrap(), false));
        headers.insert(FOR, HeaderValue::from_static("unknown, 10.0.0.2"));
        assert_eq!(behind(&trusted, &peer("10.0.0.1"), &headers).0, "10.0.0.2".parse::<IpAddr>().unwrap());
        // What a client put in front of the trusted proxy's word does not hide it.
        headers.insert(FOR, HeaderValue::from_bytes(b"\xff, 192.0.2.9").unwrap());
        assert_eq!(behind(&trusted, &peer("10.0.0.1"), &headers).0, "192.0.2.9".parse::<IpAddr>().unwrap());
    }
}
