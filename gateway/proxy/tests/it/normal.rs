//! What clients may write in two ways, or should not write at all: each ends in one normal form or in a 4xx.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, Custom, OK, Running, Target, simple};

async fn both() -> (Target, Running) {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    (target, proxy)
}

#[tokio::test]
async fn what_has_no_normal_form_is_refused_and_reaches_no_target() {
    let (target, proxy) = both().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: [::1]E:80\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: [a]\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://b/ HTTP/1.1\r\n\r\n", 400),
        ("GET //admin/%2e%2e/x%2fy HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ] {
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        assert!(answer.contains("application/problem+json"), "{request}\n{answer}");
        assert!(answer.contains("\"request_id\""), "{request}\n{answer}");
        assert!(answer.contains("x-request-id: "), "{request}\n{answer}");
    }
    assert_eq!(target.count(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_reaches_no_target() {
    let (target, proxy) = both().await;
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    let target_line = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n", 400),
        ("GET / HTTP/3.7\r\nHost: a\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("hello\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (long.as_str(), 431),
        (many.as_str(), 431),
        (target_line.as_str(), 431),
    ] {
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}\n{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:.60}\n{answer}");
        for part in ["application/problem+json", "\"request_id\":\"", "x-request-id: ", "connection: close"] {
            assert!(answer.contains(part), "{request:.60}\n{answer}");
        }
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    }
    assert_eq!(target.count(), 0);
    let metrics = proxy.proxy.recorder().text(&proxy.proxy.seen());
    let refused =
        |line: &str| line.contains("requests_total{") && line.contains("4xx") && !line.ends_with(" 0");
    assert!(metrics.lines().any(refused), "they are counted: {metrics}");
}

#[tokio::test]
async fn what_has_a_normal_form_reaches_the_target_in_it() {
    let (target, proxy) = both().await;
    for (request, line) in [
        (
            "GET //a/./b/../%63?x=%2F HTTP/1.1\r\nHost: A.example\r\nConnection: close\r\n\r\n",
            "GET /a/c?x=%2F HTTP/1.1",
        ),
        ("GET http://a:80/x HTTP/1.1\r\nHost: A\r\nConnection: close\r\n\r\n", "GET /x HTTP/1.1"),
        // RFC 9112, section 2.2 lets a reader take a bare LF for a line's end; what goes on has none.
        ("GET /lf HTTP/1.1\nHost: a\nConnection: close\n\n", "GET /lf HTTP/1.1"),
    ] {
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{request}\n{answer}");
        let seen = target.last();
        assert_eq!(seen.lines().next(), Some(line), "{request}");
        assert_eq!(seen.matches('\n').count(), seen.matches("\r\n").count(), "{seen:?}");
        assert_eq!(seen.to_ascii_lowercase().matches("\nhost: ").count(), 1, "{seen}");
    }
}

#[tokio::test]
async fn a_body_with_two_framings_goes_on_with_one() {
    let (target, proxy) = both().await;
    for request in [
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    ] {
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let seen = target.last().to_ascii_lowercase();
        let framings = seen.matches("content-length:").count() + seen.matches("transfer-encoding:").count();
        assert_eq!(framings, 1, "{seen}");
        assert!(seen.contains("hello"), "{seen}");
    }
    assert_eq!(target.count(), 3);
}

#[tokio::test]
async fn headers_of_the_hop_go_no_further_and_forged_ones_are_replaced() {
    let (target, proxy) = both().await;
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Nominated, authorization\r\nX-Nominated: 1\r\nAuthorization: x\r\n\
        Keep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: keep-alive\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: evil\r\n\
        X-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\nX-Request-Id: mine-1\r\nX-Kept: yes\r\n\r\n";
    let answer = proxy.raw(request.as_bytes()).await;
    assert!(answer.contains("x-request-id: mine-1\r\n"), "{answer}");
    let seen = target.last().to_ascii_lowercase();
    for gone in [
        "x-nominated",
        "authorization",
        "keep-alive",
        "upgrade",
        "proxy-connection",
        "1.2.3.4",
        "evil",
        "\r\nconnection:",
    ] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
    for there in [
        "host: shop.example\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        "x-forwarded-host: shop.example\r\n",
        "x-request-id: mine-1\r\n",
        "te: trailers\r\n",
        "x-kept: yes\r\n",
    ] {
        assert!(seen.contains(there), "{there} not in {seen}");
    }
}

#[tokio::test]
async fn headers_of_the_targets_hop_do_not_reach_the_client() {
    let target = Target::new(Act::Answer(
        b"HTTP/1.1 200 OK\r\nConnection: X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\nX-Outer: 1\r\nContent-Length: 0\r\n\r\n",
    ))
    .await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("x-outer: 1\r\n"), "{answer}");
    assert!(!answer.contains("x-inner") && !answer.contains("keep-alive"), "{answer}");
}

const BARE: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Sun, 29 Nov 2026 17:59:43 GMT\r\n\r\n";

#[tokio::test]
async fn another_protocol_may_say_what_looks_like_a_bare_refusal() {
    let target = Custom::new(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // Each at once, and not only when something else is said.
        while let Ok(1..) = stream.read(&mut [0; 1]).await {
            stream.write_all(BARE).await.unwrap();
        }
    })
    .await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["services"]["all"]["timeouts"]["idle"] = "60s".into();
    let proxy = Running::new(config);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n")
        .await
        .unwrap();
    let mut bytes = [0; 1024];
    let count = stream.read(&mut bytes).await.unwrap();
    assert!(bytes[..count].starts_with(b"HTTP/1.1 101 "));
    for _ in 0..3 {
        stream.write_all(b"?").await.unwrap();
        let mut said = vec![0; BARE.len()];
        let read = stream.read_exact(&mut said);
        tokio::time::timeout(Duration::from_secs(5), read).await.unwrap().unwrap();
        assert_eq!(said, BARE);
    }
}

#[tokio::test]
async fn what_only_looks_like_a_bare_refusal_passes_as_it_is() {
    // As the last bytes of an answer's body, after which the connection waits, ends, or brings what is no HTTP.
    for (request, refused) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nno http\r\n\r\n", true),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BARE.len()).into_bytes();
        let answer: &'static [u8] = [answer.as_slice(), BARE].concat().leak();
        let target = Target::new(Act::Answer(answer)).await;
        let proxy = Running::to(std::slice::from_ref(&target.url));
        let seen = proxy.raw(request.as_bytes()).await;
        let bare = String::from_utf8_lossy(BARE).into_owned();
        assert_eq!(seen.matches(&bare).count(), target.count(), "{seen}");
        assert_eq!(seen.contains("malformed_request"), refused, "{seen}");
    }
}
