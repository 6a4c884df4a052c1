//! The driver on virtual time, for tests: a call runs to its end at once, a function answers each attempt, and what would have been waited for only moves
//! a clock. What a language offers its users for their own tests of retries and failures stands on it, and so do the shared vectors.
//!
//! Promises: nothing is sent and nothing is slept; the engine, its policies and the middleware are those of every other driver.

mod token;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;

use crate::client::{Client, Open};
use crate::engine::Plan;
use crate::engine::arguments::Arguments;
use crate::engine::attempt::{AttemptLoop, Event, SendAttempt, Step};
use crate::engine::envelope::{Body, Envelope};
use crate::engine::error::{Error, Failure};
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::{Request, ResponseHead};
use crate::engine::operation::Operation;
use crate::engine::options::CallOptions;
use crate::engine::random::Seed;
use crate::engine::time::Now;
use crate::middleware::{Exchange, Middleware, Outgoing, Sent};

/// A clock that only calls and [`Self::advance`] move. One client has one for its life: its limits and its breaker remember times.
#[derive(Debug, Clone, Copy)]
pub struct VirtualTime {
    elapsed: Duration,
    began: Duration,
}

impl VirtualTime {
    /// A clock whose calendar begins at `unix` since 1970.
    pub const fn new(unix: Duration) -> Self {
        Self { elapsed: Duration::ZERO, began: unix }
    }

    /// What it says.
    pub fn now(&self) -> Now {
        Now::new(self.elapsed, self.began.saturating_add(self.elapsed))
    }

    /// Moves on to `elapsed` since its beginning, if that is later.
    pub fn catch_up(&mut self, elapsed: Duration) {
        self.elapsed = self.elapsed.max(elapsed);
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        self.elapsed = self.elapsed.saturating_add(by);
    }
}

/// A request that wants an answer.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Attempted<'a> {
    /// What is called.
    pub operation: &'static Operation,
    /// From 1.
    pub attempt: u32,
    /// As it would be sent.
    pub request: &'a Request,
    /// What the attempt was given.
    pub timeout: Duration,
    /// What the clock says.
    pub now: Now,
}

/// How an attempt is answered. What comes later than its timeout is a timeout at that moment.
#[derive(Debug, Clone)]
pub struct Reply {
    /// How long after the sending the head comes, or the failure.
    pub after: Duration,
    /// The head, or why there is none.
    pub head: Result<ResponseHead, TransportFailure>,
    /// How long after the head the body comes.
    pub body_after: Duration,
    /// The body, or how it breaks off.
    pub body: Result<Bytes, TransportFailure>,
}

/// What a call came to.
#[derive(Debug)]
pub struct Played {
    /// The answer.
    pub outcome: Result<Envelope, Error>,
    /// Of an answer that is a stream.
    pub stream: Option<ScriptedStream>,
    /// Each wait before an attempt.
    pub waits: Vec<Duration>,
}

/// How a call is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Play {
    /// Makes keys and waits the same each time; otherwise the operating system is asked.
    pub seed: Option<Seed>,
    /// The caller gives up this long after the call's begin.
    pub cancel_after: Option<Duration>,
}

/// Asked for each attempt. An error ends the call and is its outcome.
pub type Script<'a> = &'a mut dyn FnMut(Attempted<'_>) -> Result<Reply, Error>;

/// Plays a call. Middleware is run in place; one that waits for something cannot be played.
pub fn call(
    client: &Client,
    time: &mut VirtualTime,
    operation: &'static Operation,
    arguments: &Arguments,
    options: &CallOptions,
    play: Play,
    script: Script<'_>,
) -> Played {
    let mut waits = Vec::new();
    let mut stream = None;
    let planned = client.transport().and_then(|_open| {
        let seed = play.seed.map_or_else(crate::drive::seed, Ok)?;
        Plan::new(operation, arguments, client.options(), options, seed)
    });
    let outcome = planned.and_then(|plan| {
        let machine = AttemptLoop::new(plan, std::sync::Arc::clone(&client.line().shared), time.now());
        let give_up = play.cancel_after.map(|after| time.elapsed.saturating_add(after));
        let mut player = Player {
            client,
            time,
            script,
            give_up,
            waits: &mut waits,
            stream: &mut stream,
            told: None,
            read: Bytes::new(),
            seed: play.seed,
            for_token: false,
        };
        player.run(machine)
    });
    Played { outcome, stream, waits }
}

struct Player<'a> {
    client: &'a Client,
    time: &'a mut VirtualTime,
    script: Script<'a>,
    /// On the clock.
    give_up: Option<Duration>,
    waits: &'a mut Vec<Duration>,
    stream: &'a mut Option<ScriptedStream>,
    /// The attempt under way, and when it began.
    told: Option<(Exchange, Request, Duration)>,
    /// The last body.
    read: Bytes,
    seed: Option<Seed>,
    /// A token is being got: middleware sees nothing of it.
    for_token: bool,
}

impl Player<'_> {
    fn run(&mut self, machine: AttemptLoop) -> Result<Envelope, Error> {
        self.play(machine)?
    }

    /// The inner error is how the call ended, the outer one a middleware's or the script's.
    fn play(&mut self, mut machine: AttemptLoop) -> Result<Result<Envelope, Error>, Error> {
        let mut event = Event::Start;
        let mut reply = None;
        loop {
            if self.given_up() {
                event = Event::Cancelled;
            }
            event = match machine.next(event, self.time.now()) {
                Step::Authorize { refused, timeout } => {
                    reply = None;
                    self.authorize(machine.plan().operation, refused, timeout)?
                }
                Step::Send(send) => match self.send(machine.plan(), send)? {
                    Ok((head, rest)) => {
                        reply = Some(rest);
                        Event::Head(head)
                    }
                    Err(failure) => Event::Failure(self.failed(failure)?),
                },
                Step::Read { limit, timeout } => match self.read(reply.take(), limit, timeout) {
                    Ok(event) => {
                        if let Event::Body { bytes, .. } = &event {
                            self.read = bytes.clone();
                        }
                        event
                    }
                    Err(failure) => Event::Failure(self.failed(failure)?),
                },
                Step::Sleep(wait) => {
                    self.waits.push(wait);
                    self.pass(wait);
                    Event::Slept
                }
                Step::Done(outcome) => {
                    if let (Ok(envelope), Some(rest)) = (&*outcome, reply.take())
                        && envelope.body == Body::Stream
                    {
                        *self.stream = Some(ScriptedStream::new(envelope.clone(), rest));
                    }
                    return Ok(*outcome);
                }
            };
        }
    }

    /// The outer error is a middleware's or the script's.
    fn send(
        &mut self,
        plan: &Plan,
        send: SendAttempt,
    ) -> Result<Result<(ResponseHead, Rest), TransportFailure>, Error> {
        let SendAttempt { mut request, attempt, timeout, .. } = send;
        let exchange = Exchange::new(plan.operation, attempt);
        for middleware in self.client.line().middleware.iter().filter(|_| !self.for_token) {
            at_once(middleware.request(Outgoing::new(exchange, &mut request)))??;
        }
        let now = self.time.now();
        let attempted = Attempted { operation: plan.operation, attempt, request: &request, timeout, now };
        let Reply { after, head, body_after, body } = (self.script)(attempted)?;
        self.told = (!self.for_token).then_some((exchange, request, now.elapsed));
        if !self.within(after, timeout) {
            return Ok(Err(late(timeout)));
        }
        let mut head = match head {
            Ok(head) => head,
            Err(failure) => return Ok(Err(failure)),
        };
        self.each(|middleware, sent| at_once(middleware.response(sent, &mut head)))?;
        Ok(Ok((head, Rest { body_after, body })))
    }

    fn read(
        &mut self,
        rest: Option<Rest>,
        limit: usize,
        timeout: Duration,
    ) -> Result<Event, TransportFailure> {
        let Some(Rest { body_after, body }) = rest else {
            return Ok(Event::Body { bytes: Bytes::new(), cut: false });
        };
        if !self.within(body_after, timeout) {
            return Err(late(timeout));
        }
        let whole = body?;
        let cut = whole.len() > limit;
        Ok(Event::Body { bytes: whole.slice(..whole.len().min(limit)), cut })
    }

    /// Moves the clock to what comes, or to the limit when that is earlier.
    fn within(&mut self, after: Duration, limit: Duration) -> bool {
        self.pass(after.min(limit));
        after <= limit
    }

    /// Moves the clock, but not beyond the moment at which the caller gives up.
    fn pass(&mut self, by: Duration) {
        let left = self.give_up.map(|at| at.saturating_sub(self.time.elapsed));
        self.time.advance(left.map_or(by, |left| by.min(left)));
    }

    fn given_up(&self) -> bool {
        self.give_up.is_some_and(|at| self.time.elapsed >= at)
    }

    fn failed(&self, failure: TransportFailure) -> Result<TransportFailure, Error> {
        self.each(|middleware, sent| at_once(middleware.failure(sent, &failure)))?;
        Ok(failure)
    }

    /// The innermost first.
    fn each(
        &self,
        mut tell: impl FnMut(&dyn Middleware, Sent<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some((exchange, request, started)) = &self.told else { return Ok(()) };
        let sent = Sent::new(*exchange, request, self.time.elapsed.saturating_sub(*started));
        self.client.line().middleware.iter().rev().try_for_each(|middleware| tell(&**middleware, sent))
    }
}

fn late(timeout: Duration) -> TransportFailure {
    TransportFailure::new(FailureKind::Timeout, true, format!("no answer within {timeout:?}"))
}

fn at_once<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    work.now_or_never().ok_or_else(|| {
        Error::config("middleware that waits cannot be run against a script; let it answer at once")
    })
}

/// What follows a head.
#[derive(Debug)]
struct Rest {
    body_after: Duration,
    body: Result<Bytes, TransportFailure>,
}

/// A streamed answer, which is there already.
#[derive(Debug)]
pub struct ScriptedStream {
    envelope: Envelope,
    pieces: VecDeque<Result<Bytes, Error>>,
}

impl ScriptedStream {
    fn new(envelope: Envelope, rest: Rest) -> Self {
        let piece = match rest.body {
            Ok(body) if body.is_empty() => None,
            Ok(body) => Some(Ok(body)),
            Err(failure) => Some(Err(Open::broken(&envelope, &failure))),
        };
        Self { envelope, pieces: piece.into_iter().collect() }
    }

    /// Status, headers and attempts.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What the script says that the stream breaks with.
    pub fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.pieces.pop_front().transpose()
    }
}

/// An error for a script to end a call with: its author's mistake, not the server's.
pub fn script_error(message: impl Into<String>) -> Error {
    Error::Config(Box::new(Failure::new(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::engine::message::Headers;

    fn reply(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Reply {
        let headers: Headers = headers.iter().map(|(name, value)| (*name, *value)).collect();
        Reply {
            after: Duration::ZERO,
            head: Ok(ResponseHead { status, headers }),
            body_after: Duration::ZERO,
            body: Ok(Bytes::from_static(body.as_bytes())),
        }
    }

    fn play(play: Play, time: &mut VirtualTime, mut script: impl FnMut(u32) -> Reply) -> Played {
        let client = Client::builder("https://api.example").build().unwrap();
        let operation = crate::operations::find("wallets_get").unwrap();
        let arguments = Arguments::new().path("wallet_id", "wal_1");
        call(&client, time, operation, &arguments, &CallOptions::default(), play, &mut |attempted| {
            Ok(script(attempted.attempt))
        })
    }

    #[test]
    fn a_wait_that_the_server_asked_for_moves_the_clock_and_takes_no_time() {
        let mut time = VirtualTime::new(Duration::from_secs(1_700_000_000));
        let before = std::time::Instant::now();
        let played = play(Play::default(), &mut time, |attempt| match attempt {
            1 => reply(503, &[("retry-after", "30")], ""),
            _ => reply(200, &[("content-type", "application/json")], "{}"),
        });
        assert_eq!(played.outcome.unwrap().attempts.len(), 2);
        assert_eq!(played.waits, [Duration::from_secs(30)]);
        assert_eq!(time.now().elapsed, Duration::from_secs(30));
        assert!(before.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn the_same_seed_waits_the_same() {
        let once = || {
            let mut time = VirtualTime::new(Duration::ZERO);
            let play_of = Play { seed: Some(Seed([7; 32])), cancel_after: None };
            play(play_of, &mut time, |_| reply(502, &[], "")).waits
        };
        assert_eq!(once(), once());
        assert_eq!(once().len(), 2);
    }

    #[test]
    fn a_caller_who_gives_up_is_answered_at_that_moment() {
        let mut time = VirtualTime::new(Duration::ZERO);
        let play_of = Play { seed: None, cancel_after: Some(Duration::from_secs(4)) };
        let played = play(play_of, &mut time, |_| reply(503, &[("retry-after", "5")], ""));
        assert_eq!(played.outcome.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(time.now().elapsed, Duration::from_secs(4));
    }

    #[test]
    fn an_answer_after_the_timeout_is_a_timeout_at_that_moment() {
        let mut time = VirtualTime::new(Duration::ZERO);
        let late = || Reply { after: Duration::from_secs(40), ..reply(200, &[], "{}") };
        let played = play(Play::default(), &mut time, |_| late());
        let error = played.outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.attempts().iter().map(|a| a.duration.as_secs()).collect::<Vec<_>>(), [15, 15, 15]);
    }

    #[test]
    fn a_closed_client_plays_nothing() {
        let client = Client::builder("https://api.example").build().unwrap();
        client.close();
        let operation = crate::operations::find("system_health").unwrap();
        let mut time = VirtualTime::new(Duration::ZERO);
        let arguments = Arguments::new();
        let played = call(
            &client,
            &mut time,
            operation,
            &arguments,
            &CallOptions::default(),
            Play::default(),
            &mut |_| Err(script_error("asked")),
        );
        assert!(played.outcome.unwrap_err().to_string().contains("closed"));
    }
}
