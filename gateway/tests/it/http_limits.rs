//! Rate limits, as a caller sees them. What they count is tested where they are counted (`waypost-proxy`, `limit`).

use serde_json::json;
use waypost_gateway::config::Rates;

use crate::support::App;

fn a_minute(calls: u32) -> Rates {
    Rates { per_second: None, per_minute: Some(calls), per_hour: None, per_day: None }
}

async fn limited(user: u32, anonymous: u32) -> App {
    App::start_with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.anonymous = a_minute(anonymous);
        for tier in ["free", "basic", "premium", "enterprise", "admin"] {
            *match tier {
                "free" => &mut config.rate_limits.free,
                "basic" => &mut config.rate_limits.basic,
                "premium" => &mut config.rate_limits.premium,
                "enterprise" => &mut config.rate_limits.enterprise,
                _ => &mut config.rate_limits.admin,
            } = a_minute(user);
        }
    })
    .await
}

#[tokio::test]
async fn a_caller_is_told_what_is_left_and_when_there_is_more() {
    let app = limited(3, 1_000).await;
    let user = app.register().await;
    for left in ["2", "1", "0"] {
        let reply = user.get("/v1/auth/me").send().await.expect(200);
        assert_eq!(reply.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some(left));
        let reset: u64 = reply.header("x-ratelimit-reset").unwrap().parse().unwrap();
        assert!((1..=120).contains(&reset), "{reset}");
        assert_eq!(reply.header("ratelimit-policy"), Some("\"minute\";q=3;w=60"));
        assert_eq!(reply.header("ratelimit").unwrap(), format!("\"minute\";r={left};t={reset}"));
    }
    let refused = user.get("/v1/auth/me").send().await;
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=120).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    refused.problem(429, "rate_limited");
}

#[tokio::test]
async fn callers_do_not_share_a_limit_and_credentials_of_one_caller_do() {
    let app = limited(4, 1_000).await;
    let (user, other) = (app.register().await, app.register().await);
    let key = user.api_key(&["wallets:read"]).await;
    for _ in 0..3 {
        user.get("/v1/auth/me").send().await.expect(200);
    }
    app.get("/v1/wallets").api_key(&key).send().await.problem(429, "rate_limited");
    other.get("/v1/auth/me").send().await.expect(200);
}

#[tokio::test]
async fn wrong_credentials_are_counted_by_address() {
    let app = limited(1_000, 5).await;
    for _ in 0..5 {
        app.get("/v1/wallets").bearer("nonsense").send().await.expect(401);
    }
    app.get("/v1/wallets").bearer("nonsense").send().await.problem(429, "rate_limited");
    app.get("/v1/wallets").send().await.problem(429, "rate_limited");
    app.get("/health").send().await.expect(200);
}

#[tokio::test]
async fn a_dear_operation_takes_more() {
    let app = limited(1_000, 10).await;
    let login = || {
        app.post("/v1/auth/login").json(json!({ "email": "a@example.com", "password": "wrong wrong wrong" }))
    };
    assert_eq!(login().send().await.header("x-ratelimit-remaining"), Some("5"));
    assert_eq!(login().send().await.header("x-ratelimit-remaining"), Some("0"));
    login().send().await.problem(429, "rate_limited");
}

#[tokio::test]
async fn an_oauth_client_is_told_of_its_limit_in_the_form_that_it_knows() {
    let app = limited(1_000, 1).await;
    let ask =
        || app.post("/oauth/token").form(&[("grant_type", "client_credentials"), ("client_id", "ocl_1")]);
    ask().send().await.refusal(401, "invalid_client");
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/device_authorization"] {
        let reply = app.post(path).form(&[("client_id", "ocl_1")]).send().await;
        let reply = reply.refusal(429, "temporarily_unavailable");
        assert!(reply.header("retry-after").is_some(), "{reply}");
    }
}
