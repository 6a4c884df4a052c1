//! Heads of requests, as they come over a connection.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use crate::Exchange;
use crate::config::Listener;
use crate::edge::{Accepted, Networks};
use crate::forward::hop;
use crate::observe::Trace;
use crate::pipeline::Peer;
use crate::pipeline::client::behind;
use crate::pipeline::normal::normalise;

pub(super) fn holds(data: &[u8]) {
    let Some(mut head) = read(data) else { return };
    lists(&head.headers);
    let mut exchange = exchange();
    if normalise(&mut head, &mut exchange).is_err() {
        return;
    }
    assert_eq!(exchange.host, host(&head.headers), "two readers of Host");
    assert_eq!(exchange.path, head.uri.path());
    assert!(head.uri.authority().is_none(), "the target names a host of its own");
    let came = head.headers.clone();
    hop::strip(&mut head.headers);
    only_end_to_end(&came, &head.headers);
    traced(&mut head.headers);
    // What goes on is read by the next one as it was meant.
    let again = read(&write(&head)).expect("what goes on is a head");
    assert_eq!((&again.method, &again.uri, &again.headers), (&head.method, &head.uri, &head.headers));
    let before = exchange.clone();
    let mut again = again;
    if came.contains_key(header::HOST) && again.headers.contains_key(header::HOST) {
        assert!(normalise(&mut again, &mut exchange).is_ok(), "a normal head is refused");
        assert_eq!((exchange.host, exchange.path), (before.host, before.path));
    }
}

/// The other reader: httparse, and what hyper makes of it.
fn read(bytes: &[u8]) -> Option<Parts> {
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut slots);
    if !parsed.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    head.uri = parsed.path?.parse::<Uri>().ok()?;
    for one in parsed.headers.iter() {
        let name = HeaderName::from_bytes(one.name.as_bytes()).ok()?;
        head.headers.append(name, HeaderValue::from_bytes(one.value).ok()?);
    }
    Some(head)
}

fn write(head: &Parts) -> Vec<u8> {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", head.method).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The host of `Host`, read from its end: the port is what follows the last colon that is no part of an address.
fn host(headers: &HeaderMap) -> String {
    let mut values = headers.get_all(header::HOST).iter();
    let text = values.next().expect("a host").to_str().expect("of text").to_ascii_lowercase();
    assert!(values.next().is_none(), "two hosts");
    let end = text.rfind(':').filter(|colon| text.rfind(']').is_none_or(|bracket| bracket < *colon));
    let name = end.map_or(text.as_str(), |end| &text[..end]);
    if name.len() > 1 { name.strip_suffix('.').unwrap_or(name) } else { name }.to_owned()
}

/// Nothing of the hop is left, and nothing that any line of `Connection` nominates.
fn only_end_to_end(came: &HeaderMap, left: &HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ] {
        assert!(!left.contains_key(name), "`{name}` goes on");
    }
    for line in came.get_all(header::CONNECTION) {
        for item in line.as_bytes().split(|byte| *byte == b',') {
            let nominated = HeaderName::from_bytes(item.trim_ascii()).ok();
            let nominated = nominated.filter(|name| *name != header::HOST);
            assert!(nominated.is_none_or(|name| !left.contains_key(name)), "{line:?} nominates what goes on");
        }
    }
}

/// A list that is written in one line says what it says in as many lines as it has items (RFC 9110, section 5.3).
fn lists(headers: &HeaderMap) {
    let mut lines = HeaderMap::new();
    for (name, value) in headers {
        if [header::CONNECTION, header::ACCEPT_ENCODING].contains(name) || name == "x-forwarded-for" {
            for item in value.as_bytes().split(|byte| *byte == b',') {
                lines.append(name, HeaderValue::from_bytes(item).expect("a part of a value is one"));
            }
        } else {
            lines.append(name, value.clone());
        }
    }
    let trusted = Networks::new(&["10.0.0.0/8".to_owned()]).expect("networks");
    let peer = Peer::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), false, &Listener::default());
    assert_eq!(behind(&trusted, &peer, headers), behind(&trusted, &peer, &lines), "of {headers:?}");
    assert_eq!(Accepted::of(headers), Accepted::of(&lines), "of {headers:?}");
    let (mut one, mut many) = (headers.clone(), lines);
    let hops = (hop::strip(&mut one), hop::strip(&mut many));
    assert_eq!((hops.0.upgrade, hops.0.trailers), (hops.1.upgrade, hops.1.trailers));
    assert!(one.keys().eq(many.keys()), "{one:?} and {many:?} are left of {headers:?}");
}

/// What we say of a trace is understood as we meant it.
fn traced(headers: &mut HeaderMap) {
    let trace = Trace::begin(headers, 1.0);
    let mut told = headers.clone();
    let next = Trace::begin(&mut told, 0.0);
    assert_eq!(
        (next.trace_id, next.parent_id, next.sampled),
        (trace.trace_id, Some(trace.span_id), trace.sampled)
    );
}

fn exchange() -> Exchange {
    Exchange {
        request_id: String::new(),
        at: Instant::now(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: false,
        host: String::new(),
        path: String::new(),
        version: None,
        parameters: Vec::new(),
        caller: None,
        shown: Vec::new(),
    }
}
