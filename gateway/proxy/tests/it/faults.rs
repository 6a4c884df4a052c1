//! Targets and clients that fail at every point: a defined answer or a connection that ends early, and nothing that leaks.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, OK, Running, Target, simple, until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

#[tokio::test]
async fn a_target_that_dies_before_its_head_is_whole_is_a_502_or_504_with_the_requests_id() {
    for (act, status) in [
        (Act::Close(b""), 502),
        (Act::Close(b"HTTP/1.1 2"), 502),
        (Act::Close(b"HTTP/1.1 200 OK\r\nContent-Le"), 502),
        (Act::Close(b"no http at all\r\n\r\n"), 502),
        (Act::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 502),
        (Act::Silent(b""), 504),
        (Act::Silent(b"HTTP/1.1 200 OK\r\n"), 504),
    ] {
        let target = Target::new(act).await;
        let proxy = Running::to(std::slice::from_ref(&target.url));
        let answer = proxy.raw(POST).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(
            answer.contains("application/problem+json") && answer.contains("\"request_id\":\""),
            "{answer}"
        );
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
        assert_eq!(target.count(), 1, "a POST is not sent twice");
    }
}

#[tokio::test]
async fn a_target_that_dies_within_its_body_ends_the_clients_connection_early() {
    for act in [
        Act::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        Act::Close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        Act::Close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense"),
        Act::Silent(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
    ] {
        let target = Target::new(act).await;
        let proxy = Running::to(std::slice::from_ref(&target.url));
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("half"), "{answer}");
        assert!(answer.contains("content-length: 10") || !answer.ends_with("0\r\n\r\n"), "{answer}");
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
}

#[tokio::test]
async fn a_get_is_tried_once_more_with_another_target_and_a_post_only_if_nothing_was_sent() {
    let bad = Target::new(Act::Close(b"")).await;
    let good = Target::new(Act::Answer(OK)).await;
    // A port that nobody listens on.
    let closed = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", socket.local_addr().unwrap())
    };
    let proxy = Running::to(&[bad.url.clone(), good.url.clone()]);
    for _ in 0..4 {
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let proxy = Running::to(&[closed, good.url.clone()]);
    for _ in 0..4 {
        let answer = proxy.raw(POST).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_target_that_nobody_answers_for_is_a_502() {
    let closed = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", socket.local_addr().unwrap())
    };
    let proxy = Running::to(&[closed]);
    let answer = proxy.raw(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream_unreachable"), "{answer}");
    // A name that is not there, or not any more; the resolver may take its time to say so.
    let proxy = Running::to(&["http://no-such-name.invalid".to_owned()]);
    let answer = proxy.raw(GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 ") || answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("\"request_id\":\""), "{answer}");
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_kept_connection_that_the_target_closed_costs_no_request() {
    let target = Target::new(Act::Close(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..20 {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
        let mut answer = vec![0; 1024];
        let count = stream.read(&mut answer).await.unwrap();
        let text = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        // The close is on its way.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(target.count(), 20);
}

#[tokio::test]
async fn a_client_that_stands_still_is_let_go() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    // Slow loris: a head that does not end.
    let begun = Instant::now();
    let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    assert!(answer.contains("\"request_id\":\""), "{answer}");
    // One that comes byte by byte has no more time for it.
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let drip = async {
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: slow, slow, slow, slow".iter().cycle() {
            if to.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut answer = Vec::new();
    let begun = Instant::now();
    tokio::select! {
        _ = from.read_to_end(&mut answer) => {}
        () = drip => {}
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(begun.elapsed() < Duration::from_secs(5) && answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // One that only waits between requests is told nothing.
    drop(stream);
    assert_eq!(proxy.raw(b"").await, "");
    let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    until("its connection is closed", || proxy.counts.waiting() == 1).await;
    // A body that does not end.
    let answer = proxy.raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    proxy.nothing_is_left().await;
    assert_eq!(target.count(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_targets_connection_with_it() {
    let target = Target::new(Act::Silent(b"")).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["services"]["all"]["timeouts"]["first_byte"] = "60s".into();
    let proxy = Running::new(config);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until("the target was asked", || target.count() == 1).await;
    assert_eq!(proxy.counts.targets(), 1);
    drop(stream);
    until("the target's connection is closed", || proxy.counts.targets() == 0).await;
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_client_that_stands_still_within_a_body_that_is_wanted_whole_is_let_go() {
    let target = Target::new(Act::Answer(OK)).await;
    let folder = tempfile::tempdir().unwrap();
    let openapi = folder.path().join("openapi.yaml");
    let text = "openapi: 3.0.3\ninfo: { title: t, version: '1' }\npaths:\n  /checked:\n    post:\n      requestBody:\n        content:\n          \
        application/json: { schema: { type: object } }\n      responses: { '200': { description: ok } }\n";
    std::fs::write(&openapi, text).unwrap();
    let signers = folder.path().join("signers.yaml");
    std::fs::write(&signers, "- { key: k1, secret: MDEyMzQ1Njc4OWFiY2RlZg==, caller: a }\n").unwrap();
    let mut config = simple(std::slice::from_ref(&target.url));
    config["identity"] =
        serde_json::json!({ "providers": { "signed": { "signature": { "file": signers } } } });
    config["routes"] = serde_json::json!([
        { "name": "checked", "match": { "path": "/checked" }, "service": "all", "validate": { "openapi": openapi } },
        { "name": "changed", "match": { "path": "/changed" }, "service": "all",
          "transform": { "request_body": [{ "rename": ["/a", "b"] }] } },
        { "name": "signed", "match": { "path": "/signed" }, "service": "all", "access": { "providers": ["signed"] } },
    ]);
    let proxy = Running::new(config);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for path in ["/checked", "/changed", "/signed"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\
             Authorization: WAYPOST-HMAC-SHA256 key=k1, time={now}, nonce=nonce-0001, signature=AAAA\r\n\r\n{{\"a\""
        );
        let begun = Instant::now();
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"),
            "{path}: {answer}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "{path}");
    }
    assert_eq!(target.count(), 0);
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_has_the_routes_time_and_is_the_clients_fault() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["routes"][0]["timeout"] = "800ms".into();
    let proxy = Running::new(config);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut from, mut to) = stream.split();
    to.write_all(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    let drip = async {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let mut answer = Vec::new();
    let begun = Instant::now();
    tokio::select! {
        _ = from.read_to_end(&mut answer) => {}
        () = drip => {}
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(begun.elapsed() < Duration::from_secs(5), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    drop(stream);
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
    let status = proxy.proxy.seen().breakers.remove(0);
    assert_eq!(status.failures, 0, "the service is not blamed");
}
