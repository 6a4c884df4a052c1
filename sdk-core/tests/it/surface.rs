//! What a program sees of the client beside errors: lists, streams, events, raw answers, middleware, logs.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use waypost::client::{Call, EventCall, ListCall, Paged, StreamCall};
use waypost::engine::{Arguments, FailureKind, ResponseHead, TransportFailure};
use waypost::middleware::{Middleware, Outgoing, Sent};
use waypost::transport::{BoxFuture, Proxy};
use waypost::{Client, Error, ErrorKind};

use crate::support::client::{Kind, call, causes, transport};
use crate::support::on_each_transport;
use crate::support::operations::{CREATE, DELETE, EVENTS, EXPORT, LIST, READ, TEXT};
use crate::support::server::{Act, Server, answer, head, json, problem};

#[derive(Debug, Deserialize, Serialize, PartialEq, Clone)]
struct Page {
    data: Vec<u32>,
    next_cursor: Option<String>,
    has_more: bool,
}

impl Paged for Page {
    type Item = u32;
    fn items(&self) -> &[u32] {
        &self.data
    }
    fn into_items(self) -> Vec<u32> {
        self.data
    }
    fn next_cursor(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }
    fn has_more(&self) -> bool {
        self.has_more
    }
}

fn page(data: &str, next: Option<&str>) -> Act {
    let next_cursor = next.map_or("null".to_owned(), |cursor| format!("{cursor:?}"));
    json(200, &format!(r#"{{"data":[{data}],"next_cursor":{next_cursor},"has_more":{}}}"#, next.is_some()))
}

fn list(client: &Client) -> ListCall<Page, u32> {
    ListCall::new(client, &LIST, Arguments::new().query("limit", Some(2)))
}

async fn a_list_goes_through_all_pages_and_asks_for_each_when_it_is_wanted(kind: Kind) {
    let server =
        Server::start([page("1,2", Some("a b")), page("", Some("c")), page("3", None), page("4", None)])
            .await;
    let client = kind.client(&server.url());
    let mut items = list(&client).items();
    assert_eq!(items.next().await.unwrap().unwrap(), 1);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(items.collect().await.unwrap(), [2, 3]);
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/things?limit=2", "/things?limit=2&cursor=a%20b", "/things?limit=2&cursor=c"]);
    assert_eq!(list(&client).await.unwrap().items(), [4]);
}

async fn a_list_that_fails_or_goes_in_circles_ends_with_an_error(kind: Kind) {
    let server = Server::start([
        page("1", Some("a")),
        problem(404, "gone", &[]),
        page("1", Some("a")),
        page("1", Some("a")),
    ])
    .await;
    let client = kind.client(&server.url());
    let mut items = list(&client).items();
    assert_eq!(items.next().await.unwrap().unwrap(), 1);
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    assert!(items.next().await.is_none());
    let error = list(&client).pages().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    assert_eq!(server.requests().len(), 4);
}

async fn every_kind_of_result_has_its_type(kind: Kind) {
    let text = Act::Answer(answer(200, &[("content-type", "text/plain")], b"up 1"));
    let server = Server::start([
        json(200, "[1]"),
        Act::Answer(b"HTTP/1.1 204 X\r\n\r\n".to_vec()),
        text,
        json(200, "[\"a\"]"),
    ])
    .await;
    let client = kind.client(&server.url());
    assert_eq!(Call::<Vec<u32>>::new(&client, &READ, Arguments::new()).await.unwrap(), [1]);
    Call::<()>::new(&client, &DELETE, Arguments::new()).await.unwrap();
    assert_eq!(Call::<String>::new(&client, &TEXT, Arguments::new()).await.unwrap(), "up 1");
    let error = Call::<Vec<u32>>::new(&client, &READ, Arguments::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Decode, 1), "{error}");
}

async fn a_raw_answer_tells_how_it_came(kind: Kind) {
    let server =
        Server::start([problem(503, "unavailable", &[("retry-after", "0")]), json(201, r#"{"a":1}"#)]).await;
    let call =
        Call::<serde_json::Value>::new(&kind.client(&server.url()), &CREATE, Arguments::new().json(&1));
    let raw = call.header("x-batch", "7").idempotency_key("mine").raw().await.unwrap();
    assert_eq!((raw.status, raw.request_id.as_deref(), raw.attempts.len()), (201, Some("req_1"), 2));
    assert_eq!((raw.parsed["a"].as_u64(), raw.body.as_ref()), (Some(1), br#"{"a":1}"#.as_slice()));
    assert_eq!(raw.headers.get("Content-Type"), Some("application/json"));
    for request in server.requests() {
        assert_eq!((request.header("x-batch"), request.header("idempotency-key")), (Some("7"), Some("mine")));
    }
}

async fn a_stream_arrives_piece_by_piece_and_is_larger_than_the_limit(kind: Kind) {
    let pieces = vec![
        [head(200, &[("content-type", "application/x-ndjson")], 12), b"{1}\n".to_vec()].concat(),
        b"{2}\n".to_vec(),
        b"{3}\n".to_vec(),
    ];
    let server = Server::start([Act::Pieces(pieces, Duration::from_millis(30))]).await;
    let client = kind.builder(&server.url()).options(|options| options.max_answer_bytes = 5).build().unwrap();
    let mut streamed = StreamCall::new(&client, &EXPORT, Arguments::new()).accept("text/csv").await.unwrap();
    assert_eq!((streamed.status(), streamed.attempts().len()), (200, 1));
    assert_eq!(streamed.chunk().await.unwrap().unwrap(), "{1}\n");
    assert_eq!(streamed.bytes().await.unwrap(), "{2}\n{3}\n");
    assert_eq!(server.requests()[0].header("accept"), Some("text/csv"));
}

async fn a_stream_that_stands_still_or_breaks_is_an_error_and_not_a_short_stream(kind: Kind) {
    let begun = || [head(200, &[("content-type", "application/x-ndjson")], 100), b"{1}\n".to_vec()].concat();
    let server = Server::start([Act::Stall(begun()), Act::Close(begun())]).await;
    let client = kind.builder(&server.url()).timeout(Duration::from_millis(80)).build().unwrap();
    for expected in
        [(ErrorKind::Timeout, FailureKind::Timeout), (ErrorKind::Connection, FailureKind::Interrupted)]
    {
        let mut streamed = StreamCall::new(&client, &EXPORT, Arguments::new()).await.unwrap();
        assert!(streamed.chunk().await.unwrap().is_some());
        let error = streamed.chunk().await.unwrap_err();
        assert_eq!((error.kind(), causes(&error)), (expected.0, vec![transport(expected.1)]), "{error}");
        assert!(streamed.chunk().await.unwrap().is_none());
    }
    assert_eq!(server.requests().len(), 2);
}

async fn the_beginning_of_a_stream_is_tried_again_like_any_call(kind: Kind) {
    let stream = Act::Answer(answer(200, &[("content-type", "application/x-ndjson")], b"{1}\n"));
    let server = Server::start([
        Act::Reset(vec![]),
        problem(503, "unavailable", &[]),
        stream,
        problem(404, "not_found", &[]),
    ])
    .await;
    let client = kind.client(&server.url());
    let streamed = StreamCall::new(&client, &EXPORT, Arguments::new()).await.unwrap();
    assert_eq!(streamed.attempts().len(), 3);
    assert_eq!(streamed.bytes().await.unwrap(), "{1}\n");
    let error = StreamCall::new(&client, &EXPORT, Arguments::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("not_found")));
}

async fn events_are_typed_and_can_be_resumed(kind: Kind) {
    let stream = "retry: 50\nid: 7\nevent: paid\ndata: {\"data\":[1],\ndata: \"has_more\":false}\n\n: beat\n\ndata: {\"data\":[],\"has_more\":true}\n\ndata: no\n\n";
    let server = Server::start([Act::Answer(answer(
        200,
        &[("content-type", "text/event-stream")],
        stream.as_bytes(),
    ))])
    .await;
    let client = kind.client(&server.url());
    let mut events =
        EventCall::<Page>::new(&client, &EVENTS, Arguments::new()).last_event_id("6").await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(
        (first.event.as_str(), first.id.as_deref(), first.retry),
        ("paid", Some("7"), Some(Duration::from_millis(50)))
    );
    assert_eq!(first.data.data, [1]);
    assert!(events.next().await.unwrap().unwrap().data.has_more);
    assert_eq!(events.next().await.unwrap().unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(server.requests()[0].header("last-event-id"), Some("6"));
}

/// Signs requests and writes down what it sees.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Middleware for Witness {
    fn request<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let attempt = outgoing.exchange.attempt;
            self.note(format!("{} {} {}", outgoing.exchange.operation.id, outgoing.method, attempt));
            outgoing.headers.insert("x-signature", format!("signed-{attempt}"));
            if outgoing.headers.contains("x-refuse") {
                Err(Error::config("the signer has no key"))
            } else {
                Ok(())
            }
        })
    }
    fn response<'a>(&'a self, sent: Sent<'a>, head: &'a mut ResponseHead) -> BoxFuture<'a, ()> {
        assert!(sent.url.starts_with("http://") && sent.headers.contains("x-signature"));
        self.note(format!("{} {}", sent.exchange.attempt, head.status));
        head.headers.insert("x-request-id", "req_of_the_middleware");
        Box::pin(async {})
    }
    fn failure<'a>(&'a self, sent: Sent<'a>, failure: &'a TransportFailure) -> BoxFuture<'a, ()> {
        self.note(format!("{} {}", sent.exchange.attempt, failure.kind));
        Box::pin(async {})
    }
}

async fn middleware_sees_every_attempt_and_may_change_headers(kind: Kind) {
    let server = Server::start([Act::Reset(vec![]), problem(503, "unavailable", &[]), json(201, "{}")]).await;
    let witness = Witness::default();
    let client = kind.builder(&server.url()).middleware(witness.clone()).build().unwrap();
    let envelope = call(&client, &CREATE).await.unwrap();
    assert_eq!(envelope.request_id.as_deref(), Some("req_of_the_middleware"));
    let seen = witness.0.lock().unwrap().clone();
    assert_eq!(
        seen,
        ["things_create POST 1", "1 reset", "things_create POST 2", "2 503", "things_create POST 3", "3 201"]
    );
    let signatures: Vec<_> =
        server.requests().iter().map(|request| request.header("x-signature").unwrap().to_owned()).collect();
    assert_eq!(signatures, ["signed-1", "signed-2", "signed-3"]);
    let refused =
        Call::<()>::new(&client, &READ, Arguments::new()).header("x-refuse", "1").await.unwrap_err();
    assert!(refused.to_string().contains("no key"), "{refused}");
    assert_eq!(server.requests().len(), 3);
}

/// Waits for something that never comes: a token service that is down, say.
struct Stuck;

impl Middleware for Stuck {
    fn request<'a>(&'a self, _: Outgoing<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::pending())
    }
}

async fn a_middleware_that_stands_still_ends_with_the_deadline(kind: Kind) {
    let server = Server::start([json(201, "{}")]).await;
    let deadline = Duration::from_millis(100);
    let client = kind.builder(&server.url()).middleware(Stuck).deadline(deadline).build().unwrap();
    let called = tokio::time::timeout(Duration::from_secs(5), call(&client, &CREATE)).await;
    assert_eq!(called.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(server.requests().len(), 0);
}

thread_local! {
    /// What is logged on this thread, once somebody asks for it.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to [`LOG`]. A subscriber of the thread's own would miss events: whether a place in the code is listened to is kept for all threads at once.
struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn logs_tell_of_every_attempt_and_of_no_secret(kind: Kind) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("waypost=trace")
            .with_ansi(false)
            .with_writer(|| ThreadLog)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LOG.set(Some(Vec::new()));
    let server = Server::start([
        Act::Reset(vec![]),
        problem(503, "unavailable", &[]),
        problem(404, "not_found", &[("x-request-id", "req_7")]),
    ])
    .await;
    let client = kind
        .builder(&server.url())
        .access_token("hunter2")
        .header("x-api-key", "hunter2")
        .proxy(Proxy::Off)
        .build()
        .unwrap();
    let body = Arguments::new().json(&serde_json::json!({"password": "hunter2"}));
    let error = Call::<()>::new(&client, &CREATE, body)
        .header("cookie", "a=hunter2")
        .idempotency_key("hunter2")
        .await
        .unwrap_err();
    let log = String::from_utf8(LOG.take().unwrap()).unwrap();
    let ours: Vec<_> = log.lines().filter(|line| line.contains("waypost")).collect();
    for part in [
        "operation=\"things_create\"",
        "attempt=1",
        "kind=\"reset\"",
        "status=503",
        "attempt=3",
        "req_7",
        "waiting",
    ] {
        assert!(ours.iter().any(|line| line.contains(part)), "{part} in {ours:#?}");
    }
    assert!(!ours.iter().any(|line| line.contains("hunter2")), "{ours:#?}");
    assert!(!format!("{error} {error:?} {:?}", error.failure()).contains("hunter2"));
}

on_each_transport!(
    a_list_goes_through_all_pages_and_asks_for_each_when_it_is_wanted,
    a_list_that_fails_or_goes_in_circles_ends_with_an_error,
    every_kind_of_result_has_its_type,
    a_raw_answer_tells_how_it_came,
    a_stream_arrives_piece_by_piece_and_is_larger_than_the_limit,
    a_stream_that_stands_still_or_breaks_is_an_error_and_not_a_short_stream,
    the_beginning_of_a_stream_is_tried_again_like_any_call,
    events_are_typed_and_can_be_resumed,
    middleware_sees_every_attempt_and_may_change_headers,
    a_middleware_that_stands_still_ends_with_the_deadline,
    logs_tell_of_every_attempt_and_of_no_secret,
);
