//! From a library's error to the engine's kind of failure, in one place for both transports, since both stand on hyper.
//!
//! The engine resends by what is said here, so a doubt is always resolved to "a byte may have been sent".

use std::error::Error;
use std::io;

use crate::engine::failure::{FailureKind, TransportFailure};

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The connection was not there.
    Connecting,
    /// The request was on its way, or the answer was awaited.
    AwaitingHead,
    /// The head was there.
    ReadingBody,
}

/// What the chain of causes shows.
#[derive(Debug, Default)]
struct Signs {
    tls: bool,
    timed_out: bool,
    /// Never given to the connection, or refused by the peer before it was looked at (RFC 9113, section 8.7).
    unprocessed: bool,
    /// What was sent or received breaks the protocol or the encoding.
    malformed: bool,
    /// The request was wrong.
    request: bool,
}

/// Classifies `error`. Its text must hold no URL (reqwest: `without_url`).
pub(super) fn failure(error: &(dyn Error + 'static), phase: Phase) -> TransportFailure {
    let mut signs = Signs::default();
    let mut message = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        signs.observe(cause);
        extend(&mut message, &cause.to_string());
        // An io::Error made from another error hides it from `source`.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    let (kind, bytes_sent) = match phase {
        Phase::Connecting if signs.tls => (FailureKind::Tls, false),
        Phase::Connecting if signs.timed_out => (FailureKind::Timeout, false),
        Phase::Connecting => (FailureKind::Connect, false),
        _ if signs.request => (FailureKind::Request, false),
        Phase::AwaitingHead if signs.unprocessed => (FailureKind::Reset, false),
        _ if signs.timed_out => (FailureKind::Timeout, true),
        _ if signs.tls => (FailureKind::Tls, true),
        _ if signs.malformed => (FailureKind::Protocol, true),
        Phase::AwaitingHead => (FailureKind::Reset, true),
        Phase::ReadingBody => (FailureKind::Interrupted, true),
    };
    TransportFailure::new(kind, bytes_sent, message)
}

impl Signs {
    fn observe(&mut self, cause: &(dyn Error + 'static)) {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::TimedOut => self.timed_out = true,
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => self.malformed = true,
                _ => {}
            }
        } else if let Some(error) = cause.downcast_ref::<::hyper::Error>() {
            self.timed_out |= error.is_timeout();
            self.malformed |= error.is_parse();
            self.request |= error.is_user();
            self.unprocessed |= error.is_canceled();
        } else if let Some(error) = cause.downcast_ref::<h2::Error>() {
            self.unprocessed |= error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            self.malformed |= error.is_library() && !error.is_io();
        } else if cause.is::<rustls::Error>() {
            self.tls = true;
        } else if cause.is::<tokio::time::error::Elapsed>() {
            self.timed_out = true;
        }
    }
}

/// Joins the causes' texts, without those that only say that something failed or repeat the one before.
fn extend(message: &mut String, text: &str) {
    let noise = text.starts_with("client error (")
        || text == "error sending request"
        || text.starts_with("error decoding");
    if noise || text.is_empty() || message.ends_with(text) {
        return;
    }
    if !message.is_empty() {
        message.push_str(": ");
    }
    message.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: io::Error, phase: Phase) -> (FailureKind, bool) {
        let failure = failure(&error, phase);
        (failure.kind, failure.bytes_sent)
    }

    #[test]
    fn an_error_while_connecting_has_sent_nothing() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of(refused(), Phase::Connecting), (FailureKind::Connect, false));
        assert_eq!(of(io::ErrorKind::TimedOut.into(), Phase::Connecting), (FailureKind::Timeout, false));
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert_eq!(of(io::Error::other(untrusted), Phase::Connecting), (FailureKind::Tls, false));
    }

    #[test]
    fn a_reset_is_told_from_an_interrupted_body_by_the_phase() {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(of(reset(), Phase::AwaitingHead), (FailureKind::Reset, true));
        assert_eq!(of(reset(), Phase::ReadingBody), (FailureKind::Interrupted, true));
    }

    #[test]
    fn a_broken_encoding_is_no_connection_error() {
        assert_eq!(of(io::ErrorKind::InvalidData.into(), Phase::ReadingBody), (FailureKind::Protocol, true));
    }

    #[test]
    fn the_message_names_each_cause_once() {
        let error = io::Error::other(io::Error::other("broken pipe"));
        assert_eq!(failure(&error, Phase::AwaitingHead).message, "broken pipe");
    }
}
