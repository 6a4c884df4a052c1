//! What the module remembers: operations that were asked for, clients, and calls that are under way. JavaScript names each by a number.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use waypost::engine::course::{Course, Happened, Next, Reason, Terms, Word};
use waypost::engine::oauth::{Facts, Next as Get, TOKEN, Tokens};
use waypost::engine::operation::{Body, ResultKind, Retry};
use waypost::engine::plan::Own;
use waypost::engine::policy::breaker::BreakerOptions;
use waypost::engine::policy::budget::BudgetOptions;
use waypost::engine::policy::gates::Gates;
use waypost::engine::policy::{retry, retry_after};
use waypost::engine::{Arguments, Credentials, FailureKind, Headers, Operation, Seed, TraceParent};
use waypost::engine::{build, encode};

use crate::Answer;
use crate::slab::Slab;
use crate::texts::Texts;

/// Everything that lives longer than one exchange.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    operations: Vec<Operation>,
    clients: Slab<Rc<Client>>,
    calls: Slab<Call>,
}

#[derive(Debug)]
struct Client {
    /// Origin and prefix, as JavaScript found them.
    base: String,
    credentials: Credentials,
    /// Sent with every request.
    headers: Headers,
    terms: Terms,
    trace: bool,
    gates: Gates,
    tokens: RefCell<Tokens>,
}

#[derive(Debug)]
struct Call {
    client: Rc<Client>,
    course: Course,
    trace: Option<TraceParent>,
}

/// The numbers of [`start`](crate::start).
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) client: usize,
    pub(crate) operation: usize,
    /// 0 none, 1 JSON, 2 bytes, 3 a form.
    pub(crate) body: u32,
    pub(crate) headers: usize,
    pub(crate) timeout: f64,
    pub(crate) deadline: f64,
    pub(crate) retries: f64,
    pub(crate) elapsed: f64,
}

/// What [`next`](crate::next) is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// 0 slept; 1 head: status, whether it confirms a stored answer; 2 body: whether it is usable, the seconds that it asks to wait; 3 failed: its
    /// kind, whether bytes were sent; 4 cancelled; 5 the token is there; 6 none could be had.
    pub(crate) event: u32,
    pub(crate) first: f64,
    pub(crate) second: f64,
    pub(crate) elapsed: f64,
    pub(crate) unix: f64,
}

impl Engine {
    /// Learns an operation of its row: its number. Its properties: bits 0 and 1 are its retry class (safe, idempotent, never), bit 2: its result is JSON,
    /// bit 3: its answers may be kept, bit 4: its body is a form.
    pub(crate) fn define(&mut self, mut texts: Texts<'_>, answer: &mut Answer) -> i32 {
        let operation = Operation::read(Box::leak(texts.text().into()));

        let json = operation.result == ResultKind::Json;
        let kept = json || matches!(operation.result, ResultKind::Text(_));
        let kept = kept && operation.method == "GET" && operation.retry == Retry::Safe;
        let form = operation.body == Body::Form;
        let properties =
            operation.retry as u32 | u32::from(json) << 2 | u32::from(kept) << 3 | u32::from(form) << 4;
        answer.numbers = [f64::from(properties), 0.0, 0.0, 0.0];
        answer.text.push_str(operation.method);
        self.operations.push(operation);
        (self.operations.len() - 1) as i32
    }

    /// Makes a client. The settings begin with these numbers; one that is none stands for the default: timeout, deadline, base and cap of the backoff,
    /// retries, the largest answer, pacing, tracing; whether there is a budget, its capacity, refill, successes for a refill; whether there is a breaker,
    /// its percentage, window, least attempts, reset, longest reset, probes. Then come the base URL, an API key, an access token, a client's id and
    /// secret, the user agent, API version, tenant, and the names and values of headers.
    pub(crate) fn client(&mut self, mut texts: Texts<'_>, answer: &mut Answer) -> i32 {
        let mut terms = Terms::new("");
        set_time(&mut terms.timeout, &mut texts);
        set_time(&mut terms.deadline, &mut texts);
        set_time(&mut terms.backoff.base, &mut texts);
        set_time(&mut terms.backoff.cap, &mut texts);
        set(&mut terms.max_retries, &mut texts);
        terms.max_answer_bytes = number(&mut texts).map_or(terms.max_answer_bytes, |bytes| bytes as usize);
        terms.pacing = number(&mut texts).is_none_or(|flag| flag != 0.0);
        let trace = number(&mut texts) == Some(1.0);
        let has_budget = number(&mut texts).is_none_or(|flag| flag != 0.0);
        let mut budget = BudgetOptions::default();
        set(&mut budget.capacity, &mut texts);
        set_time(&mut budget.refill_every, &mut texts);
        set(&mut budget.refill_after_successes, &mut texts);
        let has_breaker = number(&mut texts) == Some(1.0);
        let mut breaker = BreakerOptions::default();
        set(&mut breaker.failure_percent, &mut texts);
        set_time(&mut breaker.window, &mut texts);
        set(&mut breaker.minimum_attempts, &mut texts);
        set_time(&mut breaker.reset, &mut texts);
        set_time(&mut breaker.reset_cap, &mut texts);
        set(&mut breaker.probes, &mut texts);

        let base = texts.text().to_owned();
        let mut credentials = Credentials::none();
        if let Some(key) = texts.maybe() {
            credentials = credentials.with_header("x-api-key", key);
        }
        if let Some(token) = texts.maybe() {
            credentials = credentials.with_bearer(token);
        }
        // Id and secret go into token requests, which JavaScript writes: here it matters that they are there. An id that is empty stands for tokens without one.
        let (id, secret) = (texts.maybe(), texts.maybe());
        if id.is_some() {
            credentials.client_mut();
        }
        let tokens = RefCell::new(Tokens::new(secret.is_some(), false, None));
        let mut headers = Headers::new();
        for name in ["user-agent", "x-api-version", "x-tenant-id"] {
            if let Some(value) = texts.maybe() {
                headers.insert(name, value);
            }
        }
        let mut given = Headers::new();
        while let Some((name, value)) = texts.pair() {
            given.append(name.to_owned(), value);
        }
        headers.merge(&given);
        let mut mistakes = Vec::new();
        encode::check_headers(headers.iter().chain(credentials.headers()), &mut mistakes);
        if !mistakes.is_empty() {
            tell(&mistakes, answer);
            return -1;
        }
        let gates = Gates::new(has_budget.then_some(budget), has_breaker.then_some(breaker));
        self.clients.insert(Rc::new(Client { base, credentials, headers, terms, trace, gates, tokens }))
            as i32
    }

    /// The next step to a token of a client, as its number: 0 use, 1 wait, 2 load, 3 refresh, 4 the client's secret, 5 save, 6 clear, 7 sign in. What is told, by its number:
    /// 0 begin (what is held; bit 2 of the flags: there is a store, bit 3: there is a secret), 1 a call needs one, 2 the one that is held was refused, and a call needs another, 3 loaded
    /// (bit 2: it is the very set that is held), 4 granted, 5 rejected, 6 cleared, 7 saved, 8 failed or given up. Of a token set are told when it ends, in seconds since 1970 or none, and its
    /// flags: bit 0, it is there; bit 1, it has a refresh token. The first number tells whether what was loaded takes the place of what is held.
    pub(crate) fn token(&mut self, place: usize, told: Told, answer: &mut Answer) -> i32 {
        let Some(client) = self.clients.get(place) else { return Get::SignIn as i32 };
        let mut tokens = client.tokens.borrow_mut();
        let Told { event, first, second, unix, .. } = told;
        let flags = second as u32;
        let found = Facts { expires_at: given(first).map(|at| at as u64), refreshable: flags & 2 != 0 };
        let there = (flags & 1 != 0).then_some(found);
        let unix = time(unix).unwrap_or_default();
        answer.numbers = [0.0; 4];
        let next = match event {
            0 => {
                *tokens = Tokens::new(flags & 8 != 0, flags & 4 != 0, there);
                Get::Use
            }
            1 => tokens.need(unix),
            2 => {
                tokens.refused();
                tokens.need(unix)
            }
            3 => {
                let (taken, next) = tokens.loaded(there, flags & 4 != 0, unix);
                answer.numbers = [f64::from(u8::from(taken)), 0.0, 0.0, 0.0];
                next
            }
            4 => tokens.granted(found),
            5 => tokens.rejected(),
            6 => tokens.cleared(),
            7 => tokens.saved(),
            _ => {
                tokens.failed();
                Get::Use
            }
        };
        next as i32
    }

    /// Begins a token request, which JavaScript writes: the first step, and the call's number as the third number. `refresh`: an answer that is lost is not asked for again.
    pub(crate) fn ask(
        &mut self,
        place: usize,
        refresh: bool,
        elapsed: f64,
        draw: f64,
        answer: &mut Answer,
    ) -> i32 {
        let Some(client) = self.clients.get(place) else { return Fail::Over as i32 };
        let mut terms = client.terms;
        terms.operation = TOKEN.id;
        terms.max_answer_bytes = 64 * 1024;
        terms.resend = true;
        terms.answered_only = refresh;
        let now = time(elapsed).unwrap_or_default();
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().skip(24).zip(draw.to_le_bytes()) {
            *place = byte;
        }
        let course = Course::new(terms, Seed(seed).generator(), now);
        self.begin(Call { client: Rc::clone(client), course, trace: None }, now, answer)
    }

    fn begin(&mut self, mut call: Call, now: Duration, answer: &mut Answer) -> i32 {
        let next = call.course.next(Happened::Started, &call.client.gates, now);
        let step = call.step(next, now, true, answer);
        let place = self.calls.insert(call);
        let [_, _, number, _] = &mut answer.numbers;
        *number = place as f64;
        if Fail::ends(step) {
            self.calls.remove(place);
        }
        step
    }

    /// Forgets a client. Its calls go on.
    pub(crate) fn close(&mut self, client: usize) {
        self.clients.remove(client);
    }

    /// Begins a call. The text is its URL, and the names and values of its headers, each ended by NUL; or what is wrong with it.
    pub(crate) fn start(&mut self, mut texts: Texts<'_>, begin: &Begin, answer: &mut Answer) -> i32 {
        let (Some(client), Some(operation)) =
            (self.clients.get(begin.client), self.operations.get(begin.operation))
        else {
            return Fail::Over as i32;
        };
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().zip(texts.bytes(32)) {
            *place = *byte;
        }
        let seed = Seed(seed);
        let (key, accept, parent) = (texts.maybe(), texts.maybe(), texts.maybe());
        let mut own = Headers::new();
        for _ in 0..begin.headers {
            own.append(texts.text().to_owned(), texts.text());
        }
        let arguments = Arguments::of_pairs(operation, std::iter::from_fn(|| texts.pair()));
        // The body itself stays with JavaScript: nothing here reads it, so nothing is copied.
        let arguments = match begin.body {
            1 => arguments.json_bytes(Bytes::new()),
            2 => arguments.bytes(Bytes::new()),
            3 => arguments.form_bytes(Bytes::new()),
            _ => arguments,
        };

        let mut mistakes = Vec::new();
        let mut request = Headers::new();
        let mut url = client.base.clone();
        build::write(operation, &arguments, &mut url, &mut request, &mut mistakes);
        let mut headers = client.headers.clone();
        headers.merge(&request);
        let own = Own { accept, idempotency_key: key, headers: &own };
        let (headers, token) = own.complete(operation, headers, &client.credentials, seed, &mut mistakes);
        let read = parent.or_else(|| headers.get("traceparent")).and_then(TraceParent::parse);
        if parent.is_some() && read.is_none() {
            mistakes.push("`trace_parent` is not a W3C traceparent".to_owned());
        }
        if !mistakes.is_empty() {
            tell(&mistakes, answer);
            return Fail::Mistakes as i32;
        }
        let started = || TraceParent::start(&mut seed.trace_generator());
        let trace = read.or_else(|| client.trace.then(started));

        let mut terms = client.terms;
        terms.operation = operation.id;
        terms.timeout = time(begin.timeout).unwrap_or(terms.timeout);
        terms.deadline = time(begin.deadline).unwrap_or(terms.deadline);
        terms.max_retries = given(begin.retries).map_or(terms.max_retries, |retries| retries as u32);
        terms.resend = retry::may_resend(operation, headers.contains("idempotency-key"), true);
        terms.streams = matches!(operation.result, ResultKind::Bytes(_) | ResultKind::EventStream);
        terms.token = token;
        let now = time(begin.elapsed).unwrap_or_default();
        answer.text.push_str(&url);
        for (name, value) in headers.iter() {
            push(&mut answer.text, name);
            push(&mut answer.text, value);
        }
        let course = Course::new(terms, seed.generator(), now);
        self.begin(Call { client: Rc::clone(client), course, trace }, now, answer)
    }

    /// Tells a call what happened. Of a head the texts are its `Retry-After`, `Date` and `RateLimit`.
    pub(crate) fn next(
        &mut self,
        mut texts: Texts<'_>,
        place: usize,
        told: Told,
        answer: &mut Answer,
    ) -> i32 {
        let Some(call) = self.calls.get_mut(place) else { return Fail::Over as i32 };
        let happened = match told.event {
            0 => Happened::Slept,
            1 => {
                let mut word = Headers::new();
                for name in ["retry-after", "date", "ratelimit"] {
                    if let Some(value) = texts.maybe() {
                        word.append(name, value);
                    }
                }
                let asked = retry_after::retry_after(&word, time(told.unix).unwrap_or_default());
                let word = Word { asked, exhausted: retry_after::exhausted(&word) };
                Happened::Head { status: told.first as u16, confirms: told.second != 0.0, word }
            }
            2 => Happened::Body {
                usable: told.first != 0.0,
                asked: given(told.second).map(|seconds| Duration::from_secs(seconds as u64)),
            },
            3 => Happened::Failed {
                kind: FailureKind::ALL.get(told.first as usize).copied().unwrap_or(FailureKind::Request),
                bytes_sent: told.second != 0.0,
            },
            5 => Happened::Authorized,
            6 => Happened::Unauthorized,
            _ => Happened::Cancelled,
        };
        let now = time(told.elapsed).unwrap_or_default();
        let next = call.course.next(happened, &call.client.gates, now);
        let step = call.step(next, now, false, answer);
        if Fail::ends(step) {
            self.calls.remove(place);
        }
        step
    }
}

impl Call {
    /// A step as its number: 0 send (attempt, timeout), 1 read (limit, timeout), 2 sleep (how long), 12 get a token (within), the others are ends: 3 success, and [`Fail`]. An
    /// attempt's `traceparent` is the text, or the last header of it. The number of a success is how long its stream may stand still.
    fn step(&mut self, next: Next, now: Duration, first: bool, answer: &mut Answer) -> i32 {
        let mut limit = 0.0;
        let (step, one, two) = match next {
            Next::Send(attempt, timeout) => {
                if let Some(parent) = self.trace {
                    if first {
                        push(&mut answer.text, "traceparent");
                        answer.text.push('\0');
                    }
                    answer.text.push_str(&parent.child(&mut self.course.random).header());
                }
                (0, f64::from(attempt), milliseconds(timeout))
            }
            Next::Read(limit, timeout) => (1, limit as f64, milliseconds(timeout)),
            Next::Sleep(wait) => (2, milliseconds(wait), 0.0),
            Next::Authorize(within) => (Fail::AUTHORIZE, milliseconds(within), 0.0),
            // A stream may stand still as long as an attempt may take; of any other answer nothing more comes.
            Next::Succeed => (
                3,
                if self.course.terms().streams { milliseconds(self.course.terms().timeout) } else { 0.0 },
                0.0,
            ),
            Next::Fail(reason) => {
                let (fail, wait) = match reason {
                    Reason::Attempt { over_budget: false } => (Fail::Attempt, self.course.asked()),
                    Reason::Attempt { over_budget: true } => (Fail::OverBudget, self.course.asked()),
                    Reason::Cancelled => (Fail::Cancelled, None),
                    Reason::Late => (Fail::Late, None),
                    Reason::Unauthorized => (Fail::Unauthorized, None),
                    Reason::Held(wait) => (Fail::Held, Some(wait)),
                    Reason::Open(wait) => (Fail::Open, Some(wait)),
                    Reason::Broken | Reason::Over => (Fail::Over, None),
                };
                let late = self.course.remaining(now).is_zero();
                let Terms { timeout, deadline, .. } = *self.course.terms();
                limit = milliseconds(if late { deadline } else { timeout });
                (fail as i32, wait.map_or(-1.0, milliseconds), f64::from(u8::from(late)))
            }
        };
        answer.numbers = [one, two, limit, 0.0];
        step
    }
}

/// Why a call ends without an answer, as a step. The first number is how long the server asked to wait, or -1; the second, whether the deadline is over;
/// the third, the limit that the attempt had.
#[derive(Debug, Clone, Copy)]
enum Fail {
    Attempt = 4,
    OverBudget,
    Cancelled,
    Late,
    Held,
    Open,
    Over,
    Mistakes,
    Unauthorized = 13,
}

impl Fail {
    /// The step that gets a token.
    const AUTHORIZE: i32 = 12;

    /// Does this step end a call?
    const fn ends(step: i32) -> bool {
        step > 2 && step != Self::AUTHORIZE
    }
}

/// Every mistake, as one text.
fn tell(mistakes: &[String], answer: &mut Answer) {
    for mistake in mistakes {
        if !answer.text.is_empty() {
            answer.text.push_str("; ");
        }
        answer.text.push_str(mistake);
    }
}

/// Adds a text after another one.
fn push(text: &mut String, more: &str) {
    text.push('\0');
    text.push_str(more);
}

/// A number that was given: JavaScript's `NaN` is none.
fn given(number: f64) -> Option<f64> {
    (!number.is_nan()).then_some(number)
}

/// The next number of a message, if it was given.
fn number(texts: &mut Texts<'_>) -> Option<f64> {
    given(f64::from_le_bytes(texts.bytes(8).try_into().ok()?))
}

/// The engine's time from JavaScript's, if it was given. The cast saturates: what is negative is zero, and 584 years are the most.
fn time(milliseconds: f64) -> Option<Duration> {
    given(milliseconds).map(|milliseconds| Duration::from_nanos((milliseconds * 1_000_000.0) as u64))
}

fn set_time(place: &mut Duration, texts: &mut Texts<'_>) {
    *place = number(texts).and_then(time).unwrap_or(*place);
}

fn set(place: &mut u32, texts: &mut Texts<'_>) {
    *place = number(texts).map_or(*place, |number| number as u32);
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as JavaScript writes them.
    fn message(first: &[u8], texts: &[Option<&str>]) -> Vec<u8> {
        let mut message = first.to_vec();
        for text in texts {
            match text {
                Some(text) => message.extend_from_slice(text.as_bytes()),
                None => message.push(0xfe),
            }
            message.push(0xff);
        }
        message
    }

    /// An engine with a client whose settings are the defaults but for tracing, and a wait before a retry that is none.
    fn engine() -> Engine {
        let mut numbers = [f64::NAN; 19];
        [numbers[2], numbers[3], numbers[7]] = [0.0, 0.0, 1.0];
        let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let texts =
            [Some("https://api.example/base"), Some("key-1"), None, None, None, None, None, Some("acme")];
        let mut engine = Engine::default();
        let message = message(&numbers, &texts);
        assert_eq!(engine.client(Texts::of(&message), &mut Answer::default()), 0);
        engine
    }

    const GET: &str =
        "wallets_get\tGET\t/v1/wallets/{wallet_id}\tsafe\tnone\tjson\tbearer,header:X-API-Key\t/wallet_id!";
    const LIST: &str =
        "wallets_list\tGET\t/v1/wallets\tsafe\tnone\tjson\tbearer,header:X-API-Key\t?limit\t?cursor";

    fn operation(engine: &mut Engine, row: &str, answer: &mut Answer) -> i32 {
        engine.define(Texts::of(&message(&[], &[Some(row)])), answer)
    }

    fn start(engine: &mut Engine, operation: i32, arguments: &[&str], answer: &mut Answer) -> i32 {
        let texts: Vec<_> =
            [None, None, None].into_iter().chain(arguments.iter().copied().map(Some)).collect();
        let message = message(&[7; 32], &texts);
        let (timeout, deadline, retries) = (f64::NAN, f64::NAN, 1.0);
        let operation = usize::try_from(operation).unwrap();
        let begin =
            Begin { client: 0, operation, body: 0, headers: 0, timeout, deadline, retries, elapsed: 0.0 };
        engine.start(Texts::of(&message), &begin, answer)
    }

    #[test]
    fn an_operation_is_known_by_its_number_and_its_properties() {
        let (mut engine, mut answer) = (engine(), Answer::default());
        let number = operation(&mut engine, GET, &mut answer);
        assert_eq!((answer.text.as_str(), answer.numbers[0]), ("GET", f64::from(0b1100)));
        let (row, mut answer) = ("forms_send\tPOST\t/v1/forms\tnever\tform\tnone\t", Answer::default());
        assert_ne!(operation(&mut engine, row, &mut answer), number);
        assert_eq!((answer.text.as_str(), answer.numbers[0]), ("POST", f64::from(0b1_0010)));
    }

    #[test]
    fn a_call_has_its_url_and_its_headers_and_each_attempt_a_span_of_its_own() {
        let (mut engine, mut answer) = (engine(), Answer::default());
        let number = operation(&mut engine, GET, &mut Answer::default());
        assert_eq!(start(&mut engine, number, &["wallet_id", "a/b"], &mut answer), 0);
        let parts: Vec<&str> = answer.text.split('\0').collect();
        assert_eq!(parts[0], "https://api.example/base/v1/wallets/a%2Fb");
        for (name, value) in [("x-tenant-id", "acme"), ("x-api-key", "key-1"), ("accept", "application/json")]
        {
            assert!(parts.windows(2).any(|pair| pair == [name, value]), "{parts:?}");
        }
        let [.., name, first] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!((*name, first.len()), ("traceparent", 55));
        assert_eq!(answer.numbers[..2], [1.0, 15_000.0]);

        let call = answer.numbers[2] as usize;
        let mut told = |event, first, second| {
            let mut answer = Answer::default();
            let told = Told { event, first, second, elapsed: 10.0, unix: 0.0 };
            let step = engine.next(Texts::of(&[]), call, told, &mut answer);
            (step, answer)
        };
        assert_eq!(told(1, 503.0, 0.0).0, 1, "its body is read");
        assert_eq!(told(2, 0.0, f64::NAN).0, 2, "it is waited");
        let (step, answer) = told(0, 0.0, 0.0);
        assert_eq!((step, answer.numbers[0], answer.text.len()), (0, 2.0, 55));
        assert_ne!(answer.text, *first);
        let (step, answer) = told(3, 2.0, 1.0);
        assert_eq!((step, answer.numbers[0], answer.numbers[2]), (Fail::Attempt as i32, -1.0, 15_000.0));
        assert_eq!(told(0, 0.0, 0.0).0, Fail::Over as i32);
    }

    #[test]
    fn a_call_of_an_oauth_client_asks_for_a_token_and_for_another_one_after_a_401() {
        let mut engine = Engine::default();
        let numbers: Vec<u8> = [f64::NAN; 19].iter().flat_map(|number| number.to_le_bytes()).collect();
        let texts = [Some("https://api.example"), None, None, Some("app"), Some("")];
        let message = message(&numbers, &texts);
        assert_eq!(engine.client(Texts::of(&message), &mut Answer::default()), 0);
        let number = operation(&mut engine, LIST, &mut Answer::default());
        let mut answer = Answer::default();
        assert_eq!(start(&mut engine, number, &[], &mut answer), Fail::AUTHORIZE);
        assert_eq!(answer.numbers[0], 60_000.0);
        let call = answer.numbers[2] as usize;

        let told = |event, first, second| Told { event, first, second, elapsed: 10.0, unix: 1000.0 };
        let token = |engine: &mut Engine, event, first, second| {
            engine.token(0, told(event, first, second), &mut Answer::default())
        };
        assert_eq!(token(&mut engine, 1, 0.0, 0.0), Get::Client as i32);
        assert_eq!(token(&mut engine, 1, 0.0, 0.0), Get::Wait as i32, "for another call");
        let mut asked = Answer::default();
        assert_eq!(engine.ask(0, false, 10.0, 0.5, &mut asked), 0, "it is sent");
        let request = asked.numbers[2] as usize;
        let next = |engine: &mut Engine, call, event, first, second| {
            engine.next(Texts::of(&[]), call, told(event, first, second), &mut Answer::default())
        };
        assert_eq!(next(&mut engine, request, 1, 200.0, 0.0), 1, "it is read");
        assert_eq!(next(&mut engine, request, 2, 1.0, f64::NAN), 3);
        assert_eq!(token(&mut engine, 4, 2000.0, 3.0), Get::Use as i32);

        assert_eq!(next(&mut engine, call, 5, 0.0, 0.0), 0);
        assert_eq!(next(&mut engine, call, 1, 401.0, 0.0), 1);
        assert_eq!(next(&mut engine, call, 2, 0.0, f64::NAN), Fail::AUTHORIZE);
        assert_eq!(token(&mut engine, 2, 0.0, 0.0), Get::Refresh as i32);
        assert_eq!(token(&mut engine, 5, 0.0, 0.0), Get::Client as i32, "the refresh token was not taken");
        assert_eq!(token(&mut engine, 8, 0.0, 0.0), Get::Use as i32);
        assert_eq!(next(&mut engine, call, 6, 0.0, 0.0), Fail::Unauthorized as i32);
    }

    #[test]
    fn every_mistake_of_a_call_is_told_at_once() {
        let (mut engine, mut answer) = (engine(), Answer::default());
        let number = operation(&mut engine, GET, &mut Answer::default());
        assert_eq!(start(&mut engine, number, &["wallet", "x"], &mut answer), Fail::Mistakes as i32);
        assert_eq!(answer.text, "there is no parameter `wallet`; the path parameter `wallet_id` is missing");
    }
}
