//! Connections between and within calls: kept, found stale, dropped by the caller, closed with the client.

use std::time::Duration;

use waypost::engine::{Arguments, FailureKind};
use waypost::transport::Proxy;
use waypost::{CallOptions, Client, ErrorKind};

use crate::support::client::{Kind, call, causes, transport};
use crate::support::on_each_transport;
use crate::support::operations::{ONCE, READ};
use crate::support::server::{Act, Server, answer, json};

async fn calls_one_after_another_share_a_connection(kind: Kind) {
    let server = Server::start((0..5).map(|_| json(200, "{}"))).await;
    let client = kind.client(&server.url());
    for _ in 0..5 {
        call(&client, &READ).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

async fn a_connection_that_the_server_closed_meanwhile_costs_no_call(kind: Kind) {
    let closing = || Act::Close(answer(200, &[("content-type", "application/json")], b"{}"));
    let server = Server::start((0..4).map(|_| closing())).await;
    let client = kind.client(&server.url());
    for _ in 0..4 {
        // What may be sent once only is the hard case: it cannot be tried again by the rules.
        assert_eq!(call(&client, &ONCE).await.unwrap().attempts.len(), 1);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.requests().len(), 4);
}

async fn dropping_a_call_ends_its_request(kind: Kind) {
    let server = Server::start([Act::Stall(vec![])]).await;
    let client = kind.client(&server.url());
    assert!(tokio::time::timeout(Duration::from_millis(80), call(&client, &READ)).await.is_err());
    until(|| server.closed() == 1).await;
    assert_eq!(server.requests().len(), 1);
}

async fn closing_the_client_ends_calls_and_refuses_later_ones(kind: Kind) {
    let server = Server::start([Act::Stall(vec![])]).await;
    let client = kind.client(&server.url());
    let under_way = tokio::spawn({
        let client = client.clone();
        async move { call(&client, &READ).await.unwrap_err() }
    });
    until(|| server.requests().len() == 1).await;
    client.close();
    assert_eq!(under_way.await.unwrap().kind(), ErrorKind::Cancelled);
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("closed"), "{error}");
    until(|| server.closed() == 1).await;
}

async fn a_client_with_other_options_shares_the_connections(kind: Kind) {
    let server = Server::start([json(200, "{}"), json(200, "{}"), Act::Stall(vec![])]).await;
    let client = kind.client(&server.url());
    call(&client, &READ).await.unwrap();
    let hasty = client
        .with_options(|options| {
            options.timeout = Duration::from_millis(60);
            options.max_retries = 0;
        })
        .unwrap();
    call(&hasty, &READ).await.unwrap();
    assert_eq!(server.connections(), 1);
    assert_eq!(causes(&call(&hasty, &READ).await.unwrap_err()), [transport(FailureKind::Timeout)]);
    client.with_options(|options| options.base_url = "nowhere".to_owned()).unwrap_err();
}

#[tokio::test]
async fn a_callers_own_reqwest_client_sends_and_may_not_follow_redirects() {
    let server = Server::start([
        json(200, "{}"),
        Act::Answer(answer(302, &[("location", "/other")], b"")),
        json(200, "{}"),
    ])
    .await;
    let own = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = Client::builder(server.url()).proxy(Proxy::Off).reqwest(own).build().unwrap();
    call(&client, &READ).await.unwrap();
    let error = call(&client, &READ).await.unwrap_err();
    assert!(error.to_string().contains("Policy::none()"), "{error}");
}

fn blocking(kind: Kind) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start([
        json(200, "1"),
        Act::Close(answer(200, &[("content-type", "application/json")], b"2")),
        json(200, "3"),
        Act::Stall(vec![]),
        json(200, "5"),
    ]));
    let client = kind.client(&server.url());
    let mut asked = 0;
    let mut call = |limit: usize| {
        waypost::drive::blocking::call(
            &client,
            &READ,
            &Arguments::new(),
            &CallOptions::default(),
            &mut || {
                asked += 1;
                asked >= limit
            },
        )
    };
    assert_eq!(call(9).unwrap().bytes(), "1");
    assert_eq!(call(9).unwrap().bytes(), "2");
    // Nobody watched the connection while the server closed it.
    std::thread::sleep(Duration::from_millis(40));
    let third = call(9).unwrap();
    assert_eq!((third.bytes().as_ref(), third.attempts.len()), (b"3".as_slice(), 1));
    let error = call(2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert_eq!(server.connections(), 2);
    // Another thread has a runtime and connections of its own.
    std::thread::scope(|scope| {
        let client = &client;
        let other = scope.spawn(move || {
            waypost::drive::blocking::call(
                client,
                &READ,
                &Arguments::new(),
                &CallOptions::default(),
                &mut || false,
            )
        });
        assert_eq!(other.join().unwrap().unwrap().bytes(), "5");
    });
    assert_eq!(server.connections(), 3);
    client.close();
    assert_eq!(call(9).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn blocking_calls_run_in_place_on_reqwest() {
    blocking(Kind::Reqwest);
}

#[test]
fn blocking_calls_run_in_place_on_hyper() {
    blocking(Kind::Hyper);
}

async fn a_blocking_call_inside_of_a_runtime_is_refused(kind: Kind) {
    let client = kind.client("http://127.0.0.1:1");
    let error = waypost::drive::blocking::call(
        &client,
        &READ,
        &Arguments::new(),
        &CallOptions::default(),
        &mut || false,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("async client"), "{error}");
}

/// Waits for what another task brings about; the test's own time limit is the harness's.
async fn until(mut come: impl FnMut() -> bool) {
    for _ in 0..400 {
        if come() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come");
}

on_each_transport!(
    calls_one_after_another_share_a_connection,
    a_connection_that_the_server_closed_meanwhile_costs_no_call,
    dropping_a_call_ends_its_request,
    closing_the_client_ends_calls_and_refuses_later_ones,
    a_client_with_other_options_shares_the_connections,
    a_blocking_call_inside_of_a_runtime_is_refused,
);
