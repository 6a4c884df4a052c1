//! Requests that are written to be read in two ways: by the proxy as one, by a service behind it as another. Each is refused, or goes on in a form that has one
//! reading.

use crate::frames::{self, Outcome, Raw};
use crate::support::{Act, OK, Running, Target, bare, simple};

async fn both() -> (Target, Running) {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    (target, proxy)
}

/// What one request looks like if a service sees it at all: one head, one framing.
fn one_framing(seen: &str) {
    let lower = seen.to_ascii_lowercase();
    let (head, _) = lower.split_once("\r\n\r\n").unwrap();
    let framings =
        head.matches("\r\ncontent-length:").count() + head.matches("\r\ntransfer-encoding:").count();
    assert!(framings <= 1, "{seen}");
    assert!(
        !head.contains("transfer-encoding:") || head.contains("\r\ntransfer-encoding: chunked"),
        "{seen}"
    );
    assert_eq!(head.matches("\r\nhost:").count(), 1, "{seen}");
    assert!(!seen.replace("\r\n", "").contains('\n'), "{seen:?}");
}

#[tokio::test]
async fn a_transfer_encoding_is_chunked_and_nothing_else() {
    let (target, proxy) = both().await;
    for coding in [
        "identity",
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked, chunked",
        "chunked;q=1",
        "xchunked",
        "chunke\u{64}\u{b}",
        "\u{b}chunked",
        "\"chunked\"",
        ",chunked",
        "",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        );
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{coding:?}: {answer}");
        assert!(answer.contains("\"request_id\""), "{coding:?}: {answer}");
    }
    let twice = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n";
    assert!(proxy.raw(twice.as_bytes()).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(target.count(), 0);
    for coding in ["chunked", "Chunked", " \tchunked \t", "CHUNKED"] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:{coding}\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        );
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{coding:?}: {answer}");
        one_framing(&target.last());
    }
}

#[tokio::test]
async fn a_length_is_one_number() {
    let (target, proxy) = both().await;
    for length in ["-1", "0x2", "2,3", "2 2", "2;", "1e1", "18446744073709551616", "\u{b}2", ""] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nConnection: close\r\n\r\nhi");
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length:?}: {answer}");
        assert!(answer.contains("\"request_id\""), "{length:?}: {answer}");
    }
    assert_eq!(target.count(), 0);
}

#[tokio::test]
async fn chunks_that_could_be_read_in_two_ways_are_refused_and_extensions_go_no_further() {
    let (target, proxy) = both().await;
    for body in [
        "g\r\nhi\r\n0\r\n\r\n",
        "-2\r\nhi\r\n0\r\n\r\n",
        "0x2\r\nhi\r\n0\r\n\r\n",
        "2\r\nhix\r\n0\r\n\r\n",
        "2\nhi\r\n0\r\n\r\n",
        "2\rhi\r\n0\r\n\r\n",
        "2;a\nb\r\nhi\r\n0\r\n\r\n",
        "10000000000000002\r\nhi\r\n0\r\n\r\n",
        "\r\n2\r\nhi\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}"
        );
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("body_broken"), "{body:?}: {answer}");
    }
    assert_eq!(target.count(), 0);
    let long = format!("2;x={}\r\nhi\r\n0\r\n\r\n", "x".repeat(100_000));
    let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{long}");
    assert!(proxy.raw(request.as_bytes()).await.starts_with("HTTP/1.1 400 "), "extensions are bounded");
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2;name=\"v\"\r\nhi\r\n0;last\r\n\r\n";
    assert!(proxy.raw(request.as_bytes()).await.starts_with("HTTP/1.1 200 "));
    let seen = target.last();
    assert!(!seen.contains(';') && seen.contains("\r\nhi\r\n"), "{seen}");
}

#[tokio::test]
async fn trailers_bring_no_framing_no_host_and_no_identity() {
    let (target, proxy) = both().await;
    let smuggled = [
        "content-length: 5",
        "transfer-encoding: chunked",
        "host: evil",
        "authorization: Bearer x",
        "cookie: a=b",
        "connection: x-good",
        "x-forwarded-for: 1.2.3.4",
        "x-request-id: forged",
        "x-waypost-caller: root",
        "x-waypost-permissions: *",
        "te: trailers",
        "trailer: x-more",
    ];
    let names: Vec<&str> = smuggled.iter().map(|line| line.split(':').next().unwrap()).collect();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\nTE: trailers\r\nTrailer: x-good, {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-good: 1\r\n{}\r\n\r\n",
        names.join(", "),
        smuggled.join("\r\n"),
    );
    let answer = proxy.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = target.last().to_ascii_lowercase();
    let (_, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("x-good: 1\r\n"), "{seen}");
    for line in smuggled {
        assert!(!body.contains(line), "{line} in {seen}");
    }
    let many = format!("x-a: {}\r\n", "y".repeat(100)).repeat(5_000);
    let request =
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{many}\r\n");
    let answer = proxy.raw(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "trailers are bounded: {answer}");
}

#[tokio::test]
async fn an_answer_has_one_framing_too() {
    const LENGTH_AND_CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    const CHUNKED_AND_LENGTH: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    const TWICE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    const GZIP: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    const IDENTITY: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello";
    for (answer, whole) in [
        (LENGTH_AND_CHUNKED, true),
        (CHUNKED_AND_LENGTH, true),
        (TWICE, true),
        (GZIP, false),
        (IDENTITY, false),
    ] {
        let target = Target::new(Act::Close(answer)).await;
        let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
        let seen = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let (head, body) = seen.split_once("\r\n\r\n").unwrap();
        let shown = String::from_utf8_lossy(answer);
        if !whole {
            assert!(head.starts_with("HTTP/1.1 502 "), "{shown}: {seen}");
            continue;
        }
        match (head.matches("content-length: 5").count(), head.matches("transfer-encoding: chunked").count())
        {
            (1, 0) => assert_eq!(body, "hello", "{shown}"),
            (0, 1) => assert_eq!(body, "5\r\nhello\r\n0\r\n\r\n", "{shown}"),
            _ => panic!("{shown}: {seen}"),
        }
        assert_eq!(
            head.matches("content-length").count() + head.matches("transfer-encoding").count(),
            1,
            "{seen}"
        );
    }
}

#[tokio::test]
async fn what_a_target_says_beyond_its_answer_is_nobodys_answer() {
    // A second answer; a body where there is none; more than was announced.
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"[..],
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevilHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let target = Target::new(Act::Answer(answer)).await;
        let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
        for method in ["GET", "HEAD", "GET", "POST", "GET"] {
            let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let seen = proxy.raw(request.as_bytes()).await;
            assert!(!seen.contains("evil"), "{method}: {seen}");
            assert!(!seen.contains("HTTP/1.1 5"), "{method}: {seen}");
        }
        proxy.nothing_is_left().await;
    }
}

#[tokio::test]
async fn an_encoded_end_of_line_stays_encoded_wherever_the_path_goes() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["routes"] = serde_json::json!([
        { "name": "moved", "match": { "path": "/old/{id}/*" }, "redirect": { "to": "/new/{id}/{*}" } },
        { "name": "named", "match": { "path": "/named/{id}" }, "service": "all",
          "path": { "replace": "/by/{id}" },
          "transform": { "request_headers": { "set": { "x-id": "{id}" } }, "response_headers": { "set": { "x-id": "{id}" } } } },
        { "name": "all", "match": { "path": "/*" }, "service": "all" },
    ]);
    let proxy = Running::new(config);
    for path in
        ["/old/a%0d%0aX-In:%201/b%0aX-In:1", "/named/a%0d%0aX-In:%201", "/x%0d%0aX-In:%201?y=%0d%0aX-In:1"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        let lines = answer.lines().chain([]).map(str::to_ascii_lowercase).collect::<Vec<_>>();
        assert!(!lines.iter().any(|line| line.starts_with("x-in")), "{answer}");
        let seen = target.last().to_ascii_lowercase();
        assert!(!seen.lines().any(|line| line.starts_with("x-in")), "{seen}");
    }
    assert_eq!(target.count(), 2);
}

#[tokio::test]
async fn a_request_behind_a_refused_one_is_not_read() {
    let (target, proxy) = both().await;
    for first in [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        let request = format!("{first}GET /behind HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{first}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{first}: {answer}");
    }
    assert_eq!(target.count(), 0);
}

const HEAD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")];

#[tokio::test]
async fn what_http2_carries_that_http1_would_read_otherwise_is_refused() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["h2c"] = true.into();
    let proxy = Running::new(config);
    let mut wrong: Vec<Vec<(&str, &str)>> = Vec::new();
    for extra in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("connection", "x-other"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("host", "other"),
        ("x-a\r\nhost: evil", "1"),
        ("x-a: 1\r\nx-b", "1"),
        ("x-a", "1\r\nhost: evil"),
        ("x-a", "1\nhost: evil"),
        ("x-a", "1\0"),
        ("X-Upper", "1"),
        ("x a", "1"),
        ("", "1"),
        (":path", "/twice"),
        (":authority", "b"),
        (":unknown", "1"),
        (":status", "200"),
        ("content-length", "5"),
        ("content-length", "-1"),
    ] {
        wrong.push([HEAD.as_slice(), &[extra]].concat());
    }
    for (index, value) in [
        (0, "GET / HTTP/1.1\r\nx: "),
        (0, "GET / HTTP/1.1"),
        (0, ""),
        (0, "TRACE"),
        (1, "h\r\n"),
        (2, "a\r\nx: 1"),
        (2, "user@a"),
        (2, "a b"),
        (3, "/ HTTP/1.1\r\nhost: evil\r\n\r\n"),
        (3, "/a b"),
        (3, "/a\r\nx: 1"),
        (3, ""),
        (3, "*"),
        (3, "no-slash"),
        (3, "//admin/%2e%2e/x%2fy"),
    ] {
        let mut head = HEAD;
        head[index].1 = value;
        wrong.push(head.to_vec());
    }
    // One is missing; one comes too late.
    wrong
        .extend((0..4).map(|gone| {
            HEAD.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, one)| *one).collect()
        }));
    wrong.push(vec![HEAD[0], ("x-a", "1"), HEAD[1], HEAD[2], HEAD[3]]);
    for fields in wrong {
        let mut client = Raw::new(proxy.address).await;
        let flags = frames::END_STREAM | frames::END_HEADERS;
        client.send(frames::HEADERS, flags, 1, &frames::block(&fields)).await;
        let outcome = client.outcome(1).await;
        match outcome {
            Outcome::Answered(status) => assert!((400..500).contains(&status), "{fields:?}: {outcome:?}"),
            Outcome::Reset(_) | Outcome::Ended(_) => {}
        }
        assert_eq!(target.count(), 0, "{fields:?}: {outcome:?}\n{}", target.last());
    }
    // The same client, with what is right.
    let mut client = Raw::new(proxy.address).await;
    let flags = frames::END_STREAM | frames::END_HEADERS;
    let fields = [HEAD.as_slice(), &[("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2")]].concat();
    client.send(frames::HEADERS, flags, 1, &frames::block(&fields)).await;
    assert_eq!(client.outcome(1).await, Outcome::Answered(200));
    let seen = target.last();
    one_framing(&seen);
    assert!(seen.contains("host: a\r\n") && seen.contains("cookie: a=1; b=2\r\n"), "{seen}");
}

#[tokio::test]
async fn an_http2_body_that_is_not_as_long_as_it_says_does_not_become_another_request() {
    let target = Target::new(Act::Answer(OK)).await;
    let mut config = simple(std::slice::from_ref(&target.url));
    config["listeners"][0]["h2c"] = true.into();
    let proxy = Running::new(config);
    for (length, body) in [("0", "GET /x HTTP/1.1\r\nhost: a\r\n\r\n"), ("3", "hello"), ("7", "hello")] {
        let mut client = Raw::new(proxy.address).await;
        let mut fields = HEAD.to_vec();
        fields[0].1 = "POST";
        fields.push(("content-length", length));
        client.send(frames::HEADERS, frames::END_HEADERS, 1, &frames::block(&fields)).await;
        client.send(frames::DATA, frames::END_STREAM, 1, body.as_bytes()).await;
        let outcome = client.outcome(1).await;
        // One that says it has no body may be answered before anything follows; what follows is of no stream's request then.
        assert!(length == "0" || !matches!(outcome, Outcome::Answered(200..=299)), "{length}: {outcome:?}");
        assert!(!target.seen.lock().unwrap().iter().any(|seen| seen.contains("/x")), "{length}");
    }
}
