//! Bodies as a whole, for the few policies that need that; always bounded, in size and in the time that a client may stand still.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Frame, SizeHint};
use thiserror::Error;

use crate::body::BodyError;
use crate::forward::Alarm;
use crate::{Body, Refusal};

/// A client did not send the rest of its body in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the client stood still")]
pub struct StoodStill;

/// Why a body could not be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// It is larger than allowed.
    TooLarge,
    /// It ended early.
    Broken,
    /// Whoever sends it stood still.
    Late,
}

impl Lost {
    /// What a client is told whose request this was: 413 or 400.
    pub fn of_request(self, limit: u64) -> Refusal {
        match self {
            Self::TooLarge => {
                let detail = format!("The body is larger than {limit} bytes, the most that is taken here.");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            }
            Self::Broken => Refusal::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body ended early."),
            Self::Late => {
                let detail = "The request's body did not arrive in time.";
                Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
            }
        }
    }

    /// What a client is told when it was the service's answer: 502.
    pub fn of_answer(self) -> Refusal {
        let detail = match self {
            Self::TooLarge => "The service's answer is too large to be changed.",
            Self::Broken | Self::Late => "The service's answer ended early.",
        };
        Refusal::new(StatusCode::BAD_GATEWAY, "bad_answer", detail)
    }
}

/// The whole of a body of at most `limit` bytes. Trailers are dropped.
///
/// # Errors
/// It is larger, known before a byte is read where its length is; or it ends early.
pub async fn gather(body: Body, limit: u64) -> Result<Bytes, Lost> {
    if body.size_hint().lower() > limit {
        return Err(Lost::TooLarge);
    }
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Lost::TooLarge),
        Err(error) if error.is::<StoodStill>() => Err(Lost::Late),
        Err(_) => Err(Lost::Broken),
    }
}

/// A request's body whose client may stand still so long. What streams to a service is watched there; this is for what is gathered before.
pub(crate) fn patient(body: Body, patience: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Patient { body, patience, since: None, alarm: Alarm::default() })
}

#[derive(Debug)]
struct Patient {
    body: Body,
    patience: Duration,
    since: Option<Instant>,
    alarm: Alarm,
}

impl hyper::body::Body for Patient {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if frame.is_ready() {
            this.since = None;
            return frame;
        }
        let since = *this.since.get_or_insert_with(Instant::now);
        if this.alarm.poll(since + this.patience, context).is_ready() {
            return Poll::Ready(Some(Err(StoodStill.into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
