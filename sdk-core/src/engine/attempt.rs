//! The attempt loop: a state machine that is fed what happened and answers what to do next. It does no input or output, so that one set of rules
//! (and one set of tests) serves every driver: async, in place, and in a browser.
//!
//! ```text
//! Start -> Sleep? -> Send -> Head -> Read -> Body -> Done
//!            ^         |       |               |
//!            +---------+-------+---------------+   (a retry)
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::build::Plan;
use super::envelope::{Attempt, Body, Cause, Envelope};
use super::error::{Error, ErrorKind, Failure};
use super::failure::TransportFailure;
use super::message::{Request, ResponseHead};
use super::operation::ResultKind;
use super::policy::shared::Shared;
use super::problem::Problem;
use super::time::Now;

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
        /// The longest that it may take; afterwards it is a [`FailureKind::Timeout`](super::failure::FailureKind).
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
    /// The longest that the head may take, from now.
    pub timeout: Duration,
    /// The longest that the connection may take to open.
    pub connect_timeout: Duration,
}

/// The state of one call. Feed it events until it answers [`Step::Done`].
#[derive(Debug)]
pub struct AttemptLoop {
    plan: Plan,
    shared: Arc<Shared>,
    started: Now,
    attempts: Vec<Attempt>,
    sent_at: Now,
    head: Option<ResponseHead>,
}

impl AttemptLoop {
    /// A call that begins now. The deadline counts from here.
    pub fn new(plan: Plan, shared: Arc<Shared>, now: Now) -> Self {
        Self { plan, shared, started: now, attempts: Vec::new(), sent_at: now, head: None }
    }

    /// What to do, now that this happened. After [`Step::Done`] it must not be called again.
    pub fn next(&mut self, event: Event, now: Now) -> Step {
        let _ = (&self.shared, self.started);
        match event {
            Event::Start | Event::Slept => {
                self.sent_at = now;
                Step::Send(SendAttempt {
                    request: self.plan.request.clone(),
                    attempt: 1,
                    timeout: self.plan.timeout,
                    connect_timeout: self.plan.connect_timeout,
                })
            }
            Event::Head(head) => {
                let success = (200..300).contains(&head.status);
                self.head = Some(head);
                if success
                    && matches!(self.plan.operation.result, ResultKind::Bytes(_) | ResultKind::EventStream)
                {
                    return self.finish(Body::Stream, now);
                }
                Step::Read { limit: self.plan.max_answer_bytes, timeout: self.plan.timeout }
            }
            Event::Body { bytes, .. } => self.finish(Body::Bytes(bytes), now),
            Event::Failure(failure) => {
                let cause = Cause::Transport(failure.kind);
                self.record(None, Some(cause), now);
                let mut told = Failure::new(failure.to_string());
                told.attempts.clone_from(&self.attempts);
                Step::Done(Box::new(Err(Error::new(ErrorKind::Connection, told))))
            }
            Event::Cancelled => {
                Step::Done(Box::new(Err(Error::Cancelled(Box::new(Failure::new("the caller gave up"))))))
            }
        }
    }

    fn record(&mut self, status: Option<u16>, cause: Option<Cause>, now: Now) {
        self.attempts.push(Attempt {
            number: 1,
            delay: Duration::ZERO,
            duration: now.elapsed.saturating_sub(self.sent_at.elapsed),
            status,
            cause,
            request_id: None,
        });
    }

    fn finish(&mut self, body: Body, now: Now) -> Step {
        let Some(head) = self.head.take() else {
            return Step::Done(Box::new(Err(Error::config("the driver reported a body without a head"))));
        };
        let request_id = head.headers.get("x-request-id").map(str::to_owned);
        let success = (200..300).contains(&head.status);
        self.record(Some(head.status), (!success).then_some(Cause::Status), now);
        if success {
            return Step::Done(Box::new(Ok(Envelope {
                operation: self.plan.operation,
                status: head.status,
                headers: head.headers,
                body,
                request_id,
                attempts: self.attempts.clone(),
                from_cache: false,
                target: format!("{} {}", self.plan.request.method, self.plan.request.url),
            })));
        }
        let bytes = match body {
            Body::Bytes(bytes) => bytes,
            Body::Stream => Bytes::new(),
        };
        let mut failure = Failure::new(format!("status {}", head.status));
        failure.status = Some(head.status);
        failure.problem = Problem::parse(&bytes);
        failure.request_id = request_id;
        failure.attempts.clone_from(&self.attempts);
        failure.headers = head.headers;
        Step::Done(Box::new(Err(Error::new(ErrorKind::of_status(head.status), failure))))
    }
}
