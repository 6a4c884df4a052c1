//! What a broken network does, and what the SDK makes of it: the typed error, the attempts that were made, and that nothing was sent again that may not be.

use std::time::{Duration, Instant};

use waypost::engine::FailureKind;
use waypost::{Error, ErrorKind};

use crate::support::client::{Kind, call, causes, transport};
use crate::support::on_each_transport;
use crate::support::operations::{CREATE, ONCE, READ};
use crate::support::server::{Act, Server, answer, head, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn a_refused_connection_is_tried_again_even_for_what_may_be_sent_once(kind: Kind) {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = kind.client(&format!("http://127.0.0.1:{port}"));
    for operation in [&READ, &CREATE, &ONCE] {
        let error = call(&client, operation).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert_eq!(causes(&error), [transport(FailureKind::Connect); 3], "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

async fn a_reset_before_the_first_byte_is_tried_again_where_that_is_harmless(kind: Kind) {
    let server =
        Server::start([Act::Reset(vec![]), json(200, "{}"), Act::Reset(vec![]), json(201, "{}")]).await;
    let client = kind.client(&server.url());
    let read = call(&client, &READ).await.unwrap();
    assert_eq!(read.attempts.len(), 2);
    assert_eq!(read.attempts[0].cause, Some(transport(FailureKind::Reset)));
    let created = call(&client, &CREATE).await.unwrap();
    assert_eq!(created.attempts.len(), 2);
    let keys: Vec<_> = server.requests()[2..]
        .iter()
        .map(|request| request.header("idempotency-key").map(str::to_owned))
        .collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "one key for all attempts: {keys:?}");
}

async fn a_reset_before_the_first_byte_is_not_tried_again_for_what_may_be_sent_once(kind: Kind) {
    let server = Server::start([Act::Reset(vec![]), json(200, "{}")]).await;
    let error = call(&kind.client(&server.url()), &ONCE).await.unwrap_err();
    assert_eq!((error.kind(), causes(&error)), (ErrorKind::Connection, vec![transport(FailureKind::Reset)]));
    assert_eq!(server.requests().len(), 1);
    assert!(error.failure().advice.contains("may have done it"), "{}", error.failure().advice);
}

async fn a_close_without_an_answer_counts_as_a_reset(kind: Kind) {
    let server =
        Server::start([Act::Close(vec![]), json(200, "{}"), Act::Close(b"HTTP/1.1 2".to_vec())]).await;
    let client = kind.client(&server.url());
    assert_eq!(call(&client, &READ).await.unwrap().attempts.len(), 2);
    let error = call(&client, &ONCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(server.requests().len(), 3);
}

async fn an_answer_that_breaks_off_is_not_asked_for_again(kind: Kind) {
    let begun = || [head(200, &[JSON], 100), b"{\"a\":".to_vec()].concat();
    let acts = [
        Act::Reset(begun()),
        Act::Close(begun()),
        Act::Close(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{".to_vec()),
    ];
    let server = Server::start(acts).await;
    let client = kind.client(&server.url());
    for sent in 1..=3 {
        let error = call(&client, &READ).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert_eq!(causes(&error), [transport(FailureKind::Interrupted)], "{error}");
        assert_eq!((error.status(), server.requests().len()), (Some(200), sent));
    }
}

async fn a_head_that_does_not_come_ends_at_the_timeout(kind: Kind) {
    let server =
        Server::start([Act::Stall(vec![]), Act::Stall(b"HTTP/1.1 200 X\r\n".to_vec()), json(200, "{}")])
            .await;
    let client = kind.builder(&server.url()).timeout(Duration::from_millis(80)).build().unwrap();
    let answer = call(&client, &READ).await.unwrap();
    let seen: Vec<_> = answer.attempts.iter().map(|attempt| attempt.cause).collect();
    assert_eq!(seen, [Some(transport(FailureKind::Timeout)), Some(transport(FailureKind::Timeout)), None]);
}

async fn a_timeout_is_not_tried_again_for_what_may_be_sent_once(kind: Kind) {
    let server = Server::start([Act::Stall(vec![]), json(200, "{}")]).await;
    let client = kind.builder(&server.url()).timeout(Duration::from_millis(80)).build().unwrap();
    let error = call(&client, &ONCE).await.unwrap_err();
    assert_eq!((error.kind(), causes(&error)), (ErrorKind::Timeout, vec![transport(FailureKind::Timeout)]));
    assert_eq!(server.requests().len(), 1);
}

async fn a_body_that_does_not_end_ends_at_the_timeout(kind: Kind) {
    let begun = [head(200, &[JSON], 100), b"{".to_vec()].concat();
    let server = Server::start([Act::Stall(begun.clone()), Act::Stall(begun)]).await;
    let client = kind.builder(&server.url()).timeout(Duration::from_millis(80)).retries(1).build().unwrap();
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!(
        (error.kind(), causes(&error)),
        (ErrorKind::Timeout, vec![transport(FailureKind::Timeout); 2])
    );
    assert_eq!(server.requests().len(), 2);
}

async fn the_deadline_covers_all_attempts(kind: Kind) {
    let server = Server::start((0..9).map(|_| Act::Stall(vec![]))).await;
    let client = kind
        .builder(&server.url())
        .timeout(Duration::from_millis(60))
        .deadline(Duration::from_millis(150))
        .retries(8)
        .build()
        .unwrap();
    let started = Instant::now();
    let error = call(&client, &READ).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!((2..=4).contains(&error.attempts().len()), "{:?}", error.attempts());
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

async fn what_is_not_http_is_a_decode_error_and_not_tried_again(kind: Kind) {
    let server = Server::start([Act::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), json(200, "{}")]).await;
    let error = call(&kind.client(&server.url()), &READ).await.unwrap_err();
    assert_eq!(
        (error.kind(), causes(&error)),
        (ErrorKind::Decode, vec![transport(FailureKind::Protocol)]),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

async fn an_answer_that_arrives_in_small_pieces_is_whole(kind: Kind) {
    let whole = answer(200, &[JSON], br#"{"a":"long enough to be cut"}"#);
    let pieces = whole.chunks(7).map(<[u8]>::to_vec).collect();
    let server = Server::start([Act::Pieces(pieces, Duration::from_millis(2))]).await;
    let envelope = call(&kind.client(&server.url()), &READ).await.unwrap();
    assert_eq!(envelope.bytes(), r#"{"a":"long enough to be cut"}"#);
}

on_each_transport!(
    a_refused_connection_is_tried_again_even_for_what_may_be_sent_once,
    a_reset_before_the_first_byte_is_tried_again_where_that_is_harmless,
    a_reset_before_the_first_byte_is_not_tried_again_for_what_may_be_sent_once,
    a_close_without_an_answer_counts_as_a_reset,
    an_answer_that_breaks_off_is_not_asked_for_again,
    a_head_that_does_not_come_ends_at_the_timeout,
    a_timeout_is_not_tried_again_for_what_may_be_sent_once,
    a_body_that_does_not_end_ends_at_the_timeout,
    the_deadline_covers_all_attempts,
    what_is_not_http_is_a_decode_error_and_not_tried_again,
    an_answer_that_arrives_in_small_pieces_is_whole,
);
