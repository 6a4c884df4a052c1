//! What a transport reports when no complete answer came. The kinds are those that the retry rules tell apart and no more; a transport
//! maps its library's errors to them, and the one question that decides over a resend is answered beside the kind: was a byte sent?

use std::fmt;

/// Why there is no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection: name not resolved, refused, unreachable, connect timeout, a proxy that would not.
    Connect,
    /// The connection was there and TLS failed: a certificate that is not trusted, a name that does not match, no common version. Not
    /// retried: the next handshake ends the same way.
    Tls,
    /// The connection ended before a byte of the answer came.
    Reset,
    /// The answer began and did not end: a reset or a truncation in its head or body.
    Interrupted,
    /// The attempt's timeout passed, or the connect timeout (then `bytes_sent` is false).
    Timeout,
    /// What came is not HTTP, or cannot be decoded (a broken content encoding).
    Protocol,
    /// The transport cannot send this request: a URL or header that it refuses.
    Request,
}

impl FailureKind {
    /// The word used in attempts, logs and vectors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Interrupted => "interrupted",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Request => "request",
        }
    }

    /// Every kind, in the order of their numbers at the border to a browser.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Tls,
        Self::Reset,
        Self::Interrupted,
        Self::Timeout,
        Self::Protocol,
        Self::Request,
    ];

    /// The kind that [`Self::as_str`] names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A failed attempt, as its transport tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportFailure {
    /// Why.
    pub kind: FailureKind,
    /// May a byte of the request have left? `true` when the transport cannot know.
    pub bytes_sent: bool,
    /// What the library said, for a person. Must hold no URL with credentials or query.
    pub message: String,
}

impl TransportFailure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, bytes_sent: bool, message: impl Into<String>) -> Self {
        Self { kind, bytes_sent, message: message.into() }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for TransportFailure {}
