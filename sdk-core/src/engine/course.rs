//! The course of a call: which attempt is sent when, how long each may take, whether another one follows, and when the call is over. It is the attempt
//! loop's rules in numbers alone. Requests, answers and the texts of errors stay with who drives it: the [`AttemptLoop`](super::attempt::AttemptLoop)
//! natively, JavaScript in a browser, which has all of them already and downloads no second set.
//!
//! Promises: at most `1 + max_retries` attempts; no step reaches beyond the deadline; a request that may not be resent is sent once; every permit of
//! the breaker is given back.

use std::time::Duration;

use super::failure::FailureKind;
use super::policy::backoff::Backoff;
use super::policy::breaker::{Health, Permit};
use super::policy::gates::Gates;
use super::policy::retry;
use super::random::Generator;

/// More of an error's body is not read: a problem is small, and whatever else it is, its beginning says enough.
const ERROR_BODY: usize = 64 * 1024;

/// What holds for a call.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Its operation, as pacing tells operations apart.
    pub operation: &'static str,
    /// Of one attempt.
    pub timeout: Duration,
    /// Of all attempts and waits.
    pub deadline: Duration,
    /// How often a failed attempt is sent again.
    pub max_retries: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// Hold back until the server said.
    pub pacing: bool,
    /// The largest answer that is read into memory.
    pub max_answer_bytes: usize,
    /// May it be sent again once a byte of it may have left? See [`retry::may_resend`].
    pub resend: bool,
    /// It is sent again only after an answer that asks for it: what the server did unseen must not be asked of it twice.
    pub answered_only: bool,
    /// A success is streamed: it is one as soon as its head is there.
    pub streams: bool,
    /// It is sent with an access token that is got for it.
    pub token: bool,
}

impl Terms {
    /// The defaults of the behaviour table, for this operation.
    pub fn new(operation: &'static str) -> Self {
        Self {
            operation,
            timeout: Duration::from_secs(15),
            deadline: Duration::from_secs(60),
            max_retries: 2,
            backoff: Backoff::default(),
            pacing: true,
            max_answer_bytes: 64 * 1024 * 1024,
            resend: false,
            answered_only: false,
            streams: false,
            token: false,
        }
    }
}

/// What an answer says about when the next request may come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Word {
    /// By `Retry-After`.
    pub asked: Option<Duration>,
    /// By a limit of `RateLimit` that is used up.
    pub exhausted: Option<Duration>,
}

/// What happened. The same as the loop's [`Event`](super::attempt::Event), in numbers.
#[derive(Debug, Clone, Copy)]
pub enum Happened {
    /// The call begins.
    Started,
    /// The wait is over.
    Slept,
    /// The token is there.
    Authorized,
    /// No token could be had.
    Unauthorized,
    /// The answer's head came.
    Head {
        /// Its status.
        status: u16,
        /// It is a 304 to a request that asked for one: a success.
        confirms: bool,
        /// What its headers say.
        word: Word,
    },
    /// The answer's body came.
    Body {
        /// A success is what the operation promises.
        usable: bool,
        /// What an error's body asks for, where its headers ask for nothing.
        asked: Option<Duration>,
    },
    /// The attempt failed.
    Failed {
        /// Why.
        kind: FailureKind,
        /// May a byte of the request have left?
        bytes_sent: bool,
    },
    /// The caller gave up.
    Cancelled,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Send the attempt of this number, within this time.
    Send(u32, Duration),
    /// Read at most so many bytes, within this time.
    Read(usize, Duration),
    /// Wait.
    Sleep(Duration),
    /// Get a token, within this time. A second time: another one than the last, which the server did not take.
    Authorize(Duration),
    /// The call succeeded with the last answer.
    Succeed,
    /// The call failed.
    Fail(Reason),
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// As its last attempt did.
    Attempt {
        /// It would have been sent again, and the client's retry budget is used up.
        over_budget: bool,
    },
    /// There is no token for it.
    Unauthorized,
    /// The caller gave up.
    Cancelled,
    /// The deadline passed between two attempts.
    Late,
    /// The server asked to wait this long, which is beyond the deadline.
    Held(Duration),
    /// The breaker stays open this long.
    Open(Duration),
    /// The driver reported what cannot have happened.
    Broken,
    /// The driver went on after the end.
    Over,
}

/// The state of one call. Feed it what happens until it succeeds or fails.
#[derive(Debug)]
pub struct Course {
    terms: Terms,
    /// Of jitter; and of what else is drawn for each attempt.
    pub random: Generator,
    /// On the driver's monotonic clock.
    deadline: Duration,
    state: State,
    attempts: u32,
    /// Its token was refused, and it has another one.
    renewed: bool,
    /// What the last answer asked for.
    asked: Option<Duration>,
    permit: Option<Permit>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    New,
    Waiting,
    Authorizing,
    Sent { at: Duration },
    Reading { status: u16, word: Word },
    Over,
}

impl Course {
    /// A call that begins now. The deadline counts from here.
    pub fn new(terms: Terms, random: Generator, now: Duration) -> Self {
        Self {
            terms,
            random,
            deadline: now.saturating_add(terms.deadline),
            state: State::New,
            attempts: 0,
            renewed: false,
            asked: None,
            permit: None,
        }
    }

    /// What to do, now that this happened.
    pub fn next(&mut self, happened: Happened, gates: &Gates, now: Duration) -> Next {
        match (std::mem::replace(&mut self.state, State::Over), happened) {
            (State::Over, _) => Next::Fail(Reason::Over),
            (_, Happened::Cancelled) => {
                self.report(Health::Unknown, gates, now);
                Next::Fail(Reason::Cancelled)
            }
            (State::New, Happened::Started) if self.terms.token => self.authorize(now),
            (State::Authorizing, Happened::Unauthorized) => {
                Next::Fail(if self.remaining(now).is_zero() { Reason::Late } else { Reason::Unauthorized })
            }
            (State::New, Happened::Started)
            | (State::Waiting, Happened::Slept)
            | (State::Authorizing, Happened::Authorized) => self.attempt(gates, now),
            (State::Sent { at }, Happened::Head { status, confirms, word }) => {
                let success = is_success(status);
                if confirms || success && self.terms.streams {
                    self.learn(status, word, gates, now);
                    return self.succeed(gates, now);
                }
                let limit = if success { self.terms.max_answer_bytes } else { ERROR_BODY };
                let used = now.saturating_sub(at);
                let timeout = self.terms.timeout.saturating_sub(used).min(self.remaining(now));
                self.state = State::Reading { status, word };
                Next::Read(limit, timeout)
            }
            (State::Reading { status, word }, Happened::Body { usable, asked }) => {
                self.answered(status, word, usable, asked, gates, now)
            }
            (State::Sent { .. }, Happened::Failed { kind, bytes_sent }) => {
                self.failed(kind, bytes_sent, gates, now)
            }
            (State::Reading { status, word }, Happened::Failed { kind, .. }) => {
                if is_success(status) {
                    // The head is there, so bytes have left, whatever the transport believes.
                    self.failed(kind, true, gates, now)
                } else {
                    // The status alone decides; that its body cannot be had takes nothing from it.
                    self.answered(status, word, false, None, gates, now)
                }
            }
            _ => Next::Fail(Reason::Broken),
        }
    }

    /// The call is dropped: a permit in flight is given back, or a half-open breaker would wait for that probe for ever.
    pub fn abandon(&mut self, gates: &Gates, now: Duration) {
        self.report(Health::Unknown, gates, now);
    }

    /// What holds for it.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How long the last answer asked to wait.
    pub const fn asked(&self) -> Option<Duration> {
        self.asked
    }

    /// How much of the deadline is left.
    pub fn remaining(&self, now: Duration) -> Duration {
        self.deadline.saturating_sub(now)
    }

    /// Sends the next attempt, unless something holds it back.
    fn attempt(&mut self, gates: &Gates, now: Duration) -> Next {
        let remaining = self.remaining(now);
        if remaining.is_zero() {
            return Next::Fail(Reason::Late);
        }
        let held = if self.terms.pacing { gates.held(self.terms.operation, now) } else { None };
        if let Some(wait) = held {
            // Not yet. That is later than the deadline, or it is waited for.
            if wait < remaining {
                return self.sleep(wait);
            }
            return self.refused(Reason::Held(wait));
        }
        match gates.permit(now) {
            Ok(permit) => self.permit = permit,
            Err(wait) => return self.refused(Reason::Open(wait)),
        }
        self.state = State::Sent { at: now };
        self.attempts = self.attempts.saturating_add(1);
        Next::Send(self.attempts, self.terms.timeout.min(remaining))
    }

    /// An attempt that is not made: the call ends as the one before it did.
    fn refused(&self, reason: Reason) -> Next {
        Next::Fail(if self.attempts > 0 { Reason::Attempt { over_budget: false } } else { reason })
    }

    /// A complete answer.
    fn answered(
        &mut self,
        status: u16,
        word: Word,
        usable: bool,
        asked: Option<Duration>,
        gates: &Gates,
        now: Duration,
    ) -> Next {
        self.learn(status, word, gates, now);
        if is_success(status) {
            if usable {
                return self.succeed(gates, now);
            }
            self.report(Health::Good, gates, now);
            return Next::Fail(Reason::Attempt { over_budget: false });
        }
        self.report(health(status), gates, now);
        if status == 401 && self.terms.token && !self.renewed {
            // The server did nothing but refuse it, so whatever it is may be sent again.
            self.renewed = true;
            return self.authorize(now);
        }
        self.asked = self.asked.or(asked);
        self.again(retry::passes_status(status) && self.terms.resend, gates, now)
    }

    /// No complete answer.
    fn failed(&mut self, kind: FailureKind, bytes_sent: bool, gates: &Gates, now: Duration) -> Next {
        let bad = !matches!(kind, FailureKind::Request);
        self.report(if bad { Health::Bad } else { Health::Unknown }, gates, now);
        self.asked = None;
        let may = self.terms.resend && !self.terms.answered_only || !bytes_sent;
        self.again(retry::passes_failure(kind) && may, gates, now)
    }

    /// Waits for another attempt, if one may be made, is left, early enough and affordable.
    fn again(&mut self, may: bool, gates: &Gates, now: Duration) -> Next {
        let mut over_budget = false;
        // The attempt with a refused token is none of those that failed.
        let attempts = self.attempts - u32::from(self.renewed && self.attempts > 0);
        if may && attempts <= self.terms.max_retries {
            let backoff = self.terms.backoff.delay(attempts, self.random.draw());
            let wait = backoff.max(self.asked.unwrap_or_default());
            if wait < self.remaining(now) {
                if gates.withdraw_retry(now) {
                    return self.sleep(wait);
                }
                over_budget = true;
            }
        }
        Next::Fail(Reason::Attempt { over_budget })
    }

    fn authorize(&mut self, now: Duration) -> Next {
        self.state = State::Authorizing;
        Next::Authorize(self.remaining(now))
    }

    fn sleep(&mut self, wait: Duration) -> Next {
        self.state = State::Waiting;
        Next::Sleep(wait)
    }

    fn succeed(&mut self, gates: &Gates, now: Duration) -> Next {
        self.report(Health::Good, gates, now);
        gates.succeeded();
        Next::Succeed
    }

    /// What an answer says about when the next request may come.
    fn learn(&mut self, status: u16, word: Word, gates: &Gates, now: Duration) {
        let Word { exhausted, .. } = word;
        // A success may come with `Retry-After` too; it asks for nothing.
        let asked = word.asked.filter(|_| !is_success(status));
        let wait = asked.max(exhausted);
        // Only these two statuses speak of every request; a 409's Retry-After is about its own idempotency key.
        let general = if matches!(status, 429 | 503) { wait } else { exhausted };
        if let Some(wait) = general
            && self.terms.pacing
            && !wait.is_zero()
        {
            gates.hold(self.terms.operation, wait, now);
        }
        // A limit that is used up says when a refused request may come again; for another error only Retry-After does.
        self.asked = if status == 429 { wait } else { asked };
    }

    fn report(&mut self, health: Health, gates: &Gates, now: Duration) {
        if let Some(permit) = self.permit.take() {
            gates.report(permit, health, now);
        }
    }
}

/// 200 to 299.
pub const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

const fn health(status: u16) -> Health {
    match status {
        429 => Health::Busy,
        500..=599 => Health::Bad,
        _ => Health::Good,
    }
}
