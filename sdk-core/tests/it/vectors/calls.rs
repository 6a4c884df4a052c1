//! The runner `call`: a client makes calls, one after another, against a server that answers by a script. It is a driver on a clock that only the
//! script moves, so a minute of waiting takes no time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use waypost::engine::operation::{self, Location, Parameter, ResultKind, Retry, Scheme};
use waypost::engine::policy::breaker::BreakerOptions;
use waypost::engine::policy::budget::BudgetOptions;
use waypost::engine::policy::cache::CacheOptions;
use waypost::engine::{
    Arguments, AttemptLoop, Body, CallOptions, ClientOptions, Credentials, Envelope, Error, Event,
    FailureKind, Headers, Now, Operation, Plan, Request, ResponseHead, Seed, Shared, Step, TransportFailure,
};

/// 2023-11-14T22:13:20Z: what the wall clock says when a script begins.
pub(super) const BEGIN: u64 = 1_700_000_000;

/// Runs a script.
pub(crate) fn call(input: &Value) -> Value {
    let operation = leak_operation(&input["operation"]);
    let options = client_options(&input["client"]);
    let shared = Arc::new(Shared::new(&options));
    let mut clock = Clock { elapsed: Duration::from_secs(1000), begin: Duration::from_secs(1000) };
    let mut told = Vec::new();
    for (index, call) in input["calls"].as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate() {
        clock.advance(milliseconds(&call["after_ms"]).unwrap_or_default());
        told.push(one_call(operation, &options, &shared, call, index, &mut clock));
    }
    json!({ "calls": told })
}

struct Clock {
    elapsed: Duration,
    begin: Duration,
}

impl Clock {
    fn now(&self) -> Now {
        let passed = self.elapsed.saturating_sub(self.begin);
        Now::new(self.elapsed, Duration::from_secs(BEGIN).saturating_add(passed))
    }

    fn advance(&mut self, by: Duration) {
        self.elapsed = self.elapsed.saturating_add(by);
    }
}

fn one_call(
    operation: &'static Operation,
    client: &ClientOptions,
    shared: &Arc<Shared>,
    call: &Value,
    index: usize,
    clock: &mut Clock,
) -> Value {
    let mut client = client.clone();
    if let Some(key) = call["api_key"].as_str() {
        client.credentials = Credentials::api_key(key);
    }
    let seed = Seed(std::array::from_fn(|place| {
        u8::try_from((place * 37 + index * 101 + 11) % 251).unwrap_or_default()
    }));
    let mut arguments = Arguments::new();
    if operation.body != operation::Body::None {
        arguments = arguments.json(&json!({}));
    }
    let plan = match Plan::new(operation, &arguments, &client, &call_options(call), seed) {
        Ok(plan) => plan,
        Err(error) => return outcome(&Err(error), &Run::default(), Duration::ZERO),
    };
    let answers = call["answers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut answers = answers.iter();
    let began = clock.elapsed;
    let mut run = Run::default();
    let mut machine = AttemptLoop::new(plan, Arc::clone(shared), clock.now());
    let mut event = Event::Start;
    let mut answer = &Value::Null;
    let cancel_at = milliseconds(&call["cancel_at_ms"]).map(|at| began.saturating_add(at));
    loop {
        if cancel_at.is_some_and(|at| clock.elapsed >= at) {
            event = Event::Cancelled;
        }
        event = match machine.next(event, clock.now()) {
            // No client of this runner gets tokens.
            Step::Authorize { .. } => Event::Unauthorized(None),
            Step::Done(result) => return outcome(&result, &run, clock.elapsed.saturating_sub(began)),
            Step::Sleep(wait) => {
                run.waits.push(number(wait));
                clock.advance(wait);
                Event::Slept
            }
            Step::Send(send) => {
                run.timeouts.push(number(send.timeout));
                run.requests.push(send.request);
                // A script that is too short for what the engine sends ends in this failure, which no case expects.
                let Some(next) = answers.next() else {
                    return json!({ "result": "the script has no further answer" });
                };
                answer = next;
                within(clock, &answer["after_ms"], send.timeout).unwrap_or_else(|| first_event(answer))
            }
            Step::Read { limit, timeout } => {
                within(clock, &answer["body_after_ms"], timeout).unwrap_or_else(|| body_event(answer, limit))
            }
        };
    }
}

#[derive(Default)]
pub(super) struct Run {
    pub(super) requests: Vec<Request>,
    pub(super) waits: Vec<Value>,
    pub(super) timeouts: Vec<Value>,
}

/// Moves the clock to the answer, or to the timeout when that is earlier.
fn within(clock: &mut Clock, after: &Value, timeout: Duration) -> Option<Event> {
    let after = milliseconds(after).unwrap_or_default();
    clock.advance(after.min(timeout));
    (after > timeout)
        .then(|| Event::Failure(TransportFailure::new(FailureKind::Timeout, true, "no answer in time")))
}

fn first_event(answer: &Value) -> Event {
    if let Some(kind) = answer["failure"].as_str() {
        return failure(kind, answer);
    }
    let headers = headers(&answer["headers"]);
    Event::Head(ResponseHead { status: status(&answer["status"]), headers })
}

fn body_event(answer: &Value, limit: usize) -> Event {
    if let Some(kind) = answer["body_failure"].as_str() {
        return failure(kind, answer);
    }
    let body = body_of(answer);
    let cut = body.len() > limit;
    let bytes = body.as_bytes().get(..limit).unwrap_or(body.as_bytes()).to_vec();
    Event::Body { bytes: bytes.into(), cut }
}

pub(super) fn body_of(answer: &Value) -> String {
    match (&answer["json"], answer["body"].as_str()) {
        (Value::Null, text) => text.unwrap_or_default().to_owned(),
        (value, _) => value.to_string(),
    }
}

fn failure(kind: &str, answer: &Value) -> Event {
    Event::Failure(failure_of(kind, answer))
}

pub(super) fn failure_of(kind: &str, answer: &Value) -> TransportFailure {
    let kind = FailureKind::parse(kind).unwrap_or(FailureKind::Request);
    let message = answer["message"].as_str().unwrap_or("as the script has it");
    TransportFailure::new(kind, answer["bytes_sent"].as_bool().unwrap_or(true), message)
}

pub(super) fn outcome(result: &Result<Envelope, Error>, run: &Run, elapsed: Duration) -> Value {
    let keys: Vec<_> = run.requests.iter().map(|request| request.headers.get("idempotency-key")).collect();
    let last = run.requests.last();
    let header = |name: &str| json!(last.and_then(|request| request.headers.get(name)));
    let sent_headers: Map<String, Value> =
        ["if-none-match", "idempotency-key", "traceparent", "authorization", "x-api-key"]
            .into_iter()
            .map(|name| (name.to_owned(), header(name)))
            .collect();
    let mut told = json!({
        "sent": run.requests.len(),
        "waits_ms": run.waits,
        "timeouts_ms": run.timeouts,
        "elapsed_ms": number(elapsed),
        "same_key": keys.windows(2).all(|pair| pair.first() == pair.last()),
        "has_key": keys.iter().all(Option::is_some) && !keys.is_empty(),
        "sent_headers": sent_headers,
    });
    let more = match result {
        Ok(envelope) => success(envelope),
        Err(error) => failed(error),
    };
    if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
        told.extend(more.clone());
    }
    told
}

fn success(envelope: &Envelope) -> Value {
    json!({
        "result": "ok",
        "status": envelope.status,
        "body": match &envelope.body { Body::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)), Body::Stream => json!({ "stream": true }) },
        "from_cache": envelope.from_cache,
        "request_id": envelope.request_id,
        "headers": envelope.headers.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>(),
        "attempts": envelope.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn failed(error: &Error) -> Value {
    let failure = error.failure();
    let problem = failure.problem.as_ref();
    json!({
        "result": error.kind().as_str(),
        "status": failure.status,
        "message": error.to_string(),
        "printed": format!("{error:?} {error:#?} {error}"),
        "code": error.code(),
        "title": problem.and_then(|problem| problem.title.clone()),
        "detail": problem.and_then(|problem| problem.detail.clone()),
        "errors": problem.map(|problem| problem.errors.iter().map(|field| json!({
            "pointer": field.pointer, "code": field.code, "detail": field.detail,
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "extra": problem.map(waypost::Problem::extra),
        "has_problem": problem.is_some(),
        "excerpt": failure.excerpt,
        "oauth": error.oauth().map(|oauth| json!({
            "error": oauth.error, "error_description": oauth.error_description, "error_uri": oauth.error_uri, "status": oauth.status,
        })),
        "request_id": failure.request_id,
        "retry_after_s": failure.retry_after.map(|wait| wait.as_secs()),
        "attempts": failure.attempts.iter().map(attempt).collect::<Vec<_>>(),
    })
}

fn attempt(attempt: &waypost::engine::Attempt) -> Value {
    json!({
        "number": attempt.number,
        "delay_ms": number(attempt.delay),
        "duration_ms": number(attempt.duration),
        "status": attempt.status,
        "cause": attempt.cause.map(waypost::engine::Cause::as_str),
        "request_id": attempt.request_id,
    })
}

/// The operation of a script, for ever: a test may leak what a table has as constants.
pub(super) fn leak_operation(input: &Value) -> &'static Operation {
    let method = match input["method"].as_str() {
        Some("POST") => "POST",
        Some("PUT") => "PUT",
        Some("PATCH") => "PATCH",
        Some("DELETE") => "DELETE",
        _ => "GET",
    };
    let retry = match input["retry"].as_str() {
        Some("idempotent") => Retry::Idempotent,
        Some("never") => Retry::Never,
        _ => Retry::Safe,
    };
    let result = match input["result"].as_str() {
        Some("none") => ResultKind::None,
        Some("text") => ResultKind::Text("text/plain"),
        Some("bytes") => ResultKind::Bytes(&["application/x-ndjson", "text/csv"]),
        Some("events") => ResultKind::EventStream,
        _ => ResultKind::Json,
    };
    const KEY: Parameter = Parameter { name: "Idempotency-Key", location: Location::Header, required: false };
    Box::leak(Box::new(Operation {
        id: "things_do",
        method,
        path: "/v1/things",
        parameters: &[KEY],
        body: if method == "POST" { operation::Body::Json } else { operation::Body::None },
        idempotency_key: input["idempotency_key"].as_bool().unwrap_or(false),
        retry,
        security: &[&[Scheme::Bearer], &[Scheme::Header("X-API-Key")]],
        paginate: None,
        result,
        status: 200,
    }))
}

pub(super) fn client_options(input: &Value) -> ClientOptions {
    let mut options = ClientOptions::new("https://api.example");
    let set = |place: &mut Duration, name: &str| *place = milliseconds(&input[name]).unwrap_or(*place);
    set(&mut options.timeout, "timeout_ms");
    set(&mut options.connect_timeout, "connect_timeout_ms");
    set(&mut options.deadline, "deadline_ms");
    set(&mut options.backoff.base, "backoff_base_ms");
    set(&mut options.backoff.cap, "backoff_cap_ms");
    if let Some(retries) = input["max_retries"].as_u64() {
        options.max_retries = u32::try_from(retries).unwrap_or(u32::MAX);
    }
    options.pacing = input["pacing"].as_bool().unwrap_or(true);
    options.trace = input["trace"].as_bool().unwrap_or(false);
    if let Some(bytes) = input["max_answer_bytes"].as_u64() {
        options.max_answer_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    let small = |value: &Value, standard: u32| {
        value.as_u64().and_then(|value| u32::try_from(value).ok()).unwrap_or(standard)
    };
    if let Some(budget) = input["budget"].as_object() {
        let standard = BudgetOptions::default();
        options.budget = Some(BudgetOptions {
            capacity: small(&json!(budget.get("capacity")), standard.capacity),
            refill_every: budget
                .get("refill_every_ms")
                .and_then(milliseconds)
                .unwrap_or(standard.refill_every),
            refill_after_successes: small(
                &json!(budget.get("refill_after_successes")),
                standard.refill_after_successes,
            ),
        });
    }
    if let Some(breaker) = input["breaker"].as_object() {
        let standard = BreakerOptions::default();
        options.breaker = Some(BreakerOptions {
            failure_percent: small(&json!(breaker.get("failure_percent")), standard.failure_percent),
            window: breaker.get("window_ms").and_then(milliseconds).unwrap_or(standard.window),
            minimum_attempts: small(&json!(breaker.get("minimum_attempts")), standard.minimum_attempts),
            reset: breaker.get("reset_ms").and_then(milliseconds).unwrap_or(standard.reset),
            reset_cap: breaker.get("reset_cap_ms").and_then(milliseconds).unwrap_or(standard.reset_cap),
            probes: small(&json!(breaker.get("probes")), standard.probes),
        });
    }
    match &input["cache"] {
        Value::Bool(false) => options.cache = None,
        Value::Object(cache) => {
            let standard = CacheOptions::default();
            let size = |name: &str, standard| {
                cache
                    .get(name)
                    .and_then(Value::as_u64)
                    .and_then(|size| usize::try_from(size).ok())
                    .unwrap_or(standard)
            };
            let sizes = (size("entries", standard.entries), size("bytes", standard.bytes));
            options.cache = Some(CacheOptions { entries: sizes.0, bytes: sizes.1 });
        }
        _ => {}
    }
    if let Some(key) = input["api_key"].as_str() {
        options.credentials = Credentials::api_key(key);
    }
    if let Some(token) = input["access_token"].as_str() {
        options.credentials = options.credentials.with_bearer(token);
    }
    options
}

pub(super) fn call_options(call: &Value) -> CallOptions {
    let mut options = CallOptions::default();
    options.timeout = milliseconds(&call["timeout_ms"]);
    options.deadline = milliseconds(&call["deadline_ms"]);
    options.max_retries = call["max_retries"].as_u64().and_then(|retries| u32::try_from(retries).ok());
    options.idempotency_key = call["idempotency_key"].as_str().map(str::to_owned);
    options.headers = headers(&call["headers"]);
    options
}

/// An object of name and value, or a list of pairs where a name repeats.
pub(crate) fn headers(input: &Value) -> Headers {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match input {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        Value::Array(pairs) => pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        _ => Headers::new(),
    }
}

pub(super) fn status(value: &Value) -> u16 {
    value.as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200)
}

/// Whole milliseconds, or a fraction of one.
pub(crate) fn milliseconds(value: &Value) -> Option<Duration> {
    value.as_f64().map(|value| Duration::from_secs_f64(value / 1000.0))
}

/// Milliseconds; without a fraction where there is none.
pub(crate) fn number(duration: Duration) -> Value {
    let nanos = duration.as_nanos();
    if nanos.is_multiple_of(1_000_000) {
        json!(u64::try_from(nanos / 1_000_000).ok())
    } else {
        json!(duration.as_secs_f64() * 1000.0)
    }
}
