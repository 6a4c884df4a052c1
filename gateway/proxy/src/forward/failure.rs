//! What can go wrong between the proxy and a target, and what a client is told of it.

use std::fmt;

use http::StatusCode;

use crate::Refusal;

/// An exchange with a target that failed before the answer's head was there.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) what: What,
    /// Whether nothing of the request was sent; then its body is whole.
    pub(crate) unsent: bool,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    /// No connection.
    Connect(String),
    /// No connection in time.
    ConnectTimeout,
    /// The connection ended, or what came over it was no HTTP.
    Broken(String),
    /// No head in time, or nothing of the request was taken in time.
    FirstByteTimeout,
    /// The time for the whole exchange is over.
    TotalTimeout,
    /// The client's body stood still.
    ClientTimeout,
    /// The client's body is larger than allowed.
    TooLarge,
    /// The client's body ended early or was malformed.
    ClientBroken,
}

impl fmt::Display for What {
    /// For the log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(text) => write!(formatter, "no connection: {text}"),
            Self::Broken(text) => write!(formatter, "no answer: {text}"),
            other => formatter.write_str(other.refusal().code()),
        }
    }
}

impl What {
    /// Whether it is the client's doing and none of the target's.
    pub(crate) const fn of_client(&self) -> bool {
        matches!(self, Self::ClientTimeout | Self::TooLarge | Self::ClientBroken)
    }

    /// What the client is told. What a target said of itself is for the log only.
    pub(crate) fn refusal(&self) -> Refusal {
        let (status, code, detail) = match self {
            Self::Connect(_) => (
                StatusCode::BAD_GATEWAY,
                "upstream_unreachable",
                "The service behind this address cannot be reached. Try again later.",
            ),
            Self::Broken(_) => (
                StatusCode::BAD_GATEWAY,
                "upstream_broken",
                "The service behind this address ended the connection without an answer that could be passed on.",
            ),
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::TotalTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "The service behind this address did not answer in time. Try again later.",
            ),
            Self::ClientTimeout => {
                (StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request's body did not arrive in time.")
            }
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The request's body is larger than this route takes.",
            ),
            Self::ClientBroken => {
                (StatusCode::BAD_REQUEST, "body_broken", "The request's body ended early or was malformed.")
            }
        };
        Refusal::new(status, code, detail)
    }
}
