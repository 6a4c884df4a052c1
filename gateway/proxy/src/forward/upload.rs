//! The request's body on its way to a target: counted, limited, watched. Whoever waits for the answer sees here who keeps whom waiting.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::alarm::Alarm;
use super::hop;
use crate::Body;
use crate::body::BodyError;
use crate::edge::whole::StoodStill;

/// How far a request's body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The client is waited for.
    Client,
    /// The target is waited for, since then.
    Target(Instant),
    /// All was taken, at that time.
    Ended(Instant),
    /// It never ended: the client stood still.
    StoodStill,
    /// It never ended: larger than allowed.
    TooLarge,
    /// It never ended: the client went, or sent what is no body.
    Broken,
}

/// What is known of a body on its way.
#[derive(Debug)]
pub(crate) struct Upload(Mutex<Stage>);

impl Upload {
    /// Nothing was asked for yet.
    pub(crate) fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Stage::Target(now))))
    }

    /// How far it is.
    pub(crate) fn stage(&self) -> Stage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

/// A body that tells how far it is.
#[derive(Debug)]
pub(crate) struct Watched {
    body: Body,
    upload: Arc<Upload>,
    /// Bytes that may still come.
    left: u64,
    /// How long the client may stand still.
    patience: Duration,
    since: Option<Instant>,
    alarm: Alarm,
}

impl Watched {
    /// A body of at most `most` bytes, whose client may stand still so long.
    pub(crate) fn new(body: Body, upload: Arc<Upload>, most: Option<u64>, patience: Duration) -> Self {
        Self { body, upload, left: most.unwrap_or(u64::MAX), patience, since: None, alarm: Alarm::default() }
    }
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.since = None;
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                let Some(left) = this.left.checked_sub(size) else {
                    this.upload.set(Stage::TooLarge);
                    return Poll::Ready(Some(Err("the body is larger than allowed".into())));
                };
                this.left = left;
                let now = Instant::now();
                this.upload.set(if this.body.is_end_stream() {
                    Stage::Ended(now)
                } else {
                    Stage::Target(now)
                });
                let frame = if frame.is_trailers() { hop::without_false_trailers(frame) } else { frame };
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let late = error.is::<StoodStill>();
                this.upload.set(if late { Stage::StoodStill } else { Stage::Broken });
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                this.upload.set(Stage::Ended(Instant::now()));
                Poll::Ready(None)
            }
            Poll::Pending => {
                let since = *this.since.get_or_insert_with(Instant::now);
                this.upload.set(Stage::Client);
                if this.alarm.poll(since + this.patience, context).is_ready() {
                    this.upload.set(Stage::StoodStill);
                    return Poll::Ready(Some(Err(StoodStill.into())));
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
