//! HTTP itself: paths, methods, hosts, sizes, and what every answer has in common.

use serde_json::json;

use crate::support::contract::Contract;
use crate::support::{App, User};

#[tokio::test]
async fn a_path_that_is_not_in_the_contract_is_404() {
    let app = App::start().await;
    for path in ["/", "/v1", "/v1/nothing", "/v1/wallets/a/b/c", "/V1/wallets", "/health/", "/favicon.ico"] {
        app.get(path).send().await.problem(404, "not_found");
    }
    let slash = app.get("/v1/wallets/").send().await.problem(404, "not_found");
    assert!(slash["detail"].as_str().unwrap().contains("no slash at the end"), "{slash}");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_405_and_says_which_it_takes() {
    let app = App::start().await;
    for (method, path, allow) in [
        ("DELETE", "/v1/wallets", "POST, GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/wallets/wal_1", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/wallets/wal_1/credit", "POST, OPTIONS"),
        ("PROPFIND", "/api/health", "GET, HEAD, OPTIONS"),
    ] {
        let reply = app.ask(method, path).send().await;
        assert_eq!(reply.header("allow"), Some(allow), "{reply}");
        reply.problem(405, "method_not_allowed");
    }
    let options = app.ask("OPTIONS", "/v1/wallets").send().await.expect(204);
    assert_eq!(options.header("allow"), Some("POST, GET, HEAD, OPTIONS"));
    app.ask("OPTIONS", "/nothing").send().await.problem(404, "not_found");
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let (app, contract) = (App::start().await, Contract::read());
    let user = User::admin(&app).await;
    for operation in contract.operations() {
        // A page without the parameters that lead to it says what is missing.
        let is_question = ["/metrics", "/oauth/authorize"].contains(&operation.path.as_str());
        let is_plain = operation.method == "GET" && !operation.path.contains('{') && !operation.is_stream();
        if !is_plain || is_question {
            continue;
        }
        let get = user.get(&operation.path).send().await.expect(200);
        let head = user.ask("HEAD", &operation.path).send().await.expect(200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
    app.ask("HEAD", "/nothing").send().await.expect(404);
}

#[tokio::test]
async fn a_request_id_is_taken_over_if_it_is_sane_and_stands_in_the_problem() {
    let app = App::start().await;
    let mine = app.get("/nothing").header("X-Request-Id", "order-7").send().await;
    assert_eq!(mine.header("x-request-id"), Some("order-7"));
    let made = app.get("/nothing").header("X-Request-Id", "not sane").send().await;
    assert!(made.header("x-request-id").unwrap().starts_with("req_"), "{made}");
    let next = app.get("/nothing").send().await;
    assert_ne!(made.header("x-request-id"), next.header("x-request-id"));
}

#[tokio::test]
async fn what_two_readers_could_understand_differently_is_refused() {
    let app = App::start().await;
    let close = "Connection: close\r\n\r\n";
    for (request, code) in [
        (format!("GET /health HTTP/1.1\r\n{close}"), "host_missing"),
        (format!("GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n{close}"), "host_twice"),
        (format!("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n{close}"), "host_twice"),
        (format!("GET /health HTTP/1.1\r\nHost: user@a\r\n{close}"), "host_malformed"),
        (format!("GET http://b/health HTTP/1.1\r\nHost: a\r\n{close}"), "host_ambiguous"),
        (format!("GET /v1/wallets/a%2fb HTTP/1.1\r\nHost: a\r\n{close}"), "path_ambiguous"),
        (format!("GET /v1/wallets/a%5cb HTTP/1.1\r\nHost: a\r\n{close}"), "path_ambiguous"),
        (format!("GET /v1/wallets/%00 HTTP/1.1\r\nHost: a\r\n{close}"), "path_ambiguous"),
        (format!("GET /v1/wallets/%zz HTTP/1.1\r\nHost: a\r\n{close}"), "path_malformed"),
    ] {
        let answer = app.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{request}\n{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains(code), "{request}\n{answer}");
    }
}

#[tokio::test]
async fn a_path_has_one_form_whatever_its_spelling() {
    let app = App::start().await;
    for target in
        ["http://a/health", "/v1/../health", "/v1/%2e%2e/health", "//health", "/./health", "/%68ealth"]
    {
        let answer = app.raw(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"checks\""), "{target}\n{answer}");
    }
    // What a permission guards is guarded under each of them.
    let answer =
        app.raw("GET /health/..//v1/%77allets HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_method_that_shows_what_came_is_not_served() {
    let app = App::start().await;
    for method in ["TRACE", "TRACK"] {
        let answer =
            app.raw(format!("{method} /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("method_not_allowed"), "{answer}");
    }
}

#[tokio::test]
async fn what_breaks_http_is_refused_and_the_gateway_lives_on() {
    let app = App::start().await;
    let post = "POST /v1/wallets HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        "GET /health HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(),
        "GET /hea lth HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\0b\r\n\r\n".to_owned(),
        format!("{post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        format!("{post}Content-Length: +5\r\n\r\nhello"),
        format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ] {
        let answer = app.raw(&request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{request}\n{answer}");
    }
    app.get("/health").send().await.expect(200);
}

#[tokio::test]
async fn heads_have_a_largest_size() {
    let app = App::start().await;
    let ask = |target: String, header: String| {
        app.raw(format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-Large: {header}\r\nConnection: close\r\n\r\n"))
    };
    let long = ask(format!("/v1/wallets?cursor={}", "c".repeat(9_000)), "x".to_owned()).await;
    assert!(long.starts_with("HTTP/1.1 414") && long.contains("uri_too_long"), "{long}");
    let large = ask("/health".to_owned(), "x".repeat(40_000)).await;
    assert!(large.starts_with("HTTP/1.1 431"), "{large}");
}

#[tokio::test]
async fn accept_is_kept() {
    let app = App::start().await;
    let user = app.register().await;
    let wallet = user.funded("EUR", 100).await;
    user.get("/v1/wallets").header("Accept", "text/html").send().await.problem(406, "not_acceptable");
    user.get("/v1/wallets").header("Accept", "text/html, */*;q=0.1").send().await.expect(200);
    let statement = format!("/v1/wallets/{wallet}/statement");
    user.get(&statement).header("Accept", "image/png").send().await.problem(406, "not_acceptable");
    user.get(&statement).header("Accept", "text/csv, application/x-ndjson").send().await.expect(200);
}

#[tokio::test]
async fn a_page_brings_its_policy_and_nothing_is_sniffed() {
    let app = App::start().await;
    let docs = app.get("/docs").send().await.expect(200);
    assert!(docs.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(docs.header("content-type").unwrap().starts_with("text/html; charset=utf-8"));
    let health = app.get("/health").send().await.expect(200);
    assert_eq!(health.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(health.header("x-api-version"), Some("0.1.0"));
}

#[tokio::test]
async fn http_2_without_tls_works() {
    let app = App::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("http://{}/health", app.address)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert!(answer.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn a_request_in_flight_ends_before_the_gateway_does() {
    let app = App::start().await;
    let email = "slow@example.com";
    let account = json!({ "email": email, "password": "correct horse battery staple", "name": "Ada", "tenant_name": "A" });
    let asking = tokio::spawn(app.post("/v1/auth/register").json(account).send());
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    app.stop().await;
    // Either it was taken and is answered, or it never reached the gateway; it is not cut off.
    if let Ok(reply) = asking.await {
        reply.expect(201);
    }
}
