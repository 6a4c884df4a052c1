//! What holds for every input, tried on random ones: the encoders lose nothing and let nothing out, parsers of a server's words never panic, and the
//! attempt loop keeps its promises whatever the server does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use waypost::engine::encode::{self, BaseUrl};
use waypost::engine::operation::{self, Operation, ResultKind, Retry};
use waypost::engine::policy::backoff::Backoff;
use waypost::engine::policy::retry_after;
use waypost::engine::{
    Arguments, AttemptLoop, CallOptions, ClientOptions, Error, ErrorKind, Event, FailureKind, Headers, Now,
    Pager, Plan, Problem, ResponseHead, Seed, Shared, Step, TraceParent, TransportFailure, redact,
};
use waypost::webhook::Webhook;

const fn operation(retry: Retry, idempotency_key: bool) -> Operation {
    Operation {
        id: "things_do",
        method: if idempotency_key { "POST" } else { "GET" },
        path: "/v1/things",
        parameters: &[],
        body: operation::Body::None,
        idempotency_key,
        retry,
        security: &[],
        paginate: None,
        result: ResultKind::Json,
        status: 200,
    }
}

static SAFE: Operation = operation(Retry::Safe, false);
static KEYED: Operation = operation(Retry::Idempotent, true);
static NEVER: Operation = operation(Retry::Never, false);

/// What a server, a network or a clock does to one attempt.
#[derive(Debug, Clone)]
struct Answer {
    failure: Option<(FailureKind, bool)>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    body_fails: bool,
    head_after: Duration,
    body_after: Duration,
}

fn failure_kind() -> impl Strategy<Value = FailureKind> {
    prop::sample::select(vec![
        FailureKind::Connect,
        FailureKind::Tls,
        FailureKind::Reset,
        FailureKind::Interrupted,
        FailureKind::Timeout,
        FailureKind::Protocol,
        FailureKind::Request,
    ])
}

fn answer() -> impl Strategy<Value = Answer> {
    let status = prop_oneof![Just(200), Just(429), Just(503), 100_u16..=599];
    let header = prop_oneof![
        (0_u64..100).prop_map(|seconds| ("retry-after".to_owned(), seconds.to_string())),
        "\\PC{0,20}".prop_map(|value| ("retry-after".to_owned(), value)),
        (0_u64..3, 0_u64..50)
            .prop_map(|(room, time)| ("ratelimit".to_owned(), format!("\"a\";r={room};t={time}"))),
        Just(("content-type".to_owned(), "application/json".to_owned())),
        Just(("etag".to_owned(), "\"a\"".to_owned())),
    ];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        Just(b"{\"retry_after\": 5, \"code\": \"x\"}".to_vec())
    ];
    (
        prop::option::weighted(0.4, (failure_kind(), any::<bool>())),
        status,
        prop::collection::vec(header, 0..3),
        body,
        prop::bool::weighted(0.2),
        0_u64..20_000,
        0_u64..20_000,
    )
        .prop_map(|(failure, status, headers, body, body_fails, head, rest)| Answer {
            failure,
            status,
            headers,
            body,
            body_fails,
            head_after: Duration::from_millis(head),
            body_after: Duration::from_millis(rest),
        })
}

/// What a run of the loop did.
struct Run {
    result: Result<waypost::engine::Envelope, Error>,
    sent: u32,
    keys: Vec<Option<String>>,
    /// Was anything sent after an attempt of which a byte may have left?
    resent_after_bytes: bool,
    elapsed: Duration,
}

fn drive(operation: &'static Operation, client: &ClientOptions, seed: [u8; 32], answers: &[Answer]) -> Run {
    let shared = Arc::new(Shared::new(client));
    let plan = Plan::new(operation, &Arguments::new(), client, &CallOptions::default(), Seed(seed)).unwrap();
    let begin = Duration::from_secs(500);
    let mut clock = begin;
    let at = |clock: Duration| Now::new(clock, Duration::from_secs(1_700_000_000) + clock);
    let mut machine = AttemptLoop::new(plan, shared, at(clock));
    let mut event = Event::Start;
    let mut run = Run {
        result: Err(Error::config("")),
        sent: 0,
        keys: Vec::new(),
        resent_after_bytes: false,
        elapsed: Duration::ZERO,
    };
    let mut bytes_left = false;
    let mut current: Option<&Answer> = None;
    for _ in 0..10_000 {
        event = match machine.next(event, at(clock)) {
            Step::Done(result) => {
                run.result = *result;
                run.elapsed = clock - begin;
                return run;
            }
            Step::Authorize { .. } => Event::Unauthorized(None),
            Step::Sleep(wait) => {
                clock += wait;
                Event::Slept
            }
            Step::Send(send) => {
                run.resent_after_bytes |= bytes_left;
                run.keys.push(send.request.headers.get("idempotency-key").map(str::to_owned));
                let answer = &answers[run.sent as usize % answers.len()];
                run.sent += 1;
                current = Some(answer);
                clock += answer.head_after.min(send.timeout);
                let event = if answer.head_after > send.timeout {
                    Event::Failure(TransportFailure::new(FailureKind::Timeout, true, "late"))
                } else if let Some((kind, bytes_sent)) = answer.failure {
                    Event::Failure(TransportFailure::new(kind, bytes_sent, "as tried"))
                } else {
                    Event::Head(ResponseHead {
                        status: answer.status,
                        headers: answer.headers.iter().cloned().collect(),
                    })
                };
                bytes_left |= !matches!(&event, Event::Failure(failure) if !failure.bytes_sent);
                event
            }
            Step::Read { limit, timeout } => {
                let answer = current.unwrap();
                clock += answer.body_after.min(timeout);
                if answer.body_after > timeout {
                    Event::Failure(TransportFailure::new(FailureKind::Timeout, true, "late"))
                } else if answer.body_fails {
                    Event::Failure(TransportFailure::new(FailureKind::Interrupted, true, "broken"))
                } else {
                    let bytes = Bytes::copy_from_slice(answer.body.get(..limit).unwrap_or(&answer.body));
                    Event::Body { bytes, cut: answer.body.len() > limit }
                }
            }
        };
    }
    panic!("the loop does not end");
}

proptest! {
    #[test]
    fn the_loop_keeps_to_retries_and_deadline_and_carries_one_key(
        which in 0_usize..3,
        answers in prop::collection::vec(answer(), 1..6),
        max_retries in 0_u32..6,
        deadline in 1_u64..90_000,
        timeout in 1_u64..20_000,
        seed in any::<[u8; 32]>(),
    ) {
        let operation = [&SAFE, &KEYED, &NEVER][which];
        let mut client = ClientOptions::new("https://api.example");
        client.max_retries = max_retries;
        client.deadline = Duration::from_millis(deadline);
        client.timeout = Duration::from_millis(timeout);
        let run = drive(operation, &client, seed, &answers);
        prop_assert!(run.sent <= 1 + max_retries, "{} attempts", run.sent);
        prop_assert!(run.elapsed <= client.deadline, "{:?} of {:?}", run.elapsed, client.deadline);
        prop_assert!(run.keys.windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert!(run.keys.iter().all(|key| key.is_some() == operation.idempotency_key));
        if operation.retry == Retry::Never {
            prop_assert!(!run.resent_after_bytes);
        }
        let attempts = match &run.result {
            Ok(envelope) => &envelope.attempts,
            Err(error) => &error.failure().attempts,
        };
        prop_assert_eq!(attempts.len(), run.sent as usize);
        if let Err(error) = &run.result {
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(error.kind() != ErrorKind::Cancelled);
        }
    }

    #[test]
    fn a_driver_that_breaks_the_protocol_gets_an_answer_and_no_panic(order in prop::collection::vec(0_u8..6, 1..20)) {
        let client = ClientOptions::new("https://api.example");
        let plan = Plan::new(&SAFE, &Arguments::new(), &client, &CallOptions::default(), Seed([7; 32])).unwrap();
        let mut machine = AttemptLoop::new(plan, Arc::new(Shared::new(&client)), Now::new(Duration::ZERO, Duration::ZERO));
        for (index, kind) in order.into_iter().enumerate() {
            let event = match kind {
                0 => Event::Start,
                1 => Event::Slept,
                2 => Event::Head(ResponseHead { status: 503, headers: Headers::new() }),
                3 => Event::Body { bytes: Bytes::new(), cut: true },
                4 => Event::Failure(TransportFailure::new(FailureKind::Reset, true, "")),
                _ => Event::Cancelled,
            };
            let now = Duration::from_secs(index as u64);
            let _ = machine.next(event, Now::new(now, now));
        }
    }

    #[test]
    fn a_component_comes_back_as_it_went_and_holds_only_unreserved_characters(value in "\\PC*") {
        let encoded = encode::component(&value);
        prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), value.as_str());
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
    }

    #[test]
    fn a_path_argument_is_one_segment_of_the_path(value in any::<String>()) {
        match encode::segment(&value) {
            Ok(segment) => {
                prop_assert!(!segment.contains('/') && !segment.is_empty() && segment != "." && segment != "..");
                prop_assert_eq!(percent_decode_str(&segment).decode_utf8().unwrap(), value.as_str());
            }
            Err(_) => prop_assert!(matches!(value.as_str(), "" | "." | "..")),
        }
    }

    #[test]
    fn a_form_comes_back_as_it_went(members in prop::collection::btree_map(any::<String>(), any::<String>(), 0..6)) {
        let body = encode::form(&serde_json::to_value(&members).unwrap()).unwrap();
        let read: std::collections::BTreeMap<String, String> = body
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| {
                let text = |part: &str| percent_decode_str(part).decode_utf8().unwrap().into_owned();
                (text(name), text(value))
            })
            .collect();
        prop_assert_eq!(read, members);
    }

    #[test]
    fn a_base_url_that_is_taken_covers_what_is_built_on_it(text in "(https?://)?[a-z0-9.\\[\\]:@-]{0,12}(/[a-z%.~?# ]{0,6}){0,3}") {
        if let Ok(base) = BaseUrl::parse(&text) {
            let url = format!("{}{}/v1/things", base.origin(), base.prefix());
            prop_assert!(base.covers(&url));
            prop_assert!(!base.origin().contains('@') && !base.prefix().ends_with('/'));
            prop_assert_eq!(BaseUrl::parse(&format!("{}{}", base.origin(), base.prefix())), Ok(base));
        }
    }

    #[test]
    fn another_origin_or_prefix_is_never_covered(tail in "[a-z0-9.@:/-]{1,12}") {
        let base = BaseUrl::parse("https://api.example/base").unwrap();
        let url = format!("https://api.example{tail}");
        prop_assert_eq!(base.covers(&url), tail == "/base" || tail.starts_with("/base/"));
    }

    #[test]
    fn no_body_makes_a_problem_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Problem::parse(&body);
    }

    #[test]
    fn every_member_of_a_problem_may_have_any_type(value in "(null|true|-1|1e300|\"x\"|\\[\\]|\\{\\}|\\[\\[1\\]\\]|\\[\\{\"pointer\":1\\}\\])") {
        for member in ["type", "title", "status", "detail", "instance", "code", "request_id", "retry_after", "errors", "other"] {
            let body = format!("{{\"{member}\": {value}}}");
            prop_assert!(Problem::parse(body.as_bytes()).is_some());
        }
    }

    #[test]
    fn no_header_makes_a_wait_panic(value in "\\PC{0,40}", limit in "[\"a-z0-9;=, ]{0,40}", unix in any::<u64>()) {
        let headers: Headers = [("retry-after", value), ("ratelimit", limit)].into_iter().collect();
        let longest = Duration::from_secs(1_000_000_000);
        prop_assert!(retry_after::retry_after(&headers, Duration::from_secs(unix)).unwrap_or_default() <= longest);
        prop_assert!(retry_after::exhausted(&headers).unwrap_or_default() <= longest);
    }

    #[test]
    fn a_wait_lies_within_its_bound(retry in any::<u32>(), random in any::<u64>(), base in 0_u64..100_000, cap in 0_u64..100_000) {
        let policy = Backoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
        prop_assert!(policy.delay(retry, random) <= policy.bound(retry));
        prop_assert!(policy.bound(retry) <= policy.cap);
    }

    #[test]
    fn a_secret_never_survives_a_scrub(before in "\\PC{0,30}", secret in "[A-Za-z0-9_.-]{6,40}", after in "\\PC{0,30}") {
        let printed = redact::scrub(&format!("{before}{secret}{after}"), &[&secret]);
        prop_assert!(!printed.contains(&secret) || redact::REDACTED.contains(&secret));
    }

    #[test]
    fn a_printed_url_holds_no_query_value(value in "[A-Z]{8,20}", user in "[A-Z]{8,20}") {
        let printed = redact::url(&format!("https://{user}@h/p?a={value}&b=1")).into_owned();
        prop_assert!(!printed.contains(&value) && !printed.contains(&user));
    }

    #[test]
    fn a_trace_parent_comes_back_as_it_went(trace_id in 1_u128.., span_id in 1_u64.., flags in any::<u8>(), noise in "\\PC{0,60}") {
        let parent = TraceParent { trace_id, span_id, flags };
        prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        let _ = TraceParent::parse(&noise);
    }

    #[test]
    fn what_is_signed_verifies_and_what_is_changed_does_not(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        id in "[a-zA-Z0-9_-]{1,30}",
        timestamp in 0_u64..4_000_000_000,
        body in prop::collection::vec(any::<u8>(), 1..200),
        flip in any::<prop::sample::Index>(),
    ) {
        use base64::Engine as _;
        let webhook = Webhook::new(&format!("whsec_{}", base64::prelude::BASE64_STANDARD.encode(key))).unwrap();
        let signature = webhook.sign(&id, timestamp, &body).unwrap();
        let now = Duration::from_secs(timestamp);
        prop_assert!(webhook.verify(&id, &timestamp.to_string(), &signature, &body, now).is_ok());
        let mut changed = body.clone();
        let place = flip.index(changed.len());
        changed[place] ^= 1;
        prop_assert!(webhook.verify(&id, &timestamp.to_string(), &signature, &changed, now).is_err());
    }

    #[test]
    fn a_listing_ends_whatever_cursors_a_server_gives(cursors in prop::collection::vec(0_u8..4, 1..40)) {
        let mut pager = Pager::new(None);
        let mut pages = 0;
        while pager.next().is_some() {
            let cursor = cursors[pages % cursors.len()].to_string();
            pages += 1;
            let more = pager.advance(Some(&cursor), true);
            prop_assert_eq!(more.is_err(), pager.next().is_none());
            prop_assert!(pages < 200, "the listing goes in a circle for ever");
        }
    }
}
