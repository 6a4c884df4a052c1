//! HTTP/2 by clients who mean well (WebSockets, RFC 8441) and by those who do not: floods, streams that are opened and taken back, heads without an end,
//! windows that never open.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use http::{Method, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames::{self, Outcome, Raw, block, frame};
use crate::support::{Act, Custom, OK, Running, Target, bare, until};

const HEAD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];
const WHOLE: u8 = frames::END_STREAM | frames::END_HEADERS;

fn config(target: &str) -> serde_json::Value {
    let mut config = bare(&[target.to_owned()]);
    config["listeners"][0]["h2c"] = true.into();
    config
}

/// A service that takes WebSockets, and echoes what comes.
async fn echo() -> Custom {
    Custom::new(|mut stream, _| async move {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut more = [0; 1024];
            match stream.read(&mut more).await {
                Ok(0) | Err(_) => return,
                Ok(count) => head.extend_from_slice(&more[..count]),
            }
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        assert!(head.starts_with("get /chat http/1.1\r\n"), "{head}");
        for part in [
            "upgrade: websocket\r\n",
            "connection: upgrade\r\n",
            "sec-websocket-key: ",
            "sec-websocket-version: 13\r\n",
            "host: a\r\n",
        ] {
            assert!(head.contains(part), "{part}: {head}");
        }
        assert!(!head.contains(":protocol") && !head.contains("x-forged"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

async fn client(proxy: &Running) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    send.ready().await.unwrap()
}

fn connect(protocol: &'static str, path: &str) -> Request<()> {
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://a{path}"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat");
    request.extension(Protocol::from_static(protocol)).body(()).unwrap()
}

#[tokio::test]
async fn a_websocket_over_http2_reaches_a_service_that_knows_http1_only() {
    let target = echo().await;
    let proxy = Running::new(config(&target.url));
    let mut client = client(&proxy).await;
    until("it is said that it is served", || client.is_extended_connect_protocol_enabled()).await;
    // Two at once, over one connection.
    let mut both = Vec::new();
    for _ in 0..2 {
        let (answer, send) = client.send_request(connect("websocket", "/chat"), false).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
        assert!(answer.headers().contains_key("x-request-id"));
        for gone in ["upgrade", "connection", "sec-websocket-accept"] {
            assert!(!answer.headers().contains_key(gone), "{gone}");
        }
        both.push((send, answer.into_body()));
    }
    for (number, (send, body)) in both.iter_mut().enumerate() {
        for text in [format!("one {number}"), format!("two {number}")] {
            send.send_data(Bytes::from(text.clone()), false).unwrap();
            let echoed = body.data().await.unwrap().unwrap();
            body.flow_control().release_capacity(echoed.len()).unwrap();
            assert_eq!(echoed, text);
        }
    }
    for (mut send, mut body) in both {
        send.send_data(Bytes::new(), true).unwrap();
        assert!(body.data().await.is_none_or(|end| end.is_ok_and(|data| data.is_empty())));
    }
    drop(client);
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_client_that_goes_takes_the_services_websocket_with_it() {
    let target = echo().await;
    let mut config = config(&target.url);
    config["services"]["all"]["timeouts"]["idle"] = "60s".into();
    let proxy = Running::new(config);
    let mut client = client(&proxy).await;
    let (answer, mut send) = client.send_request(connect("websocket", "/chat"), false).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    assert_eq!(proxy.counts.targets(), 1);
    send.send_reset(h2::Reason::CANCEL);
    until("the service's connection is closed", || proxy.counts.targets() == 0).await;
    drop((send, client));
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_websocket_over_http2_is_refused_where_it_is_not_served() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::new(config(&target.url));
    let mut asked = client(&proxy).await;
    // Another protocol; a service that answers without becoming a WebSocket.
    for (protocol, status) in [("connect-udp", 501), ("websocket", 502)] {
        let (answer, _send) = asked.send_request(connect(protocol, "/chat"), false).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("x-request-id"));
    }
    let mut config = config(&target.url);
    config["listeners"][0]["websocket_http2"] = false.into();
    let proxy = Running::new(config);
    let fields = [HEAD.as_slice(), &[(":protocol", "websocket")]].concat();
    let mut fields = fields;
    fields[0].1 = "CONNECT";
    let mut raw = Raw::new(proxy.address).await;
    raw.send(frames::HEADERS, frames::END_HEADERS, 1, &block(&fields)).await;
    let outcome = raw.outcome(1).await;
    assert!(matches!(outcome, Outcome::Reset(1) | Outcome::Answered(400..=501)), "{outcome:?}");
    // A CONNECT of the old kind is none of it.
    let mut raw = Raw::new(proxy.address).await;
    raw.send(
        frames::HEADERS,
        frames::END_HEADERS,
        1,
        &block(&[(":method", "CONNECT"), (":authority", "a:443")]),
    )
    .await;
    assert!(matches!(raw.outcome(1).await, Outcome::Answered(400..=405)));
    assert_eq!(target.count(), 1);
}

#[tokio::test]
async fn an_upgrade_goes_over_http1_to_a_service_that_speaks_http2_otherwise() {
    let target = echo().await;
    let mut config = config(&target.url);
    config["services"]["all"]["http2"] = true.into();
    let proxy = Running::new(config);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = [0; 1024];
    let count = stream.read(&mut bytes).await.unwrap();
    assert!(bytes[..count].starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&bytes[..count]));
    stream.write_all(b"hello").await.unwrap();
    let count = stream.read(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..count], b"hello");
}

#[tokio::test]
async fn streams_at_once_are_bounded() {
    let target = Target::new(Act::Silent(b"")).await;
    let mut config = config(&target.url);
    config["listeners"][0]["max_streams"] = 8.into();
    let proxy = Running::new(config);
    let mut raw = Raw::new(proxy.address).await;
    // What the listener says of it is known before any is opened: more than that are refused, one by one.
    while !matches!(raw.next().await, Some((frames::SETTINGS, frames::ACK, _, _))) {}
    raw.send(frames::SETTINGS, frames::ACK, 0, &[]).await;
    for number in 0..12 {
        raw.send(frames::HEADERS, WHOLE, number * 2 + 1, &block(&HEAD)).await;
    }
    for number in 8..12 {
        let outcome = raw.outcome(number * 2 + 1).await;
        assert_eq!(outcome, Outcome::Reset(7), "REFUSED_STREAM");
    }
    until("the others are asked for", || target.count() == 8).await;
    assert_eq!(proxy.counts.clients(), 1);
    drop(raw);
    proxy.nothing_is_left().await;
    assert_eq!(target.count(), 8);
}

#[tokio::test]
async fn a_client_that_opens_streams_and_takes_them_back_is_sent_away() {
    let target = Target::new(Act::Silent(b"")).await;
    let proxy = Running::new(config(&target.url));
    // All at once (CVE-2023-44487).
    let mut raw = Raw::new(proxy.address).await;
    let many: Vec<u8> = (0..5_000_u32)
        .flat_map(|number| {
            let stream = number * 2 + 1;
            let open = frame(frames::HEADERS, WHOLE, stream, &block(&HEAD));
            [open, frame(frames::RESET, 0, stream, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    let _ = raw.stream.write_all(&many).await;
    let outcome = raw.outcome(0).await;
    assert!(matches!(outcome, Outcome::Ended(Some(11) | None)), "ENHANCE_YOUR_CALM: {outcome:?}");
    proxy.nothing_is_left().await;
    assert!(target.count() < 1_000, "{}", target.count());
    // One after another, each when the one before was begun.
    let mut raw = Raw::new(proxy.address).await;
    let begun = Instant::now();
    let mut opened = 0;
    for number in 0..5_000_u32 {
        let stream = number * 2 + 1;
        let open = frame(frames::HEADERS, WHOLE, stream, &block(&HEAD));
        if raw.stream.write_all(&open).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
        let back = frame(frames::RESET, 0, stream, &8_u32.to_be_bytes());
        if raw.stream.write_all(&back).await.is_err() {
            break;
        }
        opened += 1;
    }
    assert!(opened < 4_000, "{opened} in {:?}", begun.elapsed());
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_head_is_bounded_in_one_frame_and_in_many() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = config(&target.url);
    config["listeners"][0]["max_head"] = "8KiB".into();
    let proxy = Running::new(config);
    let value = "x".repeat(1_000);
    for (count, statuses) in [(6, [200, 200]), (10, [431, 431]), (15, [431, 431]), (60, [431, 0])] {
        let mut asked = client(&proxy).await;
        let mut request = Request::get("http://a/");
        for _ in 0..count {
            request = request.header("x-long", value.as_str());
        }
        let status = match asked.send_request(request.body(()).unwrap(), true) {
            Ok((answer, _)) => answer.await.map_or(0, |answer| {
                let status = answer.status().as_u16();
                let problem = answer.headers().contains_key("x-request-id");
                assert!(problem || count > 15, "{count}: a bare {status}");
                status
            }),
            Err(_) => 0,
        };
        assert!(statuses.contains(&status), "{count}: {status}");
    }
    // Frames that continue a head, for ever; an empty one, for ever.
    for payload in [block(&[("x-long", value.as_str())]), Vec::new()] {
        let mut raw = Raw::new(proxy.address).await;
        raw.send(frames::HEADERS, frames::END_STREAM, 1, &block(&HEAD)).await;
        let more = frame(frames::CONTINUATION, 0, 1, &payload).repeat(10);
        let begun = Instant::now();
        while raw.stream.write_all(&more).await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody ends it");
        }
    }
    assert_eq!(target.count(), 1);
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn floods_of_frames_that_want_answers_end_with_a_client_who_does_not_read_them() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::new(config(&target.url));
    for flood in [frame(frames::PING, 0, 0, &[0; 8]), frame(frames::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])] {
        let mut raw = Raw::new(proxy.address).await;
        let many = flood.repeat(1_000);
        let begun = Instant::now();
        // The answers fill what lies between; then nothing more is taken, and after the client's time the connection ends.
        while raw.stream.write_all(&many).await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody ends it");
        }
        // Others were served meanwhile.
        let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_stream_whose_window_never_opens_is_let_go_and_the_connections_others_are_not() {
    let target = Custom::endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x").await;
    let good = Target::new(Act::Answer(OK)).await;
    let mut config = config(&target.url);
    config["services"]["good"] = serde_json::json!({ "targets": [good.url] });
    config["routes"].as_array_mut().unwrap().push(serde_json::json!(
        { "name": "good", "match": { "path": "/good" }, "service": "good" }
    ));
    let proxy = Running::new(config);
    let mut raw = Raw::new(proxy.address).await;
    raw.send(frames::HEADERS, WHOLE, 1, &block(&HEAD)).await;
    assert_eq!(raw.outcome(1).await, Outcome::Answered(200));
    assert_eq!(proxy.counts.targets(), 1);
    // 64 KiB are taken, and then no more; the proxy's patience is a second.
    let outcome = raw.outcome(1).await;
    assert!(matches!(outcome, Outcome::Reset(_)), "{outcome:?}");
    until("the target's connection is closed", || proxy.counts.targets() == 0).await;
    let mut fields = HEAD;
    fields[3].1 = "/good";
    raw.send(frames::HEADERS, WHOLE, 3, &block(&fields)).await;
    assert!(matches!(raw.outcome(3).await, Outcome::Answered(_)), "the connection is well");
    drop(raw);
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_client_that_does_not_end_its_first_words_is_let_go() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::new(config(&target.url));
    for words in [&b""[..], b"PRI", &frames::PREFACE[..20]] {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(words).await.unwrap();
        let begun = Instant::now();
        let mut all = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
        assert!(end.is_ok(), "{words:?}: it goes on after {:?}", begun.elapsed());
    }
    proxy.nothing_is_left().await;
}
