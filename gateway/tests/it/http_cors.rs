//! Pages of other origins: who may read answers, what a preflight is told, and that nobody may unless the operator says so.

use crate::support::App;
use waypost_gateway::config::Origins;

const PAGE: &str = "https://app.example";

async fn open_to(origins: Origins) -> App {
    App::start_with(|config| config.cors.allowed_origins = Some(origins)).await
}

fn listed() -> Origins {
    Origins::Listed(vec!["http://localhost:5173".to_owned(), PAGE.to_owned()])
}

#[tokio::test]
async fn without_the_setting_no_page_may_read_an_answer() {
    let app = App::start().await;
    let reply = app.get("/health").header("Origin", PAGE).send().await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(reply.header("vary"), None);
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_answers_and_problems_and_their_headers() {
    let app = open_to(listed()).await;
    for path in ["/health", "/nothing"] {
        let reply = app.get(path).header("Origin", PAGE).send().await;
        assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "{reply}");
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for name in ["x-request-id", "retry-after", "ratelimit", "etag", "x-ratelimit-remaining"] {
            assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} in {exposed}");
        }
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert!(reply.header("vary").unwrap().contains("Origin"));
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_not() {
    let app = open_to(listed()).await;
    for origin in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        let reply = app.get("/health").header("Origin", origin).send().await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
        // A cache must not hand this answer to the page that may.
        assert!(reply.header("vary").unwrap().contains("Origin"));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_before_routing_and_authentication() {
    let app = open_to(listed()).await;
    let preflight = |origin: &'static str| {
        app.ask("OPTIONS", "/v1/wallets")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
    };
    let reply = preflight(PAGE).send().await.expect(204);
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    let allowed = reply.header("access-control-allow-headers").unwrap();
    for name in ["authorization", "content-type", "idempotency-key", "x-api-key"] {
        assert!(allowed.split(", ").any(|allowed| allowed == name), "{name} in {allowed}");
    }
    let reply = preflight("https://evil.example").send().await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(reply.header("access-control-allow-headers"), None);
}

#[tokio::test]
async fn any_origin_may_where_the_operator_says_so() {
    let app = open_to(Origins::Any).await;
    let reply = app.get("/health").header("Origin", "https://whoever.example").send().await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}
