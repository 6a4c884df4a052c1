//! The one outcome of a call that succeeded: what every language builds its own result from. Bodies are bytes that nobody parsed on the way,
//! so a field that this version does not know survives.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::error::{Error, Failure};
use super::failure::FailureKind;
use super::message::Headers;
use super::operation::Operation;

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// What was called.
    pub operation: &'static Operation,
    /// 200 to 299; 304 only when the caller sent `If-None-Match` itself.
    pub status: u16,
    /// As received. Of a cached answer: those of the stored one, brought up to date by the 304.
    pub headers: Headers,
    /// The body.
    pub body: Body,
    /// From `X-Request-Id`.
    pub request_id: Option<String>,
    /// Every attempt, the successful one last.
    pub attempts: Vec<Attempt>,
    /// The body is a stored one that the server confirmed (304).
    pub from_cache: bool,
    /// What was asked for, for messages.
    pub(crate) url: String,
}

/// The body of a successful answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Bytes(Bytes),
    /// Not read: the driver that sent the request holds the stream.
    Stream,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(formatter, "{} bytes", bytes.len()),
            Self::Stream => formatter.write_str("stream"),
        }
    }
}

/// One attempt of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// How long the engine waited before it.
    pub delay: Duration,
    /// From sending to the end of the answer.
    pub duration: Duration,
    /// The answer's status, when its head came.
    pub status: Option<u16>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// From `X-Request-Id`.
    pub request_id: Option<String>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// No complete answer came.
    Transport(FailureKind),
    /// The server's answer was an error; its status stands beside.
    Status,
    /// The answer was a success and cannot be used.
    Decode,
}

impl Cause {
    /// The word used in logs and vectors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transport(kind) => kind.as_str(),
            Self::Status => "status",
            Self::Decode => "decode",
        }
    }
}

impl Envelope {
    /// The body's bytes; none of a stream.
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Stream => Bytes::new(),
        }
    }

    /// What was asked for, its secrets redacted.
    pub fn url(&self) -> String {
        super::redact::url(&self.url).into_owned()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// [`Error::Decode`] when the body is not JSON, is cut short, or is not a `T`; it names the line and column.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes()).map_err(|error| {
            self.undecodable(format!("the body is not what {} promises: {error}", self.operation.id))
        })
    }

    /// Reads the body as text.
    ///
    /// # Errors
    /// [`Error::Decode`] when the body is not UTF-8.
    pub fn text(&self) -> Result<String, Error> {
        String::from_utf8(self.bytes().to_vec())
            .map_err(|error| self.undecodable(format!("the body is not UTF-8: {error}")))
    }

    /// What was asked for, as it may be printed.
    pub fn printed_url(&self) -> std::borrow::Cow<'_, str> {
        super::redact::url(&self.url)
    }

    /// Method and URL without query, for messages.
    pub(crate) fn target(&self) -> String {
        format!("{} {}", self.operation.method, self.url.split('?').next().unwrap_or_default())
    }

    /// The error of a success that cannot be used.
    pub(crate) fn undecodable(&self, message: String) -> Error {
        let mut failure = Failure::new(message)
            .advise("Check that client and server are of versions that fit, and that no proxy in between answers for the API");
        failure.operation = Some(self.operation.id);
        failure.target = Some(self.target());
        failure.status = Some(self.status);
        failure.request_id.clone_from(&self.request_id);
        failure.attempts.clone_from(&self.attempts);
        failure.headers = self.headers.clone();
        failure.excerpt = super::error::excerpt(&self.bytes());
        Error::Decode(Box::new(failure))
    }
}
