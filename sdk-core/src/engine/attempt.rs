//! The attempt loop: a state machine that is fed what happened and answers what to do next. It does no input or output, so that one set of rules
//! (and one set of tests) serves every driver: async, in place, and in a browser.
//!
//! ```text
//! Start -> Sleep? -> Send -> Head -> Read -> Body -> Done
//!            ^         |       |               |
//!            +---------+-------+---------------+   (a retry)
//! ```
//!
//! What to do next is decided by the [`Course`]; here is what it decides over: the request, its answers, the typed errors, the stored answers.
//!
//! Promises: those of the course; an error is made once, of the last attempt; a driver that breaks the protocol gets an error, not a panic.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::classify;
use super::course::{Course, Happened, Next, Reason, Terms, Word, is_success};
use super::envelope::{Attempt, Body, Cause, Envelope};
use super::error::{Error, ErrorKind};
use super::failure::TransportFailure;
use super::message::{Request, ResponseHead};
use super::operation::ResultKind;
use super::plan::Plan;
use super::policy::cache::{Key, Stored};
use super::policy::shared::Shared;
use super::policy::{retry, retry_after};
use super::problem::Problem;
use super::redact::Secret;
use super::time::Now;

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The call begins. The first event, and only the first.
    Start,
    /// The wait of [`Step::Sleep`] is over.
    Slept,
    /// The access token that [`Step::Authorize`] asked for.
    Authorized(Secret),
    /// There is none, and why; or the time for it is over.
    Unauthorized(Option<Error>),
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
    /// Get an access token, and answer with [`Event::Authorized`] or [`Event::Unauthorized`].
    Authorize {
        /// The server did not take this one: it must be another.
        refused: Option<Secret>,
        /// The longest that it may take.
        timeout: Duration,
    },
    /// Send this, and answer with [`Event::Head`] or [`Event::Failure`].
    Send(SendAttempt),
    /// Read the body of the answer whose head came, and answer with [`Event::Body`] or [`Event::Failure`].
    Read {
        /// Stop after this many bytes.
        limit: usize,
        /// The longest that it may take; afterwards it is a [`FailureKind::Timeout`](super::FailureKind::Timeout).
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
    /// The longest that the head may take, from now; afterwards it is a [`FailureKind::Timeout`](super::FailureKind::Timeout).
    pub timeout: Duration,
    /// The longest that the connection may take to open.
    pub connect_timeout: Duration,
}

/// The state of one call. Feed it events until it answers [`Step::Done`].
#[derive(Debug)]
pub struct AttemptLoop {
    plan: Plan,
    shared: Arc<Shared>,
    course: Course,
    /// When the attempt was sent whose end is awaited.
    sent: Duration,
    /// The head of the answer whose body is awaited.
    head: Option<ResponseHead>,
    attempts: Vec<Attempt>,
    /// Waited since the last attempt.
    waited: Duration,
    /// What attempts are sent with, where it was got for the call.
    token: Option<Secret>,
    /// Why there is none.
    unauthorized: Option<Error>,
    /// How the last attempt went; the error of a call is made of it.
    last: Option<Outcome>,
    /// Where the answer would be, and is, kept.
    cache_key: Option<Key>,
    cacheable: bool,
    stored: Option<Stored>,
    /// The driver's last word, for what is reported when the loop is dropped.
    heard: Duration,
}

/// An attempt that was no success.
#[derive(Debug)]
enum Outcome {
    /// An answer of another status than 2xx.
    Status(ResponseHead, Bytes),
    /// No complete answer; with the head where there was one. `late`: the deadline is what cut it off.
    Transport { failure: TransportFailure, head: Option<ResponseHead>, late: bool },
    /// A success that cannot be used, and why.
    Unusable(ResponseHead, Bytes, String),
}

impl AttemptLoop {
    /// A call that begins now. The deadline counts from here.
    pub fn new(plan: Plan, shared: Arc<Shared>, now: Now) -> Self {
        let cacheable = shared.caches() && plan.is_cacheable();
        // The key is a hash over the request: taken where it finds something, or has something to keep.
        let cache_key = (cacheable && shared.has_stored()).then(|| Key::of(&plan.request));
        let has_key = plan.request.headers.contains("idempotency-key");
        let terms = Terms {
            operation: plan.operation.id,
            timeout: plan.timeout,
            deadline: plan.deadline,
            max_retries: plan.max_retries,
            backoff: plan.backoff,
            pacing: plan.pacing,
            max_answer_bytes: plan.max_answer_bytes,
            resend: retry::may_resend(plan.operation, has_key, true),
            answered_only: plan.answered_only,
            streams: matches!(plan.operation.result, ResultKind::Bytes(_) | ResultKind::EventStream),
            token: plan.token,
        };
        Self {
            course: Course::new(terms, plan.seed.generator(), now.elapsed),
            sent: now.elapsed,
            head: None,
            attempts: Vec::new(),
            waited: Duration::ZERO,
            token: None,
            unauthorized: None,
            last: None,
            stored: cache_key.and_then(|key| shared.stored(&key)),
            cache_key,
            cacheable,
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
        match event {
            Event::Start => self.go(Happened::Started, "Start", now),
            Event::Slept => self.go(Happened::Slept, "Slept", now),
            Event::Authorized(token) => self.authorized(token, now),
            Event::Unauthorized(error) => {
                self.unauthorized = error;
                self.go(Happened::Unauthorized, "Unauthorized", now)
            }
            Event::Cancelled => self.go(Happened::Cancelled, "Cancelled", now),
            Event::Head(head) => self.head(head, now),
            Event::Body { bytes, cut } => self.body(bytes, cut, now),
            Event::Failure(failure) => self.failed(failure, now),
        }
    }

    fn go(&mut self, happened: Happened, event: &str, now: Now) -> Step {
        let next = self.course.next(happened, &self.shared.gates, now.elapsed);
        self.step(next, event, now)
    }

    fn step(&mut self, next: Next, event: &str, now: Now) -> Step {
        match next {
            Next::Send(attempt, timeout) => self.send(attempt, timeout, now),
            Next::Read(limit, timeout) => Step::Read { limit, timeout },
            Next::Sleep(wait) => {
                self.waited = self.waited.saturating_add(wait);
                Step::Sleep(wait)
            }
            Next::Authorize(timeout) => Step::Authorize { refused: self.token.take(), timeout },
            Next::Fail(reason) => self.fail(reason, event),
            // A success is met where its answer is.
            Next::Succeed => self.fail(Reason::Broken, event),
        }
    }

    /// The token is a part of the request from here on: of what an answer is kept for, and of what no error may hold.
    fn authorized(&mut self, token: Secret, now: Now) -> Step {
        let value = super::text::concat(&["Bearer ", token.expose()]);
        self.plan.request.headers.insert("authorization", value);
        self.token = Some(token);
        if self.cacheable && self.shared.has_stored() {
            let key = Key::of(&self.plan.request);
            self.stored = self.shared.stored(&key);
            self.cache_key = Some(key);
        } else {
            self.cache_key = None;
        }
        self.go(Happened::Authorized, "Authorized", now)
    }

    fn send(&mut self, attempt: u32, timeout: Duration, now: Now) -> Step {
        self.sent = now.elapsed;
        let mut request = self.plan.request.clone();
        if let Some(parent) = self.plan.trace {
            request.headers.insert("traceparent", parent.child(&mut self.course.random).header());
        }
        if let Some(stored) = &self.stored {
            request.headers.insert("if-none-match", stored.etag.clone());
        }
        let connect_timeout = self.plan.connect_timeout.min(self.course.remaining(now.elapsed));
        Step::Send(SendAttempt { request, attempt, timeout, connect_timeout })
    }

    fn head(&mut self, head: ResponseHead, now: Now) -> Step {
        let asked = self.plan.request.headers.contains("if-none-match");
        let confirms = head.status == 304 && (self.stored.is_some() || asked);
        let happened = Happened::Head { status: head.status, confirms, word: word(&head, now) };
        match self.course.next(happened, &self.shared.gates, now.elapsed) {
            Next::Read(limit, timeout) => {
                self.head = Some(head);
                Step::Read { limit, timeout }
            }
            Next::Succeed => {
                self.record(Some(&head), None, now);
                match self.stored.take().filter(|_| confirms) {
                    Some(stored) => {
                        let headers = stored.refreshed(&head.headers);
                        let confirmed = ResponseHead { status: stored.status, headers };
                        self.succeed(confirmed, Body::Bytes(stored.body), true)
                    }
                    None if confirms => self.succeed(head, Body::Bytes(Bytes::new()), false),
                    None => self.succeed(head, Body::Stream, false),
                }
            }
            next => self.step(next, "Head", now),
        }
    }

    /// A complete answer.
    fn body(&mut self, body: Bytes, cut: bool, now: Now) -> Step {
        let Some(head) = self.head.take() else {
            return self.go(Happened::Body { usable: false, asked: None }, "Body", now);
        };
        if !is_success(head.status) {
            return self.refused(head, body, now);
        }
        let unusable = if cut {
            Some(format!("more than {} bytes", self.plan.max_answer_bytes))
        } else {
            classify::mismatch(self.plan.operation.result, &head, &body)
        };
        let happened = Happened::Body { usable: unusable.is_none(), asked: None };
        let next = self.course.next(happened, &self.shared.gates, now.elapsed);
        if let Some(what) = unusable {
            self.record(Some(&head), Some(Cause::Decode), now);
            self.last = Some(Outcome::Unusable(head, body, what));
            return self.step(next, "Body", now);
        }
        self.record(Some(&head), None, now);
        let worth_keeping = self.cacheable && head.headers.contains("etag");
        let key = self.cache_key.or_else(|| worth_keeping.then(|| Key::of(&self.plan.request)));
        if let Some(key) = key {
            self.shared.store(key, head.status, &head.headers, &body);
        }
        self.succeed(head, Body::Bytes(body), false)
    }

    /// An answer that is none of 2xx.
    fn refused(&mut self, head: ResponseHead, body: Bytes, now: Now) -> Step {
        self.record(Some(&head), Some(Cause::Status), now);
        let asked = Problem::parse(&body).and_then(|problem| problem.retry_after).map(Duration::from_secs);
        let happened = Happened::Body { usable: false, asked };
        self.last = Some(Outcome::Status(head, body));
        self.go(happened, "Body", now)
    }

    /// No complete answer.
    fn failed(&mut self, failure: TransportFailure, now: Now) -> Step {
        let head = self.head.take();
        if let Some(head) = head.as_ref().filter(|head| !is_success(head.status)) {
            return self.refused(head.clone(), Bytes::new(), now);
        }
        let happened = Happened::Failed { kind: failure.kind, bytes_sent: failure.bytes_sent };
        let next = self.course.next(happened, &self.shared.gates, now.elapsed);
        if !matches!(next, Next::Fail(Reason::Broken | Reason::Over)) {
            self.record(head.as_ref(), Some(Cause::Transport(failure.kind)), now);
            let late = self.course.remaining(now.elapsed).is_zero();
            self.last = Some(Outcome::Transport { failure, head, late });
        }
        self.step(next, "Failure", now)
    }

    fn record(&mut self, head: Option<&ResponseHead>, cause: Option<Cause>, now: Now) {
        self.attempts.push(Attempt {
            number: u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1),
            delay: std::mem::take(&mut self.waited),
            duration: now.elapsed.saturating_sub(self.sent),
            status: head.map(|head| head.status),
            cause,
            request_id: head.and_then(classify::request_id),
        });
    }

    fn succeed(&mut self, head: ResponseHead, body: Body, from_cache: bool) -> Step {
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

    fn fail(&mut self, reason: Reason, event: &str) -> Step {
        let plan = &self.plan;
        let id = plan.operation.id;
        let unsent = |kind, message, wait| classify::unsent(plan, kind, message, wait);
        let broken = |how: &str| {
            let message = format!("the driver broke the attempt loop's protocol: {how}");
            unsent(ErrorKind::Config, message, None)
        };
        let error = match reason {
            Reason::Attempt { over_budget } => {
                let error = match self.last.take() {
                    Some(Outcome::Status(head, body)) => {
                        classify::status(plan, &head, &body, self.course.asked())
                    }
                    Some(Outcome::Transport { failure, head, late }) => {
                        classify::transport(plan, &failure, head.as_ref(), late)
                    }
                    Some(Outcome::Unusable(head, body, what)) => {
                        classify::undecodable(plan, &head, &body, &what)
                    }
                    None => broken(&format!("it reported {event} out of turn")),
                };
                if over_budget { classify::over_budget(error) } else { error }
            }
            Reason::Unauthorized => {
                let none = || super::oauth::sign_in(plan.operation, None);
                let error = self.unauthorized.take().unwrap_or_else(none);
                // One of the token endpoint tells of its own attempts.
                if !error.attempts().is_empty() {
                    return Step::Done(Box::new(Err(error)));
                }
                error
            }
            Reason::Cancelled => {
                unsent(ErrorKind::Cancelled, format!("{id} was given up by its caller"), None)
            }
            Reason::Late => {
                unsent(ErrorKind::Timeout, format!("{id} did not finish within its deadline"), None)
            }
            Reason::Held(wait) => {
                let message =
                    format!("{id} was not sent: the server asked to wait beyond the call's deadline");
                unsent(ErrorKind::RateLimited, message, Some(wait))
            }
            Reason::Open(wait) => {
                let message = format!("{id} was not sent: the circuit breaker is open");
                unsent(ErrorKind::CircuitOpen, message, Some(wait))
            }
            Reason::Broken => broken(&format!("it reported {event} out of turn")),
            Reason::Over => broken("it went on after the call was over"),
        };
        Step::Done(Box::new(Err(classify::seal(error, &self.plan.request, &self.attempts))))
    }
}

impl Drop for AttemptLoop {
    fn drop(&mut self) {
        self.course.abandon(&self.shared.gates, self.heard);
    }
}

/// What an answer's headers say about when the next request may come.
fn word(head: &ResponseHead, now: Now) -> Word {
    let asked =
        if is_success(head.status) { None } else { retry_after::retry_after(&head.headers, now.unix) };
    Word { asked, exhausted: retry_after::exhausted(&head.headers) }
}
