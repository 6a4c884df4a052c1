//! Targets that behave as badly as a server can: what they send has no end or no sense, they do not read, they go away. Each costs one request a bounded time
//! and a bounded amount of memory.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, Custom, OK, Running, Target, bare, reset, until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Resident memory of this process, in bytes. Other tests run in it as well: what is asserted over it is far below what would be kept of a stream that is not
/// bounded, and no closer than that.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_head_that_does_not_end_is_a_502_or_504_within_its_time() {
    let before = resident();
    for (first, again, statuses) in [
        (&b""[..], &b"x"[..], &[502][..]),
        (b"HTTP/1.1 200 ", b"x", &[502]),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", &[502]),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", &[502]),
        (b"HTTP/1.1 200 OK\r\n", b"\0", &[502]),
        (b"", b"\r\n", &[502, 504]),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", &[502, 504]),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", &[502, 504]),
    ] {
        let target = Custom::endless(first, again).await;
        let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
        let begun = Instant::now();
        let shown = String::from_utf8_lossy(again).into_owned();
        let answer = proxy.raw(GET).await;
        assert!(
            statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} "))),
            "{shown:?}: {answer:.300}"
        );
        assert!(
            answer.contains("application/problem+json") && answer.contains("\"request_id\":\""),
            "{shown:?}: {answer:.300}"
        );
        assert!(begun.elapsed() < Duration::from_secs(4), "{shown:?}: {:?}", begun.elapsed());
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn what_is_no_answer_at_all_is_a_502() {
    let mut random = fastrand::Rng::with_seed(7);
    let garbage: Vec<&'static [u8]> = (0..200)
        .map(|_| {
            let length = random.usize(1..200);
            let mut bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            bytes.extend(b"\r\n\r\n");
            &*bytes.leak()
        })
        .chain([
            &b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\na",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/4.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"220 mail.example ESMTP\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
        ])
        .collect();
    let count = garbage.len();
    let target = Target::with(move |index| Act::Close(garbage[index])).await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    for index in 0..count {
        let answer = proxy.raw(GET).await;
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains("\"request_id\":\""),
            "{index}: {answer}"
        );
    }
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_body_that_does_not_end_ends_with_its_client_or_with_the_routes_time() {
    let before = resident();
    for (first, again) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], &b"x"[..]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nabcd\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", b"x"),
    ] {
        let target = Custom::endless(first, again).await;
        let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(GET).await.unwrap();
        let mut taken = 0;
        let mut buffer = vec![0; 64 << 10];
        while taken < 8 << 20 {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0);
            taken += count;
        }
        drop(stream);
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
        // One who would go on reading.
        let mut config = bare(std::slice::from_ref(&target.url));
        config["routes"][0]["timeout"] = "300ms".into();
        let proxy = Running::new(config);
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(GET).await.unwrap();
        let begun = Instant::now();
        while let Ok(1..) = stream.read(&mut buffer).await {
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn what_frames_a_body_does_not_pass_its_bounds() {
    for (first, again) in [
        (&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2"[..], &b"0"[..]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x-a: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-a: ", b"b"),
    ] {
        let target = Custom::endless(first, again).await;
        let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("0\r\n\r\n"), "{answer:.300}");
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
}

#[tokio::test]
async fn an_answer_that_has_to_be_whole_is_a_502_where_it_is_too_large_or_ends_early() {
    for act in [
        Act::Close(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":"),
        Act::Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"a\":1,\"bbbbbbbbb\":2}"),
    ] {
        let target = Target::new(act).await;
        let mut config = bare(std::slice::from_ref(&target.url));
        config["routes"][0]["transform"] =
            json!({ "max_body": 10, "response_body": [{ "rename": ["/a", "b"] }] });
        let proxy = Running::new(config);
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("bad_answer"), "{answer}");
        proxy.nothing_is_left().await;
    }
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_reaches_the_client_who_still_sends_it() {
    let target = Custom::new(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream
            .write_all(
                b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge",
            )
            .await;
        // It reads nothing more, and does not go at once either.
        tokio::time::sleep(Duration::from_millis(300)).await;
    })
    .await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let sending = tokio::spawn(async move {
        to.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n").await.unwrap();
        let chunk = vec![b'x'; 64 << 10];
        while to.write_all(&chunk).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), from.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("large"), "{answer}");
    sending.await.unwrap();
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_target_that_does_not_take_the_body_is_a_504() {
    let target = Custom::new(|stream, _| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let sending = tokio::spawn(async move {
        to.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n").await.unwrap();
        let chunk = vec![b'x'; 64 << 10];
        while to.write_all(&chunk).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(8), from.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("upstream_timeout"), "{answer}");
    sending.await.unwrap();
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_target_that_resets_the_connection_is_a_502() {
    let target = Custom::new(|stream, _| async move { reset(stream) }).await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    for _ in 0..20 {
        let answer = proxy.raw(GET).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("\"request_id\""), "{answer}");
    }
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn an_http2_target_that_says_nothing_or_nonsense_is_asked_anew_each_time() {
    for (words, statuses) in [
        (&b""[..], &[504][..]),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", &[502]),
        (b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x07\0\0\0\0\0\0\0\0\0\0\0\x02", &[502]),
    ] {
        let target = Custom::new(move |mut stream, _| async move {
            let _ = stream.write_all(words).await;
            while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
        })
        .await;
        let mut config = bare(std::slice::from_ref(&target.url));
        config["services"]["all"]["http2"] = true.into();
        config["services"]["all"]["timeouts"]["first_byte"] = "200ms".into();
        let proxy = Running::new(config);
        for _ in 0..3 {
            let answer = proxy.raw(GET).await;
            assert!(
                statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status} "))),
                "{words:?}: {answer}"
            );
            assert!(answer.contains("\"request_id\":\""), "{answer}");
        }
        // A connection that never answered is not kept for those who come after.
        proxy.nothing_is_left().await;
        assert_eq!(proxy.counts.targets(), 0);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let target = Custom::endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x").await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    until("it is served", || proxy.counts.targets() == 1).await;
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}

#[tokio::test]
async fn a_hundred_requests_that_fail_at_once_leave_nothing_behind() {
    let target = Target::with(|index| match index % 4 {
        0 => Act::Close(b""),
        1 => Act::Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        2 => Act::Silent(b"HTTP/1.1 200 OK\r\n"),
        _ => Act::Answer(OK),
    })
    .await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    let asked = futures_util::future::join_all((0..100).map(|_| proxy.raw(GET))).await;
    assert!(asked.iter().all(|answer| answer.starts_with("HTTP/1.1 ")));
    assert_eq!(asked.iter().filter(|answer| answer.ends_with("ok")).count(), 25);
    proxy.nothing_is_left().await;
    let status = proxy.proxy.seen().services.remove(0);
    assert!(status.targets.iter().all(|target| target.in_flight == 0), "{status:?}");
}
