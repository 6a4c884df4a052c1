//! The cache as a client and a service see it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use super::{Cache, Entered};
use crate::config::{CacheRule, CacheStore, Size, Time};
use crate::{Body, Caller, Exchange};

fn exchange(path: &str) -> Exchange {
    Exchange {
        request_id: "req_1".to_owned(),
        at: Instant::now(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: false,
        host: "api.example.com".to_owned(),
        path: path.to_owned(),
        version: None,
        parameters: Vec::new(),
        caller: None,
        shown: Vec::new(),
    }
}

fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/orders?page=1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Body::full(body.to_owned())).unwrap()
}

async fn text(answer: Response<Body>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

struct Client {
    cache: Arc<Cache>,
    rule: Arc<CacheRule>,
    exchange: Exchange,
}

impl Client {
    fn new(rule: CacheRule) -> Self {
        Self { cache: Arc::new(Cache::default()), rule: Arc::new(rule), exchange: exchange("/orders") }
    }

    async fn enter(&self, headers: &[(&str, &str)]) -> Entered {
        self.cache.enter(&self.rule, &self.exchange, &head("GET", headers)).await
    }

    /// Asks; the service would answer so. Gives the body, and whether it was the service's.
    async fn get(&self, asked: &[(&str, &str)], service: Response<Body>) -> (String, bool) {
        match self.enter(asked).await {
            Entered::Answer(answer) | Entered::Stale(answer, _) => (text(answer).await, false),
            Entered::Ask(flight) => (text(flight.answered(service)).await, true),
            Entered::Bypass => (text(service).await, true),
        }
    }
}

#[tokio::test]
async fn what_may_be_kept_is_and_the_rest_is_not() {
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, bool);
    let cases: [Case<'_>; 16] = [
        (&[("cache-control", "max-age=60")], 200, true),
        (&[("cache-control", "s-maxage=60, max-age=0")], 200, true),
        (&[("cache-control", "max-age=60")], 404, true),
        (&[("cache-control", "max-age=60, public"), ("set-cookie", "a=b")], 200, true),
        (&[], 200, false),
        (&[("cache-control", "max-age=60, s-maxage=0")], 200, false),
        (&[("cache-control", "max-age=60, no-store")], 200, false),
        (&[("cache-control", "max-age=60, private")], 200, false),
        (&[("cache-control", "no-cache")], 200, false),
        (&[("cache-control", "max-age=60"), ("vary", "*")], 200, false),
        (&[("cache-control", "max-age=60"), ("vary", "accept, *")], 200, false),
        (&[("cache-control", "max-age=60"), ("set-cookie", "a=b")], 200, false),
        (&[("cache-control", "max-age=60"), ("age", "60")], 200, false),
        (&[("expires", "0")], 200, false),
        (&[("cache-control", "max-age=60")], 206, false),
        (&[("cache-control", "max-age=60")], 500, false),
    ];
    for (headers, status, kept) in cases {
        let client = Client::new(CacheRule::default());
        assert!(client.get(&[], answer(status, headers, "one")).await.1);
        let (body, asked) = client.get(&[], answer(status, headers, "two")).await;
        assert_eq!(
            (body.as_str(), asked),
            if kept { ("one", false) } else { ("two", true) },
            "{headers:?} {status}"
        );
    }
}

#[tokio::test]
async fn the_route_says_how_long_where_the_answer_does_not() {
    let client = Client::new(CacheRule { fresh: Some(Time::s(60)), ..CacheRule::default() });
    client.get(&[], answer(200, &[], "one")).await;
    assert_eq!(client.get(&[], answer(200, &[], "two")).await.0, "one");
    let client = Client::new(CacheRule { fresh: Some(Time::s(60)), ..CacheRule::default() });
    client.get(&[("cookie", "a=b")], answer(200, &[], "one")).await;
    assert_eq!(
        client.get(&[("cookie", "a=c")], answer(200, &[], "two")).await.0,
        "two",
        "it may be about the cookie"
    );
}

#[tokio::test]
async fn what_vary_names_tells_answers_apart() {
    let client = Client::new(CacheRule::default());
    let headers = [("cache-control", "max-age=60"), ("vary", "Accept-Language")];
    client.get(&[("accept-language", "de")], answer(200, &headers, "hallo")).await;
    client.get(&[("accept-language", "en")], answer(200, &headers, "hello")).await;
    for (language, expected) in [("de", "hallo"), ("en", "hello"), ("fr", "new")] {
        assert_eq!(
            client.get(&[("accept-language", language)], answer(200, &headers, "new")).await.0,
            expected
        );
    }
}

#[tokio::test]
async fn callers_with_credentials_get_their_own_or_nothing() {
    let fresh = [("cache-control", "max-age=60")];
    let mut client = Client::new(CacheRule::default());
    let caller = |name: &str| Some(Arc::new(Caller { name: name.to_owned(), ..Caller::default() }));
    client.exchange.caller = caller("usr_1");
    assert!(matches!(client.enter(&[]).await, Entered::Bypass));
    client.rule = Arc::new(CacheRule { per_caller: true, ..CacheRule::default() });
    client.get(&[], answer(200, &fresh, "mine")).await;
    assert_eq!(client.get(&[], answer(200, &fresh, "new")).await.0, "mine");
    client.exchange.caller = caller("usr_2");
    assert_eq!(client.get(&[], answer(200, &fresh, "yours")).await.0, "yours");
    client.exchange.caller = None;
    assert_eq!(client.get(&[("authorization", "Bearer x")], answer(200, &fresh, "theirs")).await.0, "theirs");
    assert_eq!(client.get(&[], answer(200, &fresh, "all")).await.0, "all");
}

#[tokio::test]
async fn a_stale_answer_is_asked_about_and_a_304_makes_it_fresh() {
    let client = Client::new(CacheRule::default());
    let stale = [("cache-control", "max-age=60"), ("age", "100"), ("etag", "\"v1\""), ("x-kept", "yes")];
    client.get(&[], answer(200, &stale, "one")).await;
    let Entered::Ask(flight) = client.enter(&[]).await else { panic!("it is stale") };
    let mut sent = http::HeaderMap::new();
    flight.prepare(&mut sent);
    assert_eq!(sent["if-none-match"], "\"v1\"");
    let fresh = flight.answered(answer(304, &[("cache-control", "max-age=60"), ("etag", "\"v1\"")], ""));
    assert_eq!(
        (fresh.status().as_u16(), &fresh.headers()["x-kept"]),
        (200, &http::HeaderValue::from_static("yes"))
    );
    assert_eq!(text(fresh).await, "one");
    let Entered::Answer(hit) = client.enter(&[("if-none-match", "W/\"v1\"")]).await else {
        panic!("it is fresh")
    };
    assert_eq!(hit.status(), StatusCode::NOT_MODIFIED);
    assert!(hit.headers()["cache-status"].to_str().unwrap().starts_with("waypost; hit; ttl="));
    assert!(hit.headers().contains_key("age"));
    assert!(text(hit).await.is_empty());
}

#[tokio::test]
async fn while_it_is_fetched_anew_or_the_service_fails_a_stale_one_may_do() {
    let stale = |more: &str| {
        [("cache-control".to_owned(), format!("max-age=60, {more}")), ("age".to_owned(), "70".to_owned())]
    };
    for (more, revalidating, failing) in [
        ("stale-while-revalidate=30", true, false),
        ("stale-if-error=30", false, true),
        ("stale-if-error=5, stale-while-revalidate=5", false, false),
        ("stale-while-revalidate=30, stale-if-error=30, must-revalidate", false, false),
    ] {
        let client = Client::new(CacheRule::default());
        let headers = stale(more);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("etag", "\"v\"")])
            .collect();
        client.get(&[], answer(200, &headers, "old")).await;
        match client.enter(&[]).await {
            Entered::Stale(old, flight) => {
                assert!(revalidating, "{more}");
                assert_eq!(text(old).await, "old");
                let flight = flight.expect("the first one fetches");
                assert!(matches!(client.enter(&[]).await, Entered::Stale(_, None)), "and no other");
                text(flight.answered(answer_new())).await;
                assert_eq!(client.get(&[], answer(500, &[], "")).await.0, "new");
            }
            Entered::Ask(flight) => {
                assert!(!revalidating, "{more}");
                assert_eq!(
                    text(flight.answered(answer(503, &[], "down"))).await,
                    if failing { "old" } else { "down" }
                );
                let Entered::Ask(flight) = client.enter(&[]).await else { panic!("{more}") };
                assert_eq!(flight.failed().is_some(), failing, "{more}");
            }
            other => panic!("{more}: {other:?}"),
        }
        let last = client.cache.last(&client.rule, &client.exchange, &head("GET", &[]));
        assert!(last.is_some(), "the fallback is less choosy");
    }
}

fn answer_new() -> Response<Body> {
    answer(200, &[("cache-control", "max-age=60")], "new")
}

#[tokio::test]
async fn a_client_may_be_more_careful() {
    let client = Client::new(CacheRule::default());
    client.get(&[], answer(200, &[("cache-control", "max-age=60"), ("age", "30")], "one")).await;
    let client = &client;
    let asked =
        async |directive| client.get(&[("cache-control", directive)], answer(500, &[], "asked")).await;
    assert_eq!(asked("max-age=31").await.0, "one");
    assert_eq!(asked("max-age=10").await.0, "asked");
    assert_eq!(asked("min-fresh=40").await.0, "asked");
    assert_eq!(asked("no-cache").await.0, "asked");
    assert_eq!(asked("no-store").await.0, "asked");
    let Entered::Answer(answer) = client.enter(&[("cache-control", "only-if-cached, max-age=1")]).await
    else {
        panic!()
    };
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    let head = head("HEAD", &[]);
    let Entered::Answer(answer) = client.cache.enter(&client.rule, &client.exchange, &head).await else {
        panic!()
    };
    assert_eq!(answer.headers()["content-length"], "3");
    assert!(text(answer).await.is_empty());
}

#[tokio::test]
async fn an_unsafe_request_that_succeeds_makes_it_unusable() {
    let client = Client::new(CacheRule::default());
    client.get(&[], answer_new()).await;
    client.cache.invalidate(&client.exchange, &head("POST", &[]), StatusCode::CONFLICT);
    client.cache.invalidate(&client.exchange, &head("GET", &[]), StatusCode::OK);
    assert!(!client.get(&[], answer_new()).await.1);
    client.cache.invalidate(&client.exchange, &head("POST", &[]), StatusCode::CREATED);
    assert!(client.get(&[], answer_new()).await.1);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_asks_the_service() {
    let client = Arc::new(Client::new(CacheRule::default()));
    let Entered::Ask(flight) = client.enter(&[]).await else { panic!("nothing is kept") };
    let others: Vec<_> = (0..20)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.get(&[], answer(500, &[], "asked")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(text(flight.answered(answer_new())).await, "new");
    for other in others {
        assert_eq!(other.await.unwrap(), ("new".to_owned(), false));
    }
    // One whose client goes away before the body is whole keeps nobody waiting.
    client.cache.invalidate(&client.exchange, &head("DELETE", &[]), StatusCode::OK);
    let Entered::Ask(flight) = client.enter(&[]).await else { panic!("nothing is kept") };
    drop(flight.answered(answer_new()));
    assert!(client.get(&[], answer_new()).await.1);
}

#[tokio::test]
async fn bytes_are_bounded() {
    let mut client = Client::new(CacheRule::default());
    client.cache = Arc::new(Cache::new(&CacheStore { max_size: Size(64 << 10), max_answer: Size(4 << 10) }));
    let large = "x".repeat(5 << 10);
    client.get(&[], answer(200, &[("cache-control", "max-age=60")], &large)).await;
    assert!(client.get(&[], answer_new()).await.1, "it is too large to keep");
    for page in 0..200 {
        client.exchange.path = format!("/orders/{page}");
        client.get(&[], answer(200, &[("cache-control", "max-age=60")], &large[..3 << 10])).await;
    }
    client.cache.store.load().run_pending_tasks();
    let (_, bytes) = client.cache.size();
    assert!(bytes <= 64 << 10, "{bytes}");
}
