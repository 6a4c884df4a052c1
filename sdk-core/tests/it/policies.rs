//! What the engine's parts promise beside the shared vectors: things that only Rust can see (permits, bounds of memory, Debug output, defaults).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use waypost::engine::operation::{Body, Location, Operation, Parameter, ResultKind, Retry, Scheme};
use waypost::engine::policy::breaker::{Breaker, BreakerOptions, Health};
use waypost::engine::policy::budget::{Budget, BudgetOptions};
use waypost::engine::policy::cache::{Cache, CacheOptions, Key};
use waypost::engine::policy::pacing::Pacing;
use waypost::engine::{
    Arguments, AttemptLoop, CallOptions, ClientOptions, Credentials, Environment, Error, ErrorKind, Event,
    Headers, Now, OAuthClient, Plan, Request, ResponseHead, Seed, Shared, Step, TraceParent,
};

static GET: Operation = Operation {
    id: "things_get",
    method: "GET",
    path: "/v1/things/{id}",
    parameters: &[Parameter { name: "id", location: Location::Path, required: true }],
    body: Body::None,
    idempotency_key: false,
    retry: Retry::Safe,
    security: &[&[Scheme::Bearer], &[Scheme::Header("X-API-Key")], &[Scheme::Cookie("session")]],
    paginate: None,
    result: ResultKind::Json,
    status: 200,
};

static PUBLIC: Operation = Operation { id: "things_public", security: &[], ..GET };

static BOTH: Operation =
    Operation { id: "things_both", security: &[&[Scheme::Bearer, Scheme::Header("X-Service-Token")]], ..GET };

static EXPORT: Operation = Operation {
    id: "things_export",
    result: ResultKind::Bytes(&["application/x-ndjson", "text/csv"]),
    ..GET
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn at(elapsed: u64) -> Now {
    Now::new(Duration::from_secs(elapsed), Duration::from_secs(1_700_000_000 + elapsed))
}

fn client() -> ClientOptions {
    ClientOptions::new("https://api.example")
}

fn plan_with(
    operation: &'static Operation,
    client: &ClientOptions,
    call: &CallOptions,
) -> Result<Plan, Error> {
    Plan::new(operation, &Arguments::new().path("id", "1"), client, call, Seed([3; 32]))
}

fn plan(operation: &'static Operation, client: &ClientOptions) -> Plan {
    plan_with(operation, client, &CallOptions::default()).unwrap()
}

fn sent(step: Step) -> Request {
    match step {
        Step::Send(send) => send.request,
        other => panic!("it did not send: {other:?}"),
    }
}

fn error(step: Step) -> Error {
    match step {
        Step::Done(result) => result.unwrap_err(),
        other => panic!("it did not end: {other:?}"),
    }
}

fn head(status: u16) -> Event {
    Event::Head(ResponseHead { status, headers: Headers::new() })
}

fn breaker() -> BreakerOptions {
    BreakerOptions { minimum_attempts: 1, probes: 2, ..BreakerOptions::default() }
}

#[test]
fn a_half_open_breaker_lets_no_more_probes_out_than_it_needs() {
    let mut breaker = Breaker::new(breaker());
    let permit = breaker.permit(seconds(0)).unwrap();
    breaker.report(permit, Health::Bad, seconds(0));
    assert_eq!(breaker.permit(seconds(10)), Err(seconds(20)));
    let first = breaker.permit(seconds(30)).unwrap();
    let second = breaker.permit(seconds(30)).unwrap();
    assert_eq!(breaker.permit(seconds(30)), Err(Duration::ZERO));
    breaker.report(first, Health::Good, seconds(31));
    assert_eq!(
        breaker.permit(seconds(31)),
        Err(Duration::ZERO),
        "one success and one in flight are all it needs"
    );
    breaker.report(second, Health::Good, seconds(31));
    assert!(breaker.permit(seconds(31)).is_ok());
}

#[test]
fn a_probe_that_its_caller_gave_up_makes_room_for_another() {
    let mut breaker = Breaker::new(BreakerOptions { probes: 1, ..breaker() });
    let permit = breaker.permit(seconds(0)).unwrap();
    breaker.report(permit, Health::Bad, seconds(0));
    let probe = breaker.permit(seconds(30)).unwrap();
    assert!(breaker.permit(seconds(30)).is_err());
    breaker.report(probe, Health::Unknown, seconds(31));
    assert!(breaker.permit(seconds(31)).is_ok());
}

#[test]
fn an_answer_to_an_attempt_from_before_the_breaker_opened_counts_for_nothing() {
    let mut breaker = Breaker::new(breaker());
    let slow = breaker.permit(seconds(0)).unwrap();
    let fast = breaker.permit(seconds(0)).unwrap();
    breaker.report(fast, Health::Bad, seconds(0));
    let _probe = breaker.permit(seconds(30)).unwrap();
    breaker.report(slow, Health::Bad, seconds(31));
    assert!(breaker.permit(seconds(31)).is_ok(), "the late failure closed the half-open period");
}

#[test]
fn a_call_that_is_dropped_in_flight_gives_its_permit_back() {
    let mut client = client();
    client.max_retries = 0;
    client.breaker = Some(BreakerOptions { probes: 1, ..breaker() });
    let shared = Arc::new(Shared::new(&client));
    let start = |now| {
        let mut machine = AttemptLoop::new(plan(&GET, &client), Arc::clone(&shared), now);
        let step = machine.next(Event::Start, now);
        (machine, step)
    };
    let (mut failing, _) = start(at(0));
    let _ = failing.next(head(500), at(0));
    let _ = failing.next(Event::Body { bytes: Bytes::new(), cut: false }, at(0));
    let (probe, step) = start(at(30));
    assert!(matches!(step, Step::Send(_)));
    let (_, step) = start(at(30));
    assert_eq!(error(step).kind(), ErrorKind::CircuitOpen);
    drop(probe);
    let (_, step) = start(at(30));
    assert!(matches!(step, Step::Send(_)));
}

#[test]
fn a_budget_never_holds_more_than_its_capacity() {
    let mut budget =
        Budget::new(BudgetOptions { capacity: 2, refill_every: seconds(1), refill_after_successes: 1 });
    for _ in 0..50 {
        budget.succeeded();
    }
    let now = seconds(1_000_000);
    assert!(budget.withdraw(now) && budget.withdraw(now));
    assert!(!budget.withdraw(now));
}

#[test]
fn a_clock_that_goes_back_neither_fills_nor_empties_a_budget() {
    let mut budget =
        Budget::new(BudgetOptions { capacity: 1, refill_every: seconds(1), refill_after_successes: 10 });
    assert!(budget.withdraw(seconds(100)));
    assert!(!budget.withdraw(seconds(50)));
    assert!(!budget.withdraw(seconds(100)));
    assert!(budget.withdraw(seconds(101)));
}

#[test]
fn pacing_holds_an_operation_and_no_other() {
    let mut pacing = Pacing::default();
    pacing.hold("login", seconds(60), seconds(0));
    pacing.hold("login", seconds(5), seconds(1));
    assert_eq!(pacing.wait("login", seconds(10)), Some(seconds(50)));
    assert_eq!(pacing.wait("pay", seconds(10)), None);
    assert_eq!(pacing.wait("login", seconds(60)), None);
}

fn request(url: &str) -> Request {
    Request { method: "GET", url: url.to_owned(), headers: Headers::new(), body: Bytes::new() }
}

#[test]
fn the_cache_keeps_within_entries_and_bytes_and_drops_what_was_not_used() {
    let tagged: Headers = [("etag", "\"a\"")].into_iter().collect();
    let key = |name: &str| Key::of(&request(name));
    let mut cache = Cache::new(CacheOptions { entries: 2, bytes: 800 });
    for name in ["one", "two"] {
        cache.put(key(name), 200, &tagged, &Bytes::from(vec![0; 100]));
    }
    assert!(cache.get(&key("one")).is_some());
    cache.put(key("three"), 200, &tagged, &Bytes::from(vec![0; 100]));
    assert!(cache.get(&key("one")).is_some() && cache.get(&key("three")).is_some());
    assert!(cache.get(&key("two")).is_none(), "the one that was not used goes first");

    let mut cache = Cache::new(CacheOptions { entries: 100, bytes: 800 });
    for number in 0..20 {
        cache.put(key(&number.to_string()), 200, &tagged, &Bytes::from(vec![0; 100]));
    }
    let kept = (0..20).filter(|number| cache.get(&key(&number.to_string())).is_some()).count();
    assert_eq!(kept, 8);
}

#[test]
fn the_cache_tells_requests_apart_by_url_and_every_header_that_selects() {
    let plain = request("https://api.example/a");
    let mut other = plain.clone();
    other.headers.insert("authorization", "Bearer x");
    assert_ne!(Key::of(&plain), Key::of(&other));
    let mut traced = plain.clone();
    traced.headers.insert("traceparent", "00-1");
    assert_eq!(Key::of(&plain), Key::of(&traced));
    let shifted = |name: &'static str, value: &str| {
        let mut request = plain.clone();
        request.headers.insert(name, value);
        Key::of(&request)
    };
    assert_ne!(shifted("x-a", "bc"), shifted("x-ab", "c"));
}

#[test]
fn credentials_go_by_the_first_alternative_that_is_complete() {
    let headers_of = |operation, credentials: Credentials| {
        let mut client = client();
        client.credentials = credentials;
        plan(operation, &client).request.headers
    };
    let key = headers_of(&GET, Credentials::api_key("wp_1"));
    assert_eq!((key.get("x-api-key"), key.get("authorization")), (Some("wp_1"), None));
    let token = headers_of(&GET, Credentials::api_key("wp_1").with_bearer("tok"));
    assert_eq!((token.get("x-api-key"), token.get("authorization")), (None, Some("Bearer tok")));
    let cookie = headers_of(&GET, Credentials::none().with_cookie("session", "abc"));
    assert_eq!(cookie.get("cookie"), Some("session=abc"));
    let half = headers_of(&BOTH, Credentials::bearer("tok"));
    assert!(!half.contains("authorization"), "half of an alternative is not shown to anybody");
    let whole = headers_of(&BOTH, Credentials::bearer("tok").with_header("x-service-token", "svc"));
    assert_eq!((whole.get("authorization"), whole.get("x-service-token")), (Some("Bearer tok"), Some("svc")));
    let public = headers_of(&PUBLIC, Credentials::bearer("tok"));
    assert!(!public.contains("authorization"), "a public operation sees no credential");
}

#[test]
fn the_callers_own_header_stands_before_the_clients_credentials() {
    let mut client = client();
    client.credentials = Credentials::bearer("clients");
    let mut call = CallOptions::default();
    call.headers.insert("Authorization", "Bearer callers");
    let plan = plan_with(&GET, &client, &call).unwrap();
    assert_eq!(plan.request.headers.get_all("authorization").collect::<Vec<_>>(), ["Bearer callers"]);
}

#[test]
fn a_clients_id_and_secret_are_no_credential_before_they_are_exchanged() {
    let mut client = client();
    let pair = OAuthClient::new("app").with_secret("s3cret-value");
    client.credentials = Credentials::none().with_client(pair.clone());
    let begin = |client: &ClientOptions| {
        let plan = plan_with(&GET, client, &CallOptions::default()).unwrap();
        let mut machine = AttemptLoop::new(plan, Arc::new(Shared::new(client)), at(0));
        let first = machine.next(Event::Start, at(0));
        (machine, first)
    };
    let (mut machine, first) = begin(&client);
    assert!(matches!(first, Step::Authorize { refused: None, .. }), "{first:?}");
    let Step::Done(outcome) = machine.next(Event::Unauthorized(None), at(0)) else { panic!() };
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OAuth);
    assert!(!format!("{error} {error:?} {client:?}").contains("s3cret-value"));
    client.credentials = Credentials::api_key("wp_1").with_client(pair);
    assert!(matches!(begin(&client).1, Step::Send(_)), "a complete alternative is there");
}

#[test]
fn credentials_go_to_no_other_place_than_the_base_url() {
    let mut client = client();
    client.base_url = "https://api.example/base/".to_owned();
    client.credentials = Credentials::api_key("wp_1");
    let of =
        |url: &str| Plan::of_request(&GET, request(url), &client, &CallOptions::default(), Seed([1; 32]));
    assert!(of("https://api.example/base/v1/things/1").is_ok());
    for elsewhere in [
        "https://evil.example/base/v1",
        "https://api.example.evil/base/v1",
        "https://api.example/basement",
        "http://api.example/base/v1",
        "https://api.example:8443/base/v1",
        "https://api.example@evil.example/base/v1",
    ] {
        assert_eq!(of(elsewhere).unwrap_err().kind(), ErrorKind::Config, "{elsewhere}");
    }
}

#[test]
fn every_attempt_is_a_span_of_one_trace() {
    let client = client();
    let mut machine = AttemptLoop::new(plan(&GET, &client), Arc::new(Shared::new(&client)), at(0));
    let trace = |request: &Request| TraceParent::parse(request.headers.get("traceparent").unwrap()).unwrap();
    let first = trace(&sent(machine.next(Event::Start, at(0))));
    let _ = machine.next(head(503), at(0));
    let _ = machine.next(Event::Body { bytes: Bytes::new(), cut: false }, at(0));
    let second = trace(&sent(machine.next(Event::Slept, at(1))));
    assert_eq!(first.trace_id, second.trace_id);
    assert_ne!(first.span_id, second.span_id);
}

#[test]
fn a_call_within_a_trace_stays_in_it() {
    let parent = TraceParent { trace_id: 7, span_id: 9, flags: 0 };
    let mut call = CallOptions::default();
    call.trace_parent = Some(parent);
    let client = client();
    let plan = plan_with(&GET, &client, &call).unwrap();
    let mut machine = AttemptLoop::new(plan, Arc::new(Shared::new(&client)), at(0));
    let request = sent(machine.next(Event::Start, at(0)));
    let child = TraceParent::parse(request.headers.get("traceparent").unwrap()).unwrap();
    assert_eq!((child.trace_id, child.flags), (7, 0));
    assert_ne!(child.span_id, 9);
}

#[test]
fn a_browser_sends_no_header_that_a_plain_cors_set_up_refuses() {
    let mut options = ClientOptions::for_browser("https://api.example");
    options.credentials = Credentials::api_key("wp_1");
    let mut machine = AttemptLoop::new(plan(&GET, &options), Arc::new(Shared::new(&options)), at(0));
    let request = sent(machine.next(Event::Start, at(0)));
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accept", "x-api-key"]);
}

#[test]
fn a_request_carries_who_sends_it_and_what_was_set_for_the_client_and_the_call() {
    let mut client = client();
    client.api_version = Some("2026-11-01".to_owned());
    client.tenant = Some("ten_1".to_owned());
    client.headers.insert("X-Team", "blue");
    let mut call = CallOptions::default();
    call.headers.insert("x-team", "red");
    let headers = plan_with(&GET, &client, &call).unwrap().request.headers;
    assert!(headers.get("user-agent").unwrap().starts_with("waypost-rust/"));
    assert_eq!(headers.get("x-api-version"), Some("2026-11-01"));
    assert_eq!(headers.get("x-tenant-id"), Some("ten_1"));
    assert_eq!(headers.get_all("x-team").collect::<Vec<_>>(), ["red"]);
}

#[test]
fn a_media_type_that_is_not_offered_is_refused_before_sending() {
    let mut call = CallOptions::default();
    call.accept = Some("text/csv".to_owned());
    assert_eq!(plan_with(&EXPORT, &client(), &call).unwrap().request.headers.get("accept"), Some("text/csv"));
    call.accept = Some("text/html".to_owned());
    let error = plan_with(&EXPORT, &client(), &call).unwrap_err().to_string();
    assert!(error.contains("text/html") && error.contains("application/x-ndjson, text/csv"), "{error}");
}

#[test]
fn a_client_is_refused_with_every_mistake_when_it_is_made() {
    let mut options = ClientOptions::new("api.example");
    options.timeout = Duration::ZERO;
    options.headers.insert("Content-Length", "3");
    options.credentials = Credentials::api_key("wp_1_secret\n");
    options.tenant = Some("tén".to_owned());
    let error = options.check().unwrap_err().to_string();
    for part in ["base URL", "timeout", "content-length", "x-api-key", "x-tenant-id"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    assert!(!error.contains("wp_1_secret"));
    assert!(client().check().is_ok());
}

#[test]
fn the_defaults_are_those_of_the_behaviour_table() {
    let options = client();
    assert_eq!(
        (options.timeout, options.connect_timeout, options.deadline, options.max_retries),
        (seconds(15), seconds(5), seconds(60), 2)
    );
    assert!(
        options.breaker.is_none() && options.pacing && options.budget.is_some() && options.cache.is_some()
    );
}

#[test]
fn a_client_can_be_made_of_the_environment() {
    let variables = [
        ("WAYPOST_BASE_URL", "https://api.example"),
        ("WAYPOST_API_KEY", "wp_1"),
        ("WAYPOST_TENANT", "ten_1"),
    ];
    let find =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let options = ClientOptions::from_environment(&Environment::read(find).unwrap()).unwrap();
    assert_eq!(plan(&GET, &options).request.headers.get("x-api-key"), Some("wp_1"));
    let error = ClientOptions::from_environment(&Environment::default()).unwrap_err();
    assert!(error.to_string().contains("WAYPOST_BASE_URL is not set"));
}

#[test]
fn an_argument_that_cannot_be_written_is_told_when_the_call_is_planned() {
    struct Broken;
    impl serde::Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no form for this"))
        }
    }
    static POST: Operation = Operation { id: "things_create", method: "POST", body: Body::Json, ..GET };
    let arguments = Arguments::new().path("id", "1").json(&Broken);
    let error = Plan::new(&POST, &arguments, &client(), &CallOptions::default(), Seed([0; 32])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("things_create")
            && text.contains("no form for this")
            && !text.contains("body is missing"),
        "{text}"
    );
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let mut options = client();
    options.credentials =
        Credentials::api_key("wp_1_secret").with_bearer("tok_secret").with_cookie("session", "coo_secret");
    options.headers.insert("authorization", "Basic bas_secret");
    let plan = plan(&GET, &options);
    let printed = format!("{options:?} {plan:?} {:?}", plan.request);
    assert!(!printed.contains("_secret"), "{printed}");
}

#[test]
fn an_error_tells_what_happened_to_what_and_what_to_do() {
    let client = client();
    let mut machine = AttemptLoop::new(plan(&GET, &client), Arc::new(Shared::new(&client)), at(0));
    let _ = machine.next(Event::Start, at(0));
    let headers: Headers =
        [("x-request-id", "req_7"), ("content-type", "application/problem+json")].into_iter().collect();
    let _ = machine.next(Event::Head(ResponseHead { status: 404, headers }), at(0));
    let bytes = Bytes::from_static(br#"{"code":"thing_not_found","detail":"There is no thing 1."}"#);
    let error = error(machine.next(Event::Body { bytes, cut: false }, at(0)));
    assert_eq!(
        error.to_string(),
        "not found: things_get answered 404 thing_not_found: There is no thing 1 (GET https://api.example/v1/things/1, request req_7, \
         1 attempt). Check the path's ids, and that they belong to this caller"
    );
}

#[test]
fn an_idempotency_key_is_a_random_uuid_of_the_seed_and_shows_in_no_other_header() {
    static POST: Operation = Operation { id: "things_create", method: "POST", idempotency_key: true, ..GET };
    let of = |seed| {
        let plan = Plan::new(
            &POST,
            &Arguments::new().path("id", "1"),
            &client(),
            &CallOptions::default(),
            Seed(seed),
        )
        .unwrap();
        plan.request.headers.get("idempotency-key").unwrap().to_owned()
    };
    assert_eq!(of([0xff; 32]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(of([0; 32]), "00000000-0000-4000-8000-000000000000");
    let mut other_half = [0; 32];
    other_half[16..].fill(9);
    assert_eq!(of(other_half), of([0; 32]));
}
