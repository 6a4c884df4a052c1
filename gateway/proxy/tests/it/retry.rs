//! Second tries, with bodies: the other target gets the whole request, and nobody gets one twice who may not.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, Custom, OK, Running, Target, simple};

/// Two targets, in turn, without a breaker; every request is first sent to either half of the time.
fn config(targets: &[&str]) -> serde_json::Value {
    let targets: Vec<String> = targets.iter().map(|&target| target.to_owned()).collect();
    let mut config = simple(&targets);
    config["services"]["all"]["breaker"] = json!({ "enabled": false });
    config["services"]["all"]["health"] = json!({ "passive": { "failures": 0 } });
    config["services"]["all"]["retry"] = json!({ "budget": 1.0 });
    config
}

fn put(body: &str, extra: &str) -> String {
    format!(
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n{body}",
        body.len()
    )
}

const CHUNKED: &str = "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n";

#[tokio::test]
async fn an_idempotent_request_with_a_body_is_tried_once_more_with_all_of_it() {
    for act in [
        Act::Close(b""),
        Act::Reset(b""),
        Act::Silent(b""),
        Act::Answer(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let bad = Target::new(act).await;
        let good = Target::new(Act::Answer(OK)).await;
        let mut config = config(&[&bad.url, &good.url]);
        if matches!(act, Act::Silent(_)) {
            config["services"]["all"]["timeouts"]["first_byte"] = "500ms".into();
        }
        let proxy = Running::new(config);
        for request in [put("hello", ""), CHUNKED.to_owned(), put("hello", ""), CHUNKED.to_owned()] {
            let answer = proxy.raw(request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(good.last().contains("hello"), "{}", good.last());
            assert!(good.last().contains("!!") || request != CHUNKED, "{}", good.last());
        }
        assert_eq!(good.count(), 4);
        assert_eq!(bad.count(), 2, "and no other was tried twice");
        proxy.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_post_is_tried_once_more_only_where_its_client_says_that_it_may_be() {
    let bad = Target::new(Act::Close(b"")).await;
    let good = Target::new(Act::Answer(OK)).await;
    let proxy = Running::new(config(&[&bad.url, &good.url]));
    let post = |extra: &str| put("hello", extra).replace("PUT", "POST");
    for _ in 0..4 {
        let answer = proxy.raw(post("Idempotency-Key: 8e03978e\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(good.last().contains("hello") && good.last().contains("idempotency-key: 8e03978e\r\n"));
    }
    assert_eq!((bad.count(), good.count()), (2, 4));
    for request in [post(""), post("Idempotency-Key: \r\n"), post("").replace("POST", "PATCH")] {
        let mut failed = 0;
        let before = bad.count();
        for _ in 0..4 {
            let answer = proxy.raw(request.as_bytes()).await;
            failed += usize::from(answer.starts_with("HTTP/1.1 502 "));
        }
        assert_eq!((failed, bad.count() - before), (2, 2), "{request}");
    }
}

#[tokio::test]
async fn a_body_that_is_larger_than_may_be_kept_is_sent_once() {
    let bad = Target::new(Act::Close(b"")).await;
    let good = Target::new(Act::Answer(OK)).await;
    let mut config = config(&[&bad.url, &good.url]);
    config["services"]["all"]["retry"]["max_body"] = 6.into();
    let proxy = Running::new(config);
    for (request, expected) in [(put("hello!", ""), 4), (put("hello!!", ""), 2), (CHUNKED.to_owned(), 2)] {
        let mut answered = 0;
        for _ in 0..4 {
            let answer = proxy.raw(request.as_bytes()).await;
            answered += usize::from(answer.starts_with("HTTP/1.1 200 "));
        }
        assert_eq!(answered, expected, "{request}");
    }
}

#[tokio::test]
async fn what_the_client_still_sends_goes_to_the_target_that_is_tried_last() {
    for early in
        [&b""[..], b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"]
    {
        // Ends as soon as it has seen the beginning of the body.
        let bad = Custom::new(move |mut stream, _| async move {
            let mut seen = Vec::new();
            while !seen.ends_with(b"hel") {
                let mut more = [0; 1024];
                let count = stream.read(&mut more).await.unwrap();
                seen.extend_from_slice(&more[..count]);
            }
            let _ = stream.write_all(early).await;
        })
        .await;
        let good = Target::new(Act::Answer(OK)).await;
        let proxy = Running::new(config(&[&bad.url, &good.url]));
        for _ in 0..2 {
            let mut stream = TcpStream::connect(proxy.address).await.unwrap();
            let request = put("hello", "");
            let (first, rest) = request.split_at(request.len() - 2);
            stream.write_all(first.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(150)).await;
            stream.write_all(rest.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(good.last().ends_with("\r\n\r\nhello"), "{}", good.last());
        }
        proxy.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_request_with_a_body_moves_between_http2_targets_as_well() {
    let good = Target::new(Act::Answer(OK)).await;
    let mut inner = simple(std::slice::from_ref(&good.url));
    inner["listeners"][0]["h2c"] = true.into();
    let inner = Running::new(inner);
    let bad = Custom::new(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    })
    .await;
    let mut config = config(&[&bad.url, &format!("http://{}", inner.address)]);
    config["services"]["all"]["http2"] = true.into();
    let proxy = Running::new(config);
    for request in [put("hello", ""), CHUNKED.to_owned(), put("hello", ""), CHUNKED.to_owned()] {
        let answer = proxy.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(good.last().contains("hello"), "{}", good.last());
    }
}

#[tokio::test]
async fn second_tries_stay_within_their_budget() {
    let target =
        Target::new(Act::Answer(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")).await;
    let mut config = config(&[&target.url]);
    config["services"]["all"]["retry"] = json!({ "retries": 3, "budget": 0.1 });
    let proxy = Running::new(config);
    let requests = 200;
    for _ in 0..requests {
        let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    let second = target.count() - requests;
    // A tenth of the first ones, and the ten that may be made before there were any.
    assert!((20..=30).contains(&second), "{second}");
    let mut config = simple(std::slice::from_ref(&target.url));
    config["services"]["all"]["retry"] = json!({ "retries": 3, "budget": 0.0 });
    let proxy = Running::new(config);
    let before = target.count();
    proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(target.count(), before + 1, "a budget of nothing allows none");
}

#[tokio::test]
async fn there_is_no_second_try_once_the_time_for_all_is_over() {
    let target = Target::new(Act::Silent(b"")).await;
    let mut config = config(&[&target.url]);
    config["routes"][0]["timeout"] = "200ms".into();
    let proxy = Running::new(config);
    let answer = proxy.raw(put("hello", "").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert_eq!(target.count(), 1);
}
