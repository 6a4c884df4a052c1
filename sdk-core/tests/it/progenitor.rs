//! progenitor's client goes through the engine: what it retries, and how the typed error is read beside progenitor's own.

use waypost::client::progenitor::typed_error;
use waypost::engine::FailureKind;
use waypost::{ErrorKind, types};

use crate::support::client::{Kind, causes, transport};
use crate::support::server::{Act, Server, answer, json, problem};

const WALLET: &str = r#"{"id":"wal_1","currency":"EUR","status":"active","balance":1,"available":1,"held":0,"metadata":{},"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#;

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_with_the_same_key() {
    let server =
        Server::start([Act::Reset(vec![]), problem(503, "unavailable", &[]), json(201, WALLET)]).await;
    let progenitor = Kind::Reqwest.client(&server.url()).progenitor().unwrap();
    let wallet = progenitor.wallets_create(&types::CreateWallet::new("EUR")).await.unwrap();
    assert_eq!(wallet.id, "wal_1");
    assert!(progenitor.take_error().is_none());
    let requests = server.requests();
    let keys: Vec<_> = requests.iter().map(|request| request.header("idempotency-key")).collect();
    assert!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(requests.iter().all(|request| request.header("api-version").is_none()));
    assert!(requests.iter().all(|request| request.header("x-api-key") == Some("hunter2")));
}

#[tokio::test]
async fn a_problem_is_progenitors_and_the_typed_error_stands_beside() {
    let body = types::Problem::new("about:blank", "x", 404, "x", "/x", "wallet_not_found", "req_5");
    let body = serde_json::to_vec(&body).unwrap();
    let server =
        Server::start([Act::Answer(answer(404, &[("content-type", "application/problem+json")], &body))])
            .await;
    let progenitor = Kind::Hyper.client(&server.url()).progenitor().unwrap();
    let error = progenitor.wallets_get("wal_1").await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 404);
    let progenitor_client::Error::ErrorResponse(problem) = error else { panic!("{error:?}") };
    assert_eq!(problem.code, "wallet_not_found");
    let typed = progenitor.take_error().unwrap();
    assert_eq!(
        (typed.kind(), typed.code(), typed.request_id()),
        (ErrorKind::NotFound, Some("wallet_not_found"), Some("req_5"))
    );
    assert!(progenitor.take_error().is_none(), "it is read once");
}

#[tokio::test]
async fn an_html_502_has_its_status_in_the_typed_error() {
    let html = || Act::Answer(answer(502, &[("content-type", "text/html")], b"<h1>Bad Gateway</h1>"));
    let server = Server::start([html(), html(), html()]).await;
    let progenitor = Kind::Reqwest.client(&server.url()).progenitor().unwrap();
    let error = progenitor.wallets_get("wal_1").await.unwrap_err();
    assert!(matches!(error, progenitor_client::Error::InvalidResponsePayload(..)), "{error:?}");
    let typed = progenitor.take_error().unwrap();
    assert_eq!((typed.kind(), typed.status(), typed.attempts().len()), (ErrorKind::Server, Some(502), 3));
}

#[tokio::test]
async fn where_no_answer_came_the_typed_error_is_inside_of_progenitors() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let progenitor = Kind::Hyper.client(&format!("http://127.0.0.1:{port}")).progenitor().unwrap();
    let error = progenitor.wallets_get("wal_1").await.unwrap_err();
    let typed = typed_error(&error).unwrap();
    assert_eq!(
        (typed.kind(), causes(typed)),
        (ErrorKind::Connection, vec![transport(FailureKind::Connect); 3])
    );
    assert_eq!(progenitor.take_error().unwrap().kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_path_that_would_walk_up_is_refused() {
    let server = Server::start([json(200, WALLET)]).await;
    let client = Kind::Reqwest.client(&server.url());
    let progenitor = client.progenitor().unwrap();
    for id in ["..", "."] {
        let error = progenitor.wallets_get(id).await.unwrap_err();
        assert!(matches!(error, progenitor_client::Error::InvalidRequest(_)), "{id:?}: {error:?}");
        assert_eq!(client.wallets().get(id).await.unwrap_err().kind(), ErrorKind::Config, "{id:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes() {
    let server =
        Server::start([Act::Answer(answer(200, &[("content-type", "application/x-ndjson")], b"{}\n{}\n"))])
            .await;
    let progenitor = Kind::Reqwest.client(&server.url()).progenitor().unwrap();
    let stream = progenitor.wallets_statement("wal_1", None, None, None).await.unwrap().into_inner_stream();
    let pieces: Vec<_> = futures_util::TryStreamExt::try_collect(stream).await.unwrap();
    assert_eq!(pieces.concat(), b"{}\n{}\n");
}
