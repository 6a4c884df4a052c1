//! The attempt loop: a state machine that is fed what happened and answers what to do next. It does no input or output, so that one set of rules
//! (and one set of tests) serves every driver: async, in place, and in a browser.
//!
//! ```text
//! Start -> Sleep? -> Send -> Head -> Read -> Body -> Done
//!            ^         |       |               |
//!            +---------+-------+---------------+   (a retry)
//! ```
//!
//! Promises: at most `1 + max_retries` attempts; no step reaches beyond the deadline; a request that may not be resent is sent once; a driver that
//! breaks the protocol gets an error, not a panic.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::classify;
use super::envelope::{Attempt, Body, Cause, Envelope};
use super::error::{Error, ErrorKind};
use super::failure::{FailureKind, TransportFailure};
use super::message::{Request, ResponseHead};
use super::operation::ResultKind;
use super::plan::Plan;
use super::policy::breaker::{Health, Permit};
use super::policy::cache::{Key, Stored};
use super::policy::shared::Shared;
use super::policy::{retry, retry_after};
use super::problem::Problem;
use super::random::Generator;
use super::time::Now;

/// More of an error's body is not read: a problem is small, and whatever else it is, its beginning says enough.
const ERROR_BODY: usize = 64 * 1024;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The call begins. The first event, and only the first.
    Start,
    /// The wait of [`Step::Sleep`] is over.
    Slept,
    /// The answer's head came.
    Head(ResponseHead),
    /// The body that [`Step::Read`] asked for.
    Body {
        /// At most `limit` bytes of it.
        bytes: Bytes,
        /// There was more than `limit`.
        cut: bool,
    },
    /// The attempt failed, while sending or while reading.
    Failure(TransportFailure),
    /// The caller gave up.
    Cancelled,
}

/// What to do next.
#[derive(Debug, Clone)]
#[must_use]
pub enum Step {
    /// Send this, and answer with [`Event::Head`] or [`Event::Failure`].
    Send(SendAttempt),
    /// Read the body of the answer whose head came, and answer with [`Event::Body`] or [`Event::Failure`].
    Read {
        /// Stop after this many bytes.
        limit: usize,
        /// The longest that it may take; afterwards it is a [`FailureKind::Timeout`].
        timeout: Duration,
    },
    /// Let go of the answer, wait, and answer with [`Event::Slept`].
    Sleep(Duration),
    /// The call is over. With [`Body::Stream`] the body of the last answer is the caller's to read.
    Done(Box<Result<Envelope, Error>>),
}

/// One attempt to send.
#[derive(Debug, Clone)]
pub struct SendAttempt {
    /// What to send.
    pub request: Request,
    /// From 1.
    pub attempt: u32,
    /// The longest that the head may take, from now; afterwards it is a [`FailureKind::Timeout`].
    pub timeout: Duration,
    /// The longest that the connection may take to open.
    pub connect_timeout: Duration,
}

/// The state of one call. Feed it events until it answers [`Step::Done`].
#[derive(Debug)]
pub struct AttemptLoop {
    plan: Plan,
    shared: Arc<Shared>,
    random: Generator,
    /// On the driver's monotonic clock.
    deadline: Duration,
    state: State,
    attempts: Vec<Attempt>,
    /// Waited since the last attempt.
    waited: Duration,
    /// What the last attempt would end with, kept while the next one is waited for.
    last: Option<Error>,
    /// Where the answer would be, and is, kept.
    cache_key: Option<Key>,
    cacheable: bool,
    stored: Option<Stored>,
    permit: Option<Permit>,
    /// The driver's last word, for what is reported when the loop is dropped.
    heard: Duration,
}

#[derive(Debug)]
enum State {
    New,
    Waiting,
    Sent { at: Duration },
    Reading { at: Duration, head: ResponseHead },
    Over,
}

impl AttemptLoop {
    /// A call that begins now. The deadline counts from here.
    pub fn new(plan: Plan, shared: Arc<Shared>, now: Now) -> Self {
        let cacheable = shared.caches() && plan.is_cacheable();
        // The key is a hash over the request: taken where it finds something, or has something to keep.
        let cache_key = (cacheable && shared.has_stored()).then(|| Key::of(&plan.request));
        Self {
            random: plan.seed.generator(),
            deadline: now.elapsed.saturating_add(plan.deadline),
            state: State::New,
            attempts: Vec::new(),
            waited: Duration::ZERO,
            last: None,
            stored: cache_key.and_then(|key| shared.stored(&key)),
            cache_key,
            cacheable,
            permit: None,
            heard: now.elapsed,
            plan,
            shared,
        }
    }

    /// The call that is being made.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What to do, now that this happened. After [`Step::Done`] it has nothing more to say.
    pub fn next(&mut self, event: Event, now: Now) -> Step {
        self.heard = now.elapsed;
        match (std::mem::replace(&mut self.state, State::Over), event) {
            (State::Over, _) => self.broken("it went on after the call was over"),
            (_, Event::Cancelled) => {
                self.report(Health::Unknown, now);
                let message = format!("{} was given up by its caller", self.plan.operation.id);
                self.fail(classify::unsent(&self.plan, ErrorKind::Cancelled, message, None))
            }
            (State::New, Event::Start) | (State::Waiting, Event::Slept) => self.attempt(now),
            (State::Sent { at }, Event::Head(head)) => self.head(at, head, now),
            (State::Reading { at, head }, Event::Body { bytes, cut }) => {
                self.answered(at, head, bytes, cut, now)
            }
            (State::Sent { at }, Event::Failure(failure)) => self.failed(at, None, &failure, now),
            (State::Reading { at, head }, Event::Failure(failure)) => {
                if is_success(head.status) {
                    self.failed(at, Some(head), &failure, now)
                } else {
                    // The status alone decides; that its body cannot be had takes nothing from it.
                    self.answered(at, head, Bytes::new(), false, now)
                }
            }
            (State::New | State::Waiting | State::Sent { .. } | State::Reading { .. }, event) => {
                self.broken(&format!("it reported {} out of turn", event.name()))
            }
        }
    }

    /// Sends the next attempt, unless something holds it back.
    fn attempt(&mut self, now: Now) -> Step {
        let remaining = self.remaining(now);
        if remaining.is_zero() {
            let message = format!("{} did not finish within its deadline", self.plan.operation.id);
            let late = classify::unsent(&self.plan, ErrorKind::Timeout, message, None);
            return self.fail(late);
        }
        if self.plan.pacing
            && let Some(wait) = self.shared.held(self.plan.operation.id, now.elapsed)
        {
            return self.hold(wait, remaining);
        }
        match self.shared.permit(now.elapsed) {
            Ok(permit) => self.permit = permit,
            Err(wait) => {
                let message = format!("{} was not sent: the circuit breaker is open", self.plan.operation.id);
                let open = classify::unsent(&self.plan, ErrorKind::CircuitOpen, message, Some(wait));
                let error = self.last.take().unwrap_or(open);
                return self.fail(error);
            }
        }
        self.state = State::Sent { at: now.elapsed };
        let mut request = self.plan.request.clone();
        if let Some(parent) = self.plan.trace {
            request.headers.insert("traceparent", parent.child(&mut self.random).header());
        }
        if let Some(stored) = &self.stored {
            request.headers.insert("if-none-match", stored.etag.clone());
        }
        Step::Send(SendAttempt {
            request,
            attempt: self.number(),
            timeout: self.plan.timeout.min(remaining),
            connect_timeout: self.plan.connect_timeout.min(remaining),
        })
    }

    /// The server said: not yet. Waits, or fails at once when that is later than the deadline.
    fn hold(&mut self, wait: Duration, remaining: Duration) -> Step {
        if wait < remaining {
            return self.sleep(wait);
        }
        let message = format!(
            "{} was not sent: the server asked to wait beyond the call's deadline",
            self.plan.operation.id
        );
        let held = classify::unsent(&self.plan, ErrorKind::RateLimited, message, Some(wait));
        let error = self.last.take().unwrap_or(held);
        self.fail(error)
    }

    fn head(&mut self, at: Duration, head: ResponseHead, now: Now) -> Step {
        if head.status == 304 {
            if let Some(stored) = self.stored.take() {
                self.learn(&head, now);
                self.report(Health::Good, now);
                self.record(at, Some(&head), None, now);
                let headers = stored.refreshed(&head.headers);
                let confirmed = ResponseHead { status: stored.status, headers };
                return self.succeed(confirmed, Body::Bytes(stored.body), true);
            }
            if self.plan.request.headers.contains("if-none-match") {
                self.report(Health::Good, now);
                self.record(at, Some(&head), None, now);
                return self.succeed(head, Body::Bytes(Bytes::new()), false);
            }
        }
        let success = is_success(head.status);
        if success && matches!(self.plan.operation.result, ResultKind::Bytes(_) | ResultKind::EventStream) {
            self.learn(&head, now);
            self.report(Health::Good, now);
            self.record(at, Some(&head), None, now);
            return self.succeed(head, Body::Stream, false);
        }
        let limit = if success { self.plan.max_answer_bytes } else { ERROR_BODY };
        let used = now.elapsed.saturating_sub(at);
        let timeout = self.plan.timeout.saturating_sub(used).min(self.remaining(now));
        self.state = State::Reading { at, head };
        Step::Read { limit, timeout }
    }

    /// A complete answer.
    fn answered(&mut self, at: Duration, head: ResponseHead, body: Bytes, cut: bool, now: Now) -> Step {
        let asked = self.learn(&head, now);
        if is_success(head.status) {
            self.report(Health::Good, now);
            let unusable = if cut {
                Some(format!("more than {} bytes", self.plan.max_answer_bytes))
            } else {
                classify::mismatch(self.plan.operation.result, &head, &body)
            };
            if let Some(what) = unusable {
                self.record(at, Some(&head), Some(Cause::Decode), now);
                let error = classify::undecodable(&self.plan, &head, &body, &what);
                return self.fail(error);
            }
            self.record(at, Some(&head), None, now);
            let worth_keeping = self.cacheable && head.headers.contains("etag");
            let key = self.cache_key.or_else(|| worth_keeping.then(|| Key::of(&self.plan.request)));
            if let Some(key) = key {
                self.shared.store(key, head.status, &head.headers, &body);
            }
            return self.succeed(head, Body::Bytes(body), false);
        }
        self.report(health(head.status), now);
        self.record(at, Some(&head), Some(Cause::Status), now);
        let asked = asked.or_else(|| {
            let seconds = Problem::parse(&body)?.retry_after?;
            Some(Duration::from_secs(seconds))
        });
        let error = classify::status(&self.plan, &head, &body, asked);
        if retry::passes_status(head.status) && self.may_resend(true) {
            return self.again(error, asked, now);
        }
        self.fail(error)
    }

    /// No complete answer.
    fn failed(
        &mut self,
        at: Duration,
        head: Option<ResponseHead>,
        failure: &TransportFailure,
        now: Now,
    ) -> Step {
        let bad = !matches!(failure.kind, FailureKind::Request);
        self.report(if bad { Health::Bad } else { Health::Unknown }, now);
        self.record(at, head.as_ref(), Some(Cause::Transport(failure.kind)), now);
        let late = self.remaining(now).is_zero();
        let error = classify::transport(&self.plan, failure, head.as_ref(), late);
        // Once the head is there, bytes have left, whatever the transport believes.
        if retry::passes_failure(failure.kind) && self.may_resend(failure.bytes_sent || head.is_some()) {
            return self.again(error, None, now);
        }
        self.fail(error)
    }

    /// Waits for another attempt, if one is left, affordable, and early enough.
    fn again(&mut self, error: Error, asked: Option<Duration>, now: Now) -> Step {
        let retry = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        if retry > self.plan.max_retries {
            return self.fail(error);
        }
        let backoff = self.plan.backoff.delay(retry, self.random.next());
        let wait = asked.map_or(backoff, |asked| asked.max(backoff));
        if wait >= self.remaining(now) {
            return self.fail(error);
        }
        if !self.shared.withdraw_retry(now.elapsed) {
            return self.fail(classify::over_budget(error));
        }
        self.last = Some(error);
        self.sleep(wait)
    }

    fn sleep(&mut self, wait: Duration) -> Step {
        self.state = State::Waiting;
        self.waited = self.waited.saturating_add(wait);
        Step::Sleep(wait)
    }

    /// What an answer says about when the next request may come.
    fn learn(&mut self, head: &ResponseHead, now: Now) -> Option<Duration> {
        let exhausted = retry_after::exhausted(&head.headers);
        let asked =
            if is_success(head.status) { None } else { retry_after::retry_after(&head.headers, now.unix) };
        let wait = asked.max(exhausted);
        // Only these two statuses speak of every request; a 409's Retry-After is about its own idempotency key.
        let general = if matches!(head.status, 429 | 503) { wait } else { exhausted };
        if let Some(wait) = general.filter(|wait| self.plan.pacing && !wait.is_zero()) {
            self.shared.hold(self.plan.operation.id, wait, now.elapsed);
        }
        // A limit that is used up says when a refused request may come again; for another error only Retry-After does.
        if head.status == 429 { wait } else { asked }
    }

    fn may_resend(&self, bytes_sent: bool) -> bool {
        retry::may_resend(
            self.plan.operation,
            self.plan.request.headers.contains("idempotency-key"),
            bytes_sent,
        )
    }

    fn number(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn remaining(&self, now: Now) -> Duration {
        self.deadline.saturating_sub(now.elapsed)
    }

    fn report(&mut self, health: Health, now: Now) {
        if let Some(permit) = self.permit.take() {
            self.shared.report(permit, health, now.elapsed);
        }
    }

    fn record(&mut self, at: Duration, head: Option<&ResponseHead>, cause: Option<Cause>, now: Now) {
        self.attempts.push(Attempt {
            number: self.number(),
            delay: std::mem::take(&mut self.waited),
            duration: now.elapsed.saturating_sub(at),
            status: head.map(|head| head.status),
            cause,
            request_id: head.and_then(classify::request_id),
        });
    }

    fn succeed(&mut self, head: ResponseHead, body: Body, from_cache: bool) -> Step {
        self.shared.succeeded();
        Step::Done(Box::new(Ok(Envelope {
            operation: self.plan.operation,
            status: head.status,
            request_id: classify::request_id(&head),
            headers: head.headers,
            body,
            attempts: std::mem::take(&mut self.attempts),
            from_cache,
            url: std::mem::take(&mut self.plan.request.url),
        })))
    }

    fn fail(&mut self, error: Error) -> Step {
        self.state = State::Over;
        Step::Done(Box::new(Err(classify::seal(error, &self.plan.request, &self.attempts))))
    }

    fn broken(&mut self, how: &str) -> Step {
        let message = format!("the driver broke the attempt loop's protocol: {how}");
        self.fail(classify::unsent(&self.plan, ErrorKind::Config, message, None))
    }
}

impl Drop for AttemptLoop {
    /// A call that is dropped in flight gives its permit back, or a half-open breaker would wait for that probe for ever.
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.shared.report(permit, Health::Unknown, self.heard);
        }
    }
}

impl Event {
    const fn name(&self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Slept => "Slept",
            Self::Head(_) => "Head",
            Self::Body { .. } => "Body",
            Self::Failure(_) => "Failure",
            Self::Cancelled => "Cancelled",
        }
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

const fn health(status: u16) -> Health {
    match status {
        429 => Health::Busy,
        500..=599 => Health::Bad,
        _ => Health::Good,
    }
}
