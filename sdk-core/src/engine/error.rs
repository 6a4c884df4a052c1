//! The errors of a call, one kind for each thing that a caller can do about it. Every language raises its own typed exception from these, by
//! kind; text is never parsed to find out what happened.
//!
//! Promises: the message tells what happened, to what, and what to do; no error holds or prints a credential.

use std::fmt;
use std::time::Duration;

use super::envelope::Attempt;
use super::message::Headers;
use super::oauth::OAuthError;
use super::problem::Problem;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400, and every other 4xx that has no kind of its own: the request is wrong.
    #[error("bad request: {0}")]
    BadRequest(Box<Failure>),
    /// 401: the credentials are missing, wrong or expired.
    #[error("not authenticated: {0}")]
    Authentication(Box<Failure>),
    /// 403: the caller may not do this.
    #[error("permission denied: {0}")]
    PermissionDenied(Box<Failure>),
    /// 404: there is no such thing, or not for this caller.
    #[error("not found: {0}")]
    NotFound(Box<Failure>),
    /// 409: the state of the thing does not allow it, or the same idempotency key is in flight.
    #[error("conflict: {0}")]
    Conflict(Box<Failure>),
    /// 410: it was there and is no more.
    #[error("gone: {0}")]
    Gone(Box<Failure>),
    /// 422: understood, and its values are wrong.
    #[error("unprocessable: {0}")]
    Unprocessable(Box<Failure>),
    /// 429, or a request held back because the server had asked for it.
    #[error("rate limited: {0}")]
    RateLimited(Box<Failure>),
    /// 5xx: the server failed.
    #[error("server error: {0}")]
    Server(Box<Failure>),
    /// No connection, or it broke before the answer was complete.
    #[error("connection failed: {0}")]
    Connection(Box<Failure>),
    /// An attempt's timeout or the call's deadline passed.
    #[error("timed out: {0}")]
    Timeout(Box<Failure>),
    /// The caller gave up.
    #[error("cancelled: {0}")]
    Cancelled(Box<Failure>),
    /// The circuit breaker is open: nothing was sent.
    #[error("circuit open: {0}")]
    CircuitOpen(Box<Failure>),
    /// An answer came and is not what the contract says.
    #[error("unexpected answer: {0}")]
    Decode(Box<Failure>),
    /// No access token could be had: what the authorization server said is [`Failure::oauth`].
    #[error("authorization failed: {0}")]
    OAuth(Box<Failure>),
    /// The client or the call is set up wrongly: nothing was sent.
    #[error("configuration: {0}")]
    Config(Box<Failure>),
}

/// Everything that is known about a failed call.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Failure {
    /// What happened, for a person.
    pub message: String,
    /// What to do about it, for a person; may be empty.
    pub advice: String,
    /// The operation's id: `wallets_get`.
    pub operation: Option<&'static str>,
    /// Method and URL, without query.
    pub target: Option<String>,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// What the server said.
    pub problem: Option<Problem>,
    /// What the authorization server said.
    pub oauth: Option<Box<OAuthError>>,
    /// The request's id, to quote to the server's operator.
    pub request_id: Option<String>,
    /// Every attempt.
    pub attempts: Vec<Attempt>,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
    /// The last answer's headers.
    pub headers: Headers,
    /// The beginning of the last answer's body, where it was not a problem.
    pub excerpt: Option<String>,
}

/// The kinds of [`Error`], as words that every language shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 400 and other 4xx.
    BadRequest,
    /// 401.
    Authentication,
    /// 403.
    PermissionDenied,
    /// 404.
    NotFound,
    /// 409.
    Conflict,
    /// 410.
    Gone,
    /// 422.
    Unprocessable,
    /// 429.
    RateLimited,
    /// 5xx.
    Server,
    /// No complete answer.
    Connection,
    /// Too late.
    Timeout,
    /// Given up by the caller.
    Cancelled,
    /// Held back by the breaker.
    CircuitOpen,
    /// An answer that is not the contract's.
    Decode,
    /// No access token.
    OAuth,
    /// Set up wrongly.
    Config,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, failure: Failure) -> Self {
        let failure = Box::new(failure);
        match kind {
            ErrorKind::BadRequest => Self::BadRequest(failure),
            ErrorKind::Authentication => Self::Authentication(failure),
            ErrorKind::PermissionDenied => Self::PermissionDenied(failure),
            ErrorKind::NotFound => Self::NotFound(failure),
            ErrorKind::Conflict => Self::Conflict(failure),
            ErrorKind::Gone => Self::Gone(failure),
            ErrorKind::Unprocessable => Self::Unprocessable(failure),
            ErrorKind::RateLimited => Self::RateLimited(failure),
            ErrorKind::Server => Self::Server(failure),
            ErrorKind::Connection => Self::Connection(failure),
            ErrorKind::Timeout => Self::Timeout(failure),
            ErrorKind::Cancelled => Self::Cancelled(failure),
            ErrorKind::CircuitOpen => Self::CircuitOpen(failure),
            ErrorKind::Decode => Self::Decode(failure),
            ErrorKind::OAuth => Self::OAuth(failure),
            ErrorKind::Config => Self::Config(failure),
        }
    }

    /// One configuration error that names every mistake; `None` when there is none.
    pub(crate) fn config_of(about: &str, mistakes: &[String]) -> Option<Self> {
        (!mistakes.is_empty()).then(|| Self::config(format!("{about}: {}", mistakes.join("; "))))
    }

    /// A mistake in the set-up of a client or call.
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config(Box::new(Failure::new(message)))
    }

    /// The same error, told of this operation.
    #[must_use]
    pub(crate) fn of_operation(self, operation: &'static str) -> Self {
        let kind = self.kind();
        let mut failure = self.into_failure();
        failure.operation = Some(operation);
        Self::new(kind, failure)
    }

    /// The kind, without the rest.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::BadRequest(_) => ErrorKind::BadRequest,
            Self::Authentication(_) => ErrorKind::Authentication,
            Self::PermissionDenied(_) => ErrorKind::PermissionDenied,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Conflict(_) => ErrorKind::Conflict,
            Self::Gone(_) => ErrorKind::Gone,
            Self::Unprocessable(_) => ErrorKind::Unprocessable,
            Self::RateLimited(_) => ErrorKind::RateLimited,
            Self::Server(_) => ErrorKind::Server,
            Self::Connection(_) => ErrorKind::Connection,
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Cancelled(_) => ErrorKind::Cancelled,
            Self::CircuitOpen(_) => ErrorKind::CircuitOpen,
            Self::Decode(_) => ErrorKind::Decode,
            Self::OAuth(_) => ErrorKind::OAuth,
            Self::Config(_) => ErrorKind::Config,
        }
    }

    /// Everything that is known.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::BadRequest(failure)
            | Self::Authentication(failure)
            | Self::PermissionDenied(failure)
            | Self::NotFound(failure)
            | Self::Conflict(failure)
            | Self::Gone(failure)
            | Self::Unprocessable(failure)
            | Self::RateLimited(failure)
            | Self::Server(failure)
            | Self::Connection(failure)
            | Self::Timeout(failure)
            | Self::Cancelled(failure)
            | Self::CircuitOpen(failure)
            | Self::Decode(failure)
            | Self::OAuth(failure)
            | Self::Config(failure) => failure,
        }
    }

    /// Everything that is known, without the kind.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::BadRequest(failure)
            | Self::Authentication(failure)
            | Self::PermissionDenied(failure)
            | Self::NotFound(failure)
            | Self::Conflict(failure)
            | Self::Gone(failure)
            | Self::Unprocessable(failure)
            | Self::RateLimited(failure)
            | Self::Server(failure)
            | Self::Connection(failure)
            | Self::Timeout(failure)
            | Self::Cancelled(failure)
            | Self::CircuitOpen(failure)
            | Self::Decode(failure)
            | Self::OAuth(failure)
            | Self::Config(failure) => *failure,
        }
    }

    /// The status of the last answer.
    pub fn status(&self) -> Option<u16> {
        self.failure().status
    }

    /// The problem's stable word: `insufficient_funds`.
    pub fn code(&self) -> Option<&str> {
        self.problem()?.code.as_deref()
    }

    /// What the server said.
    pub fn problem(&self) -> Option<&Problem> {
        self.failure().problem.as_ref()
    }

    /// What the authorization server said: of an [`Error::OAuth`].
    pub fn oauth(&self) -> Option<&OAuthError> {
        self.failure().oauth.as_deref()
    }

    /// The request's id.
    pub fn request_id(&self) -> Option<&str> {
        self.failure().request_id.as_deref()
    }

    /// Every attempt.
    pub fn attempts(&self) -> &[Attempt] {
        &self.failure().attempts
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure().retry_after
    }
}

impl ErrorKind {
    /// The kind of an error status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::PermissionDenied,
            404 => Self::NotFound,
            409 => Self::Conflict,
            410 => Self::Gone,
            422 => Self::Unprocessable,
            429 => Self::RateLimited,
            400..=499 => Self::BadRequest,
            500..=599 => Self::Server,
            _ => Self::Decode,
        }
    }

    /// The word that every language shares: `not_found`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Authentication => "authentication",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Unprocessable => "unprocessable",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::CircuitOpen => "circuit_open",
            Self::Decode => "decode",
            Self::OAuth => "oauth",
            Self::Config => "config",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure of which only the message is known.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

impl fmt::Display for Failure {
    /// What happened; to what, in brackets; what to do.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        let mut about = Vec::new();
        about.extend(self.target.clone());
        about.extend(self.request_id.as_ref().map(|id| format!("request {id}")));
        match self.attempts.len() {
            0 => {}
            1 => about.push("1 attempt".to_owned()),
            many => about.push(format!("{many} attempts")),
        }
        about
            .extend(self.retry_after.map(|wait| {
                format!("retry after {} s", wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }));
        if !about.is_empty() {
            write!(formatter, " ({})", about.join(", "))?;
        }
        if !self.advice.is_empty() {
            write!(formatter, ". {}", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Failure")
            .field("message", &self.message)
            .field("operation", &self.operation)
            .field("target", &self.target)
            .field("status", &self.status)
            .field("problem", &self.problem)
            .field("oauth", &self.oauth)
            .field("request_id", &self.request_id)
            .field("attempts", &self.attempts)
            .field("retry_after", &self.retry_after)
            .field("headers", &self.headers)
            .field("excerpt", &self.excerpt)
            .finish()
    }
}

/// The beginning of a body, for a person: one line of at most 200 characters, without control characters.
pub(crate) fn excerpt(body: &[u8]) -> Option<String> {
    const LONGEST: usize = 200;
    let mut line = String::new();
    let mut letters = 0;
    // A character takes at most four bytes; the rest of a large body need not be looked at.
    for chunk in body.get(..4 * LONGEST).unwrap_or(body).utf8_chunks() {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for letter in chunk.valid().chars().chain(broken) {
            let blank = letter.is_whitespace() || letter.is_control();
            // White space and control characters are one blank, and none at the beginning.
            if letters == LONGEST || blank && (line.is_empty() || line.ends_with(' ')) {
                continue;
            }
            line.push(if blank { ' ' } else { letter });
            letters += 1;
        }
    }
    if line.ends_with(' ') {
        line.pop();
    }
    (!line.is_empty()).then_some(line)
}
