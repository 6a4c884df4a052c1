//! Drivers: they do what the engine's attempt loop says (send, read, wait) and tell it what happened. They hold no policy: every decision over a
//! retry, a wait or an error is the engine's, which is why the async driver, the in-place one and the browser's behave alike.
//!
//! `run` is the whole of it, as a future; `native` awaits it on the caller's tokio runtime, [`blocking`] runs it in place, `placed` on another event loop (`turn` is
//! what such a loop runs, `pulse` what keeps its timers cheap), `scripted` runs it on a clock that a test moves.

pub mod blocking;
mod clock;
pub(crate) mod native;
#[cfg(feature = "binding")]
pub mod placed;
#[cfg(feature = "binding")]
pub mod pulse;
#[cfg(feature = "binding")]
pub mod scripted;
mod token;
#[cfg(all(feature = "binding", any(target_os = "linux", target_os = "android")))]
pub mod turn;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tracing::Instrument as _;

pub(crate) use clock::{Clock, seed};

use crate::client::Client;
use crate::engine::Plan;
use crate::engine::attempt::{AttemptLoop, Event, SendAttempt, Step};
use crate::engine::envelope::{self, Envelope};
use crate::engine::error::Error;
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::Request;
use crate::engine::operation::Operation;
use crate::engine::policy::shared::Shared;
use crate::middleware::{Exchange, Middleware, Outgoing, Sent};
use crate::oauth::Keeper;
use crate::transport::{Body, Transport};

/// What all calls of a client have in common, but for the transport.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) shared: Arc<Shared>,
    pub(crate) middleware: Arc<[Arc<dyn Middleware>]>,
    pub(crate) clock: Clock,
    /// Of a client that gets access tokens.
    pub(crate) keeper: Option<Arc<Keeper>>,
}

/// A call that succeeded.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) envelope: Envelope,
    /// The stream, where the envelope's body is one.
    pub(crate) stream: Option<Body>,
}

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// The body of the last answer, for progenitor's client, which reads it itself.
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(crate) body: Bytes,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, body: Bytes::new() }
    }
}

/// Makes a call. Dropping the future cancels the request that is under way and gives the engine back what the call held. `background`: the client, where what was begun for all of
/// its calls can go on without this one.
pub(crate) async fn run(
    line: &Line,
    transport: &dyn Transport,
    plan: Plan,
    background: Option<&Client>,
) -> Result<Outcome, Failed> {
    let operation = plan.operation;
    let span = tracing::debug_span!(target: "waypost", "call", operation = operation.id);
    calls(line, transport, plan, operation, background).instrument(span).await
}

async fn calls(
    line: &Line,
    transport: &dyn Transport,
    plan: Plan,
    operation: &'static Operation,
    background: Option<&Client>,
) -> Result<Outcome, Failed> {
    let now = line.clock.now();
    let mut state = Running {
        attempts: AttemptLoop::new(plan, Arc::clone(&line.shared), now),
        clock: line.clock,
        done: false,
    };
    let mut told = Told { line, exchange: Exchange::new(operation, 0), request: None, started: now.elapsed };
    let mut open: Option<Body> = None;
    let mut read = Bytes::new();
    let mut event = Event::Start;
    loop {
        event = match state.next(event) {
            Step::Authorize { refused, timeout } => {
                open = None;
                let Some(keeper) = &line.keeper else {
                    event = Event::Unauthorized(None);
                    continue;
                };
                match keeper.ready(refused.as_ref(), line.clock.now()) {
                    Some(token) => Event::Authorized(token),
                    None => {
                        let work = token::token(keeper, line, transport, background, operation, refused);
                        match tokio::time::timeout(timeout, work).await {
                            Ok(Ok(token)) => Event::Authorized(token),
                            Ok(Err(error)) => Event::Unauthorized(Some(error)),
                            Err(_) => Event::Unauthorized(None),
                        }
                    }
                }
            }
            Step::Send(send) => {
                // The answer before, if one is still open, is let go before its successor is asked for.
                open = None;
                told.exchange = Exchange::new(operation, send.attempt);
                match attempt(&mut told, transport, send).await? {
                    Ok(answer) => {
                        open = Some(answer.body);
                        Event::Head(answer.head)
                    }
                    Err(failure) => Event::Failure(failure),
                }
            }
            Step::Read { limit, timeout } => match body(open.take(), limit, timeout).await {
                Ok((bytes, cut)) => {
                    read = bytes.clone();
                    Event::Body { bytes, cut }
                }
                Err(failure) => {
                    told.failed(&failure).await;
                    Event::Failure(failure)
                }
            },
            Step::Sleep(delay) => {
                open = None;
                tracing::debug!(target: "waypost", delay_ms = millis(delay), "waiting before the next attempt");
                tokio::time::sleep(delay).await;
                Event::Slept
            }
            Step::Done(outcome) => {
                state.done = true;
                return match *outcome {
                    Ok(envelope) => {
                        let stream = (envelope.body == envelope::Body::Stream).then_some(open).flatten();
                        Ok(Outcome { envelope, stream })
                    }
                    Err(error) => {
                        tracing::debug!(target: "waypost", kind = error.kind().as_str(), status = error.status(), request_id = error.request_id(), attempts = error.attempts().len(), "the call failed");
                        Err(Failed { error, body: read })
                    }
                };
            }
        };
    }
}

/// Sends one attempt, middleware and all within its time. The outer error is a middleware's, which ends the call.
async fn attempt(
    told: &mut Told<'_>,
    transport: &dyn Transport,
    send: SendAttempt,
) -> Result<Result<crate::transport::Response, TransportFailure>, Error> {
    let SendAttempt { mut request, timeout, .. } = send;
    let (line, exchange) = (told.line, told.exchange);
    told.started = line.clock.now().elapsed;
    told.keep(&request);
    let mut sent = false;
    let exchanged = tokio::time::timeout(timeout, async {
        for middleware in line.middleware.iter() {
            middleware.request(Outgoing::new(exchange, &mut request)).await?;
        }
        told.keep(&request);
        tracing::trace!(target: "waypost", attempt = exchange.attempt, ?request, "sending");
        sent = true;
        let mut outcome = transport.send(request).await;
        if let (Ok(answer), Some(sent)) = (&mut outcome, told.sent()) {
            for middleware in line.middleware.iter().rev() {
                middleware.response(sent, &mut answer.head).await;
            }
        }
        Ok::<_, Error>(outcome)
    });
    let outcome = match exchanged.await {
        Ok(outcome) => outcome?,
        Err(_) => Err(late(timeout, sent, "no answer")),
    };
    match outcome {
        Ok(answer) => {
            tracing::debug!(target: "waypost", attempt = exchange.attempt, status = answer.head.status, elapsed_ms = millis(told.elapsed()), request_id = answer.head.headers.get("x-request-id"), "answered");
            Ok(Ok(answer))
        }
        Err(failure) => {
            told.failed(&failure).await;
            Ok(Err(failure))
        }
    }
}

/// Reads the body of an answer.
async fn body(
    open: Option<Body>,
    limit: usize,
    timeout: Duration,
) -> Result<(Bytes, bool), TransportFailure> {
    let Some(body) = open else { return Ok((Bytes::new(), false)) };
    match tokio::time::timeout(timeout, body.read(limit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(late(timeout, true, "the answer began and was not complete")),
    }
}

/// The attempt under way, for those who are told of it.
struct Told<'a> {
    line: &'a Line,
    exchange: Exchange,
    /// What was sent; kept only where there is middleware to see it.
    request: Option<Request>,
    started: Duration,
}

impl Told<'_> {
    fn keep(&mut self, request: &Request) {
        self.request = (!self.line.middleware.is_empty()).then(|| request.clone());
    }

    fn elapsed(&self) -> Duration {
        self.line.clock.now().elapsed.saturating_sub(self.started)
    }

    fn sent(&self) -> Option<Sent<'_>> {
        self.request.as_ref().map(|request| Sent::new(self.exchange, request, self.elapsed()))
    }

    /// Tells everybody of a failure but the engine.
    async fn failed(&self, failure: &TransportFailure) {
        tracing::debug!(target: "waypost", attempt = self.exchange.attempt, kind = failure.kind.as_str(), bytes_sent = failure.bytes_sent, cause = failure.message, "no complete answer");
        if let Some(sent) = self.sent() {
            for middleware in self.line.middleware.iter().rev() {
                middleware.failure(sent, failure).await;
            }
        }
    }
}

/// The attempt's time is over. Once the transport has the request, it is taken to have left.
fn late(timeout: Duration, sent: bool, what: &str) -> TransportFailure {
    TransportFailure::new(FailureKind::Timeout, sent, format!("{what} within {timeout:?}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The engine's state of a call, which is told when the call is dropped before its end: a breaker's probe, for one, must be given back.
struct Running {
    attempts: AttemptLoop,
    clock: Clock,
    done: bool,
}

impl Running {
    fn next(&mut self, event: Event) -> Step {
        self.attempts.next(event, self.clock.now())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            let _cancelled = self.next(Event::Cancelled);
        }
    }
}
