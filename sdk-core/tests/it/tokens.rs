//! Access tokens on real sockets: many calls at once, callers that go away, threads, and processes that share a store. What a single call does is held by `tokens.json`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use waypost::engine::operation::{Operation, Scheme};
use waypost::engine::{Arguments, ErrorKind};
use waypost::oauth::{FileTokenStore, TokenSet, TokenStore as _};
use waypost::transport::Proxy;
use waypost::{CallOptions, Client, ClientBuilder};

use crate::support::operations;
use crate::support::server::{Act, Received, Server, answer, json};

static THING: Operation = Operation { security: &[&[Scheme::Bearer]], ..operations::READ };

/// A server with a token endpoint that grants `t1`, `t2`, ...; the newest token is good and every other one is not. It answers a token request after a while.
async fn server() -> Server {
    let granted = AtomicUsize::new(0);
    Server::answering(move |request: &Received| {
        if request.target == "/oauth/token" {
            let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(
                r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":900,"refresh_token":"r{number}"}}"#
            );
            return Act::Pieces(
                vec![Vec::new(), answer(200, &[("content-type", "application/json"), ("connection", "close")], body.as_bytes())],
                Duration::from_millis(200),
            );
        }
        let good = format!("Bearer t{}", granted.load(Ordering::SeqCst));
        if request.header("authorization") == Some(good.as_str()) { json(200, "{}") } else { json(401, "{}") }
    })
    .await
}

fn expired() -> TokenSet {
    TokenSet::new("t0").with_refresh_token("r0").with_expires_at(1)
}

fn builder(server: &Server) -> ClientBuilder {
    Client::builder(server.url()).proxy(Proxy::Off).client_id("app").options(|options| options.cache = None)
}

fn asked(server: &Server) -> usize {
    server.requests().iter().filter(|request| request.target == "/oauth/token").count()
}

async fn call(client: &Client) -> Result<(), waypost::Error> {
    client.call(&THING, &Arguments::new(), &CallOptions::default()).await.map(drop)
}

#[tokio::test]
async fn two_hundred_calls_with_an_expired_token_make_one_token_request() {
    let server = server().await;
    let client = builder(&server).tokens(expired()).build().unwrap();
    for outcome in join_all((0..200).map(|_| call(&client))).await {
        outcome.unwrap();
    }
    assert_eq!((asked(&server), server.requests().len()), (1, 201));
}

#[tokio::test]
async fn two_hundred_calls_on_many_threads_make_one_token_request_too() {
    let server = server().await;
    let client = builder(&server).client_secret("s").build().unwrap();
    let tasks = (0..200).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { call(&client).await })
    });
    for outcome in join_all(tasks).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(asked(&server), 1);
}

#[tokio::test]
async fn fifty_calls_that_are_refused_at_once_refresh_once_and_are_sent_once_more() {
    let server = server().await;
    let client = builder(&server).tokens(TokenSet::new("stale").with_refresh_token("r0")).build().unwrap();
    for outcome in join_all((0..50).map(|_| call(&client))).await {
        outcome.unwrap();
    }
    assert_eq!((asked(&server), server.requests().len()), (1, 101));
}

#[tokio::test]
async fn a_failure_of_the_one_request_is_everybodys() {
    let server = Server::answering(|_| {
        Act::Pieces(
            vec![Vec::new(), answer(400, &[("connection", "close")], br#"{"error":"invalid_client"}"#)],
            Duration::from_millis(100),
        )
    })
    .await;
    let client = builder(&server).client_secret("s").build().unwrap();
    for outcome in join_all((0..50).map(|_| call(&client))).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.oauth().unwrap().error.as_deref(), Some("invalid_client"));
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refresh_goes_on_when_the_call_that_began_it_is_dropped() {
    let server = server().await;
    let client = builder(&server).tokens(expired()).build().unwrap();
    let first = tokio::spawn({
        let client = client.clone();
        async move { call(&client).await }
    });
    while asked(&server) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let others = join_all((0..20).map(|_| call(&client)));
    first.abort();
    for outcome in others.await {
        outcome.unwrap();
    }
    assert_eq!(asked(&server), 1, "the refresh token works once");
}

#[tokio::test]
async fn a_call_that_cannot_wait_for_long_does_not_and_takes_nothing_from_the_others() {
    let server = server().await;
    let client = builder(&server).tokens(expired()).build().unwrap();
    let mut hurried = CallOptions::default();
    hurried.deadline = Some(Duration::from_millis(50));
    let arguments = Arguments::new();
    let (late, patient) = tokio::join!(client.call(&THING, &arguments, &hurried), call(&client));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
    patient.unwrap();
    assert_eq!(asked(&server), 1);
}

#[tokio::test]
async fn threads_without_a_runtime_make_one_token_request_together() {
    let server = server().await;
    let client = builder(&server).tokens(expired()).build().unwrap();
    let blocking = move || {
        waypost::drive::blocking::call(
            &client,
            &THING,
            &Arguments::new(),
            &CallOptions::default(),
            &mut || false,
        )
        .map(drop)
    };
    let threads: Vec<_> = (0..20).map(|_| std::thread::spawn(blocking.clone())).collect();
    tokio::task::spawn_blocking(move || {
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    })
    .await
    .unwrap();
    assert_eq!(asked(&server), 1);
}

#[tokio::test]
async fn a_thread_that_is_interrupted_on_its_way_leaves_it_to_the_next() {
    let server = server().await;
    let client = builder(&server).client_secret("s").build().unwrap();
    let thread = |ended: Arc<AtomicBool>| {
        let client = client.clone();
        tokio::task::spawn_blocking(move || {
            std::thread::spawn(move || {
                let (arguments, options) = (Arguments::new(), CallOptions::default());
                let mut interrupted = || ended.load(Ordering::SeqCst);
                waypost::drive::blocking::call(&client, &THING, &arguments, &options, &mut interrupted)
                    .map(drop)
            })
            .join()
            .unwrap()
        })
    };
    let first = thread(Arc::new(AtomicBool::new(true)));
    while asked(&server) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let second = thread(Arc::default());
    assert_eq!(first.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn two_clients_of_one_file_refresh_once() {
    let folder = std::env::temp_dir().join(format!("waypost-shared-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = FileTokenStore::new(folder.join("tokens.json"));
    store.write(&expired()).unwrap();
    let server = server().await;
    let (one, other) = (
        builder(&server).token_store(store.clone()).build().unwrap(),
        builder(&server).token_store(store.clone()).build().unwrap(),
    );
    call(&one).await.unwrap();
    call(&other).await.unwrap();
    assert_eq!(asked(&server), 1);
    let kept = store.load().await.unwrap().unwrap();
    assert_eq!(kept.refresh_token.as_ref().map(waypost::Secret::expose), Some("r1"));
    std::fs::remove_dir_all(folder).unwrap();
}
