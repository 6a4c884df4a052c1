//! An answer that is cut after each of its bytes, for every way in which an answer says where it ends. Before its head is whole the client gets a problem
//! document; after that it sees that something is missing; and nothing is left of any of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::frames::{self, frame};
use crate::support::{Act, Custom, Running, Target, bare, reset};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-A: b\r\n\r\n0123456789";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
    4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\nx-sum: 1\r\n\r\n";
const UNTIL_CLOSED: &[u8] = b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n0123456789";
const INFORMED: &[u8] =
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";

/// What a client got: a problem document, a whole answer, or one that ends early.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Problem,
    Whole,
    Part,
}

fn read(answer: &str) -> Got {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    if head.starts_with("HTTP/1.1 502 ") {
        assert!(head.contains("application/problem+json") && body.contains("\"request_id\":\""), "{answer}");
        assert!(body.contains("\"code\":\"upstream_broken\""), "{answer}");
        return Got::Problem;
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let whole = if head.contains("content-length: 10") {
        body == "0123456789"
    } else {
        assert!(head.contains("transfer-encoding: chunked"), "{answer}");
        body.ends_with("\r\n\r\n") && body.contains("0\r\n")
    };
    assert!("0123456789".starts_with(&digits(body)), "nothing else is passed on: {answer}");
    if whole { Got::Whole } else { Got::Part }
}

/// The digits of a body whose chunks, if it has any, have sizes and trailers that are none of its own.
fn digits(body: &str) -> String {
    if !body.contains("\r\n") {
        return body.to_owned();
    }
    let mut rest = body;
    let mut digits = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        digits.push_str(&after[..size.min(after.len())]);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    digits
}

#[tokio::test]
async fn an_answer_over_http1_that_is_cut_anywhere_is_a_problem_or_ends_early() {
    for whole in [LENGTH, CHUNKED, UNTIL_CLOSED, INFORMED] {
        let head = whole.windows(4).rposition(|end| end == b"\r\n\r\n" && end.len() == 4).unwrap();
        // The last empty line is that of the trailers where there are any.
        let head = if whole == CHUNKED {
            whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap()
        } else {
            head
        };
        for by_reset in [false, true] {
            let act = move |cut: usize| {
                let bytes = &whole[..cut];
                if by_reset { Act::Reset(bytes) } else { Act::Close(bytes) }
            };
            let target = Target::with(act).await;
            let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
            for cut in 0..=whole.len() {
                let got = read(&proxy.raw(GET).await);
                let ends_itself = whole != UNTIL_CLOSED;
                let expected = if cut < head + 4 {
                    Got::Problem
                } else if (ends_itself && cut == whole.len()) || (!ends_itself && !by_reset) {
                    Got::Whole
                } else {
                    Got::Part
                };
                let shown = String::from_utf8_lossy(&whole[..cut]).into_owned();
                assert_eq!(got, expected, "cut after {cut}, by reset: {by_reset}: {shown:?}");
            }
            assert_eq!(target.count(), whole.len() + 1, "each is one try");
            proxy.nothing_is_left().await;
            // That of the whole answer waits for the next request until its end is seen.
            assert!(proxy.counts.targets() <= 1);
        }
    }
}

#[tokio::test]
async fn an_answer_over_http2_that_is_cut_anywhere_is_a_problem_or_ends_early() {
    // `:status: 200` is entry 8 of the static table, `content-length` is entry 28.
    let head = [
        frame(frames::SETTINGS, 0, 0, &[]),
        frame(frames::SETTINGS, frames::ACK, 0, &[]),
        frame(frames::HEADERS, frames::END_HEADERS, 1, b"\x88\x0f\x0d\x0210"),
    ]
    .concat();
    let body =
        [frame(frames::DATA, 0, 1, b"01234"), frame(frames::DATA, frames::END_STREAM, 1, b"56789")].concat();
    let whole: &'static [u8] = [head.as_slice(), &body].concat().leak();
    for by_reset in [false, true] {
        let target = Custom::new(move |mut stream, cut| async move {
            let mut seen = Vec::new();
            // The request's head is the first frame of stream 1.
            while !seen.windows(5).any(|window| window[0] == frames::HEADERS && window[1..] == [5, 0, 0, 0]) {
                let mut more = [0; 4096];
                match stream.read(&mut more).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => seen.extend_from_slice(&more[..count]),
                }
            }
            let _ = stream.write_all(&whole[..cut]).await;
            if by_reset {
                reset(stream);
            }
        })
        .await;
        let mut config = bare(std::slice::from_ref(&target.url));
        config["services"]["all"]["http2"] = true.into();
        let proxy = Running::new(config);
        for cut in 0..=whole.len() {
            let got = read(&proxy.raw(GET).await);
            let expected = match cut {
                cut if cut < head.len() => Got::Problem,
                cut if cut < whole.len() => Got::Part,
                _ => Got::Whole,
            };
            // A reset may overtake what was sent before it.
            assert!(got == expected || (by_reset && got == Got::Problem), "cut after {cut}: {got:?}");
        }
        proxy.nothing_is_left().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_neither_kept_nor_made_whole_by_compression() {
    const HALF: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\nContent-Length: 4000\r\n\r\nhalf of it";
    let whole = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\nContent-Length: 4000\r\n\r\n{}",
        "x".repeat(4000)
    );
    let whole: &'static [u8] = whole.into_bytes().leak();
    let target =
        Target::with(move |before| if before < 2 { Act::Close(HALF) } else { Act::Answer(whole) }).await;
    let mut config = bare(std::slice::from_ref(&target.url));
    config["routes"][0]["cache"] = serde_json::json!({});
    config["routes"][0]["compress"] = true.into();
    let proxy = Running::new(config);
    for (accept, complete) in [("gzip", false), ("", false), ("gzip", true), ("", true)] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        // What was to be compressed may end before any of it has left.
        if bytes.is_empty() && !complete {
            continue;
        }
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let shown = String::from_utf8_lossy(&bytes[..head]).into_owned();
        assert!(shown.starts_with("HTTP/1.1 200 "), "{shown}");
        let ended = if shown.contains("chunked") {
            bytes.ends_with(b"0\r\n\r\n")
        } else {
            bytes.len() - head == 4000
        };
        assert_eq!(ended, complete, "{accept:?}: {shown}");
    }
    assert_eq!(target.count(), 3, "the whole one is kept");
    proxy.nothing_is_left().await;
}

#[tokio::test]
async fn a_request_that_is_cut_anywhere_reaches_no_target_as_a_whole_one() {
    const POST: &[u8] =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let target = Target::new(Act::Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let proxy = Running::new(bare(std::slice::from_ref(&target.url)));
    for cut in 0..POST.len() {
        let mut stream = tokio::net::TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(&POST[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), read).await.unwrap().unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "cut after {cut}: {answer}");
    }
    assert_eq!(target.count(), 0);
    proxy.nothing_is_left().await;
    assert_eq!(proxy.counts.targets(), 0);
}
