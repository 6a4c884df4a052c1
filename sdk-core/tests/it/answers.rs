//! Answers that are complete and wrong, refused, too large, or encoded: which error each becomes, and how often it was asked for.

use std::io::Write;
use std::time::{Duration, SystemTime};

use waypost::ErrorKind;
use waypost::engine::FailureKind;
use waypost::engine::envelope::Cause;

use crate::support::client::{Kind, call, causes, transport};
use crate::support::on_each_transport;
use crate::support::operations::{CREATE, DELETE, ONCE, READ, TEXT};
use crate::support::server::{Act, Server, answer, json, problem};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn an_html_502_is_a_server_error_with_its_status(kind: Kind) {
    let html =
        || Act::Answer(answer(502, &[("content-type", "text/html")], b"<html><h1>Bad Gateway</h1></html>"));
    let server = Server::start([html(), html(), html(), html()]).await;
    let client = kind.client(&server.url());
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(502)));
    assert_eq!((causes(&error), error.problem()), (vec![Cause::Status; 3], None));
    assert!(error.failure().excerpt.as_ref().unwrap().contains("Bad Gateway"));
    let error = call(&client, &ONCE).await.unwrap_err();
    assert_eq!((error.status(), error.attempts().len(), server.requests().len()), (Some(502), 1, 4));
}

async fn a_failure_that_passes_is_not_seen_by_the_caller(kind: Kind) {
    let server =
        Server::start([problem(503, "unavailable", &[("retry-after", "0")]), json(201, r#"{"id":1}"#)]).await;
    let created = call(&kind.client(&server.url()), &CREATE).await.unwrap();
    assert_eq!(
        (created.status, created.attempts.len(), created.request_id.as_deref()),
        (201, 2, Some("req_1"))
    );
    let requests = server.requests();
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
    assert_ne!(
        requests[0].header("traceparent"),
        requests[1].header("traceparent"),
        "each attempt is a span of its own"
    );
}

async fn truncated_json_is_a_decode_error_and_not_asked_for_again(kind: Kind) {
    let server = Server::start([json(200, r#"{"a": [1, 2"#)]).await;
    let envelope = call(&kind.client(&server.url()), &READ).await.unwrap();
    let error = envelope.json::<serde_json::Value>().unwrap_err();
    assert_eq!(
        (error.kind(), error.status(), error.request_id()),
        (ErrorKind::Decode, Some(200), Some("req_1"))
    );
    assert_eq!(server.requests().len(), 1);
}

async fn a_wrong_content_type_is_a_decode_error(kind: Kind) {
    let server =
        Server::start([Act::Answer(answer(200, &[("content-type", "text/html")], b"<p>log in</p>"))]).await;
    let error = call(&kind.client(&server.url()), &READ).await.unwrap_err();
    assert_eq!((error.kind(), causes(&error)), (ErrorKind::Decode, vec![Cause::Decode]));
    assert!(error.to_string().contains("text/html"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

async fn a_429_whose_retry_after_is_beyond_the_deadline_fails_at_once_and_holds_the_next_call_back(
    kind: Kind,
) {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(120));
    for wait in ["120", date.as_str()] {
        let server = Server::start([problem(429, "rate_limited", &[("retry-after", wait)])]).await;
        let client = kind.client(&server.url());
        let error = call(&client, &READ).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts().len(), error.code()),
            (ErrorKind::RateLimited, 1, Some("rate_limited"))
        );
        let asked = error.retry_after().unwrap().as_secs();
        assert!((110..=120).contains(&asked), "{asked}");
        let error = call(&client, &READ).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::RateLimited, 0), "{error}");
        assert_eq!(server.requests().len(), 1, "the server asked for silence");
    }
}

async fn a_429_that_passes_is_waited_for(kind: Kind) {
    let past = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(5));
    let acts = [
        problem(429, "rate_limited", &[("retry-after", "0")]),
        problem(429, "rate_limited", &[("retry-after", &past)]),
        json(200, "{}"),
    ];
    let server = Server::start(acts).await;
    assert_eq!(call(&kind.client(&server.url()), &READ).await.unwrap().attempts.len(), 3);
}

async fn an_answer_over_the_limit_is_refused_however_its_length_is_told(kind: Kind) {
    let large = vec![b' '; 5000];
    let mut chunked =
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..5 {
        chunked.extend_from_slice(b"3e8\r\n");
        chunked.extend_from_slice(&large[..1000]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let server = Server::start([Act::Answer(answer(200, &[JSON], &large)), Act::Answer(chunked)]).await;
    let client =
        kind.builder(&server.url()).options(|options| options.max_answer_bytes = 4096).build().unwrap();
    for sent in 1..=2 {
        let error = call(&client, &READ).await.unwrap_err();
        assert_eq!((error.kind(), causes(&error)), (ErrorKind::Decode, vec![Cause::Decode]), "{error}");
        assert!(error.to_string().contains("4096"), "{error}");
        assert_eq!(server.requests().len(), sent);
    }
}

async fn a_small_answer_that_unfolds_to_a_large_one_is_refused(kind: Kind) {
    let bomb = gzip(&vec![b' '; 8 << 20]);
    assert!(bomb.len() < 100_000);
    let server =
        Server::start([Act::Answer(answer(200, &[JSON, ("content-encoding", "gzip")], &bomb))]).await;
    let client =
        kind.builder(&server.url()).options(|options| options.max_answer_bytes = 1 << 16).build().unwrap();
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!((error.kind(), causes(&error)), (ErrorKind::Decode, vec![Cause::Decode]), "{error}");
}

async fn encoded_answers_are_decoded(kind: Kind) {
    let body = br#"{"text":"the same in every encoding"}"#;
    let encoded = [
        ("gzip", gzip(body)),
        ("br", compress::<async_compression::tokio::write::BrotliEncoder<Vec<u8>>>(body).await),
        ("zstd", compress::<async_compression::tokio::write::ZstdEncoder<Vec<u8>>>(body).await),
    ];
    let acts = encoded
        .iter()
        .map(|(name, bytes)| Act::Answer(answer(200, &[JSON, ("content-encoding", name)], bytes)));
    let server = Server::start(acts.collect::<Vec<_>>()).await;
    let client = kind.client(&server.url());
    for (name, _) in &encoded {
        let envelope = call(&client, &READ).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(envelope.bytes(), body.as_slice(), "{name}");
        assert!(!envelope.headers.contains("content-encoding"), "{name}");
    }
    for request in server.requests() {
        let offered = request.header("accept-encoding").unwrap().to_owned();
        assert!(["gzip", "br", "zstd"].iter().all(|name| offered.contains(name)), "{offered}");
    }
}

async fn a_broken_encoding_is_a_decode_error_and_a_cut_one_a_broken_connection(kind: Kind) {
    let whole = gzip(br#"{"text":"something"}"#);
    let encoded = |bytes: &[u8]| Act::Answer(answer(200, &[JSON, ("content-encoding", "gzip")], bytes));
    let server =
        Server::start([encoded(b"this is not gzip at all"), encoded(&whole[..whole.len() - 12])]).await;
    let client = kind.client(&server.url());
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!(
        (error.kind(), causes(&error)),
        (ErrorKind::Decode, vec![transport(FailureKind::Protocol)]),
        "{error}"
    );
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!(
        (error.kind(), causes(&error)),
        (ErrorKind::Connection, vec![transport(FailureKind::Interrupted)]),
        "{error}"
    );
    assert_eq!(server.requests().len(), 2);
}

async fn an_answer_without_a_body_may_name_an_encoding(kind: Kind) {
    let server =
        Server::start([Act::Answer(b"HTTP/1.1 204 X\r\ncontent-encoding: gzip\r\n\r\n".to_vec())]).await;
    assert_eq!(call(&kind.client(&server.url()), &DELETE).await.unwrap().status, 204);
}

async fn a_redirect_is_not_followed(kind: Kind) {
    let elsewhere = Server::start([json(200, "{}")]).await;
    let target = format!("{}/things", elsewhere.url());
    let redirect = Act::Answer(answer(307, &[("location", &target)], b""));
    let server = Server::start([redirect]).await;
    let error = call(&kind.client(&server.url()), &CREATE).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Decode, Some(307)), "{error}");
    assert_eq!((server.requests().len(), elsewhere.connections()), (1, 0));
}

async fn text_is_text(kind: Kind) {
    let server =
        Server::start([Act::Answer(answer(200, &[("content-type", "text/plain")], b"up 1\n"))]).await;
    let envelope = call(&kind.client(&server.url()), &TEXT).await.unwrap();
    assert_eq!(envelope.text().unwrap(), "up 1\n");
}

async fn a_problem_is_read_and_each_status_has_its_kind(kind: Kind) {
    let statuses = [
        (400, ErrorKind::BadRequest),
        (401, ErrorKind::Authentication),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (409, ErrorKind::Conflict),
        (410, ErrorKind::Gone),
        (422, ErrorKind::Unprocessable),
        (501, ErrorKind::Server),
    ];
    let server =
        Server::start(statuses.map(|(status, _)| problem(status, "a_code", &[("x-request-id", "req_9")])))
            .await;
    let client = kind.client(&server.url());
    for (status, expected) in statuses {
        let error = call(&client, &CREATE).await.unwrap_err();
        assert_eq!((error.kind(), error.status(), error.code()), (expected, Some(status), Some("a_code")));
        assert_eq!((error.request_id(), error.attempts().len()), (Some("req_9"), 1));
    }
    assert_eq!(server.connections(), 1, "the body of an error is read, so its connection is used again");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An encoder over a buffer.
trait Encoder: tokio::io::AsyncWrite + Unpin {
    fn over(buffer: Vec<u8>) -> Self;
    fn end(self) -> Vec<u8>;
}

impl Encoder for async_compression::tokio::write::BrotliEncoder<Vec<u8>> {
    fn over(buffer: Vec<u8>) -> Self {
        Self::new(buffer)
    }
    fn end(self) -> Vec<u8> {
        self.into_inner()
    }
}

impl Encoder for async_compression::tokio::write::ZstdEncoder<Vec<u8>> {
    fn over(buffer: Vec<u8>) -> Self {
        Self::new(buffer)
    }
    fn end(self) -> Vec<u8> {
        self.into_inner()
    }
}

async fn compress<E: Encoder>(bytes: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt;
    let mut encoder = E::over(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.end()
}

on_each_transport!(
    an_html_502_is_a_server_error_with_its_status,
    a_failure_that_passes_is_not_seen_by_the_caller,
    truncated_json_is_a_decode_error_and_not_asked_for_again,
    a_wrong_content_type_is_a_decode_error,
    a_429_whose_retry_after_is_beyond_the_deadline_fails_at_once_and_holds_the_next_call_back,
    a_429_that_passes_is_waited_for,
    an_answer_over_the_limit_is_refused_however_its_length_is_told,
    a_small_answer_that_unfolds_to_a_large_one_is_refused,
    encoded_answers_are_decoded,
    a_broken_encoding_is_a_decode_error_and_a_cut_one_a_broken_connection,
    an_answer_without_a_body_may_name_an_encoding,
    a_redirect_is_not_followed,
    text_is_text,
    a_problem_is_read_and_each_status_has_its_kind,
);
