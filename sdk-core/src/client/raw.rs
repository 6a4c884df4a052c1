//! An answer with everything around its value.

use std::time::Duration;

use bytes::Bytes;

use crate::engine::envelope::{Attempt, Envelope};
use crate::engine::message::Headers;

/// What `.raw()` answers: the value, and how it came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawResponse<T> {
    /// 200 to 299.
    pub status: u16,
    /// As received.
    pub headers: Headers,
    /// From `X-Request-Id`: quote it to the server's operator.
    pub request_id: Option<String>,
    /// Every attempt, the successful one last.
    pub attempts: Vec<Attempt>,
    /// The server confirmed that the answer it gave before still holds.
    pub from_cache: bool,
    /// The body as it came.
    pub body: Bytes,
    /// The value.
    pub parsed: T,
}

impl<T> RawResponse<T> {
    pub(super) fn new(envelope: Envelope, parsed: T) -> Self {
        let body = envelope.bytes();
        Self {
            status: envelope.status,
            headers: envelope.headers,
            request_id: envelope.request_id,
            attempts: envelope.attempts,
            from_cache: envelope.from_cache,
            body,
            parsed,
        }
    }

    /// The value alone.
    pub fn into_parsed(self) -> T {
        self.parsed
    }

    /// From the first attempt's sending to the answer's end, waits included.
    pub fn elapsed(&self) -> Duration {
        self.attempts.iter().map(|attempt| attempt.delay.saturating_add(attempt.duration)).sum()
    }
}
