//! Health, metrics, the served documents, and connections that bring nothing.

use serde_json::json;

use crate::support::App;

fn names(report: &serde_json::Value) -> Vec<&str> {
    report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_healthy_gateway_says_so_in_each_part() {
    let app = App::start().await;
    let report = |path: &'static str| {
        let ask = app.get(path);
        async move { ask.send().await.expect(200).json() }
    };
    let all = report("/health").await;
    assert_eq!(all["status"], "ok", "{all}");
    assert_eq!(
        names(&all),
        ["listener", "database", "ledger", "signing_key", "password_workers", "rate_limits", "idempotency"]
    );
    assert_eq!(names(&report("/health/gateway").await), ["listener"]);
    assert_eq!(names(&report("/health/services").await), ["database", "ledger"]);
    assert_eq!(names(&report("/health/auth").await), ["signing_key", "password_workers"]);
    assert_eq!(names(&report("/health/middleware").await), ["rate_limits", "idempotency"]);
    assert_eq!(names(&report("/api/health/auth").await), ["signing_key", "password_workers"]);
}

#[tokio::test]
async fn a_gateway_that_stops_is_unavailable_while_its_parts_are_well() {
    let app = App::start().await;
    app.gateway.draining();
    let problem = app.get("/health").send().await.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("shutting down"), "{problem}");
    app.get("/health/gateway").send().await.problem(503, "unavailable");
    app.get("/health/services").send().await.expect(200);
}

#[tokio::test]
async fn a_gateway_whose_database_is_gone_is_unavailable() {
    let app = App::start().await;
    app.gateway.store().close().await;
    app.get("/health/services").send().await.problem(503, "unavailable");
    let problem = app.get("/health").send().await.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("database"), "{problem}");
    app.get("/health/gateway").send().await.expect(200);
}

#[tokio::test]
async fn books_that_do_not_balance_are_noticed() {
    let app = App::start().await;
    let ada = app.register().await;
    let wallet = ada.funded("EUR", 1_000).await;
    app.get("/health/services").send().await.expect(200);
    ada.credit(&wallet, 1).await;
    let mut tx = app.tamper().await;
    let damage = "UPDATE ledger_postings SET amount = amount + 1
        WHERE (entry_id, account_id) = (SELECT entry_id, account_id FROM ledger_postings ORDER BY entry_id DESC LIMIT 1)";
    sqlx::query(damage).execute(tx.connection()).await.unwrap();
    tx.commit_empty().await.unwrap();
    // An answer of the database is good for a second.
    let mut reply = app.get("/health/services").send().await;
    for _ in 0..40 {
        if reply.status == 503 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        reply = app.get("/health/services").send().await;
    }
    let problem = reply.problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("ledger"), "{problem}");
}

#[tokio::test]
async fn metrics_count_what_was_asked() {
    let app = App::start().await;
    let ada = app.register().await;
    ada.wallet("EUR").await;
    ada.wallet("USD").await;
    ada.post("/v1/wallets").json(json!({})).send().await.expect(422);
    app.get("/nowhere").send().await.expect(404);
    let reply = app.get("/metrics").send().await.expect(200);
    assert!(reply.header("content-type").unwrap().starts_with("text/plain"));
    let text = reply.text();
    for line in [
        "waypost_http_requests_total{operation=\"wallets_create\",status=\"2xx\"} 2",
        "waypost_http_requests_total{operation=\"wallets_create\",status=\"4xx\"} 1",
        "waypost_http_requests_total{operation=\"unmatched\",status=\"4xx\"} 1",
        "waypost_http_request_seconds_count{operation=\"wallets_create\"} 3",
        "waypost_http_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in {text}");
    }
    assert!(
        text.contains(&format!("waypost_build_info{{version=\"{}\"", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
}

#[tokio::test]
async fn the_ledgers_entries_are_counted() {
    let app = App::start().await;
    let ada = app.register().await;
    ada.funded("EUR", 10).await;
    ada.funded("EUR", 10).await;
    let text = app.get("/metrics").send().await.expect(200).text();
    assert!(text.contains("\nwaypost_ledger_entries 2\n"), "{text}");
}

#[tokio::test]
async fn the_reference_needs_no_network_and_can_reach_none() {
    let app = App::start().await;
    let reply = app.get("/docs").send().await.expect(200);
    assert!(reply.header("content-type").unwrap().starts_with("text/html"));
    let policy = reply.header("content-security-policy").expect("no policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("http"), "{policy}");
    assert!(reply.text().contains("wallets_create") || reply.text().contains("Open a wallet"));
}

#[tokio::test]
async fn the_contract_is_served_with_samples_and_known_by_its_tag() {
    let app = App::start().await;
    let reply = app.get("/openapi.yaml").send().await.expect(200);
    assert!(reply.header("content-type").unwrap().starts_with("application/yaml"));
    assert!(reply.text().contains("openapi: 3.0.3") && reply.text().contains("x-codeSamples"));
    let tag = reply.header("etag").expect("no tag").to_owned();
    app.get("/openapi.yaml").header("If-None-Match", &tag).send().await.expect(304);
}

#[tokio::test]
async fn what_is_turned_off_is_not_there() {
    let app = App::start_with(|config| {
        config.docs = false;
        config.metrics = false;
    })
    .await;
    for path in ["/docs", "/openapi.yaml", "/metrics"] {
        app.get(path).send().await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_connection_that_brings_no_request_in_time_is_closed() {
    let app =
        App::start_with(|config| config.limits.header_timeout = std::time::Duration::from_millis(200)).await;
    for start in ["", "P", "GET / HTTP/1.1\r\nHo", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = app.raw(start).await;
        assert!(!answer.contains("200 OK"), "{start:?}: {answer}");
    }
}
