//! The answer's body on its way to the client. It drives the connection that it comes from, and gives it back to the pool when it ends; dropped before, it
//! closes the connection. An answer that stands still or breaks off becomes an error, which the listener turns into a connection that ends early: a client
//! sees that something is missing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

use super::alarm::Alarm;
use super::endpoint::Endpoint;
use super::hop;
use super::http1::Http1;
use super::pool::{Open, Pool};
use crate::Body;
use crate::body::BodyError;
use crate::upstream::Picked;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Download {
    via: Via,
    pool: Arc<Pool>,
    endpoint: Arc<Endpoint>,
    /// How long the target may stand still.
    patience: Duration,
    /// When the whole exchange has to be over.
    until: Option<Instant>,
    since: Option<Instant>,
    /// What is told at the next look.
    broken: Option<BodyError>,
    /// The target has the request until this is dropped.
    _picked: Picked,
}

/// What an answer comes over.
#[derive(Debug)]
pub(crate) enum Via {
    /// A connection of its own.
    Http1(Box<Http1>),
    /// A shared one, which others drive.
    Shared(Incoming, Alarm),
    /// One that was to be another protocol's. A task of its own drives it.
    Apart { incoming: Incoming, alarm: Alarm, _open: Arc<Open> },
    /// Nothing any more.
    Done,
}

impl Download {
    /// An answer's body.
    pub(crate) fn new(
        via: Via,
        pool: &Arc<Pool>,
        endpoint: &Arc<Endpoint>,
        patience: Duration,
        until: Option<Instant>,
        picked: Picked,
    ) -> Self {
        let (pool, endpoint) = (Arc::clone(pool), Arc::clone(endpoint));
        Self { via, pool, endpoint, patience, until, since: None, broken: None, _picked: picked }
    }

    /// As a body. What came together with the head is all there; then the connection is free at once.
    pub(crate) fn into_body(mut self, now: Instant) -> Body {
        let whole = match &mut self.via {
            Via::Http1(connection) => connection.whole(),
            Via::Shared(incoming, _) | Via::Apart { incoming, .. } => {
                incoming.is_end_stream().then(Bytes::new)
            }
            Via::Done => Some(Bytes::new()),
        };
        let Some(whole) = whole else { return Body::new(self) };
        self.give_back(now);
        Body::full(whole)
    }

    /// Gives the connection back if it can take another request.
    fn give_back(&mut self, now: Instant) {
        if let Via::Http1(connection) = std::mem::replace(&mut self.via, Via::Done)
            && connection.is_ready()
        {
            self.pool.put(self.endpoint.id, connection, (self.endpoint.max_idle, self.endpoint.keep), now);
        }
    }

    /// Tells of an end that came too early only at the next look: the client is to have what was there before.
    fn fail<T>(&mut self, error: BodyError, context: &Context<'_>) -> Poll<T> {
        self.broken = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_over(&self) -> bool {
        match &self.via {
            Via::Http1(connection) => connection.is_end(),
            Via::Shared(incoming, _) | Via::Apart { incoming, .. } => incoming.is_end_stream(),
            Via::Done => true,
        }
    }

    fn late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut deadline = since + self.patience;
        if let Some(until) = self.until {
            deadline = deadline.min(until);
        }
        match &mut self.via {
            Via::Http1(connection) => connection.past(deadline, context),
            Via::Shared(_, alarm) | Via::Apart { alarm, .. } => alarm.poll(deadline, context),
            Via::Done => Poll::Pending,
        }
    }
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = match &mut this.via {
            Via::Http1(connection) => connection.frame(context),
            Via::Shared(incoming, _) | Via::Apart { incoming, .. } => {
                Pin::new(incoming).poll_frame(context).map_err(BodyError::from)
            }
            Via::Done => Poll::Ready(None),
        };
        match frame {
            // One that never pauses is never late otherwise.
            Poll::Ready(Some(Ok(_))) if this.until.is_some_and(|until| until <= Instant::now()) => {
                this.via = Via::Done;
                this.fail("the time for the whole exchange is over".into(), context)
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.since = None;
                if this.is_over() {
                    this.give_back(Instant::now());
                }
                let frame = if frame.is_trailers() { hop::without_false_trailers(frame) } else { frame };
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.via = Via::Done;
                this.fail(error, context)
            }
            Poll::Ready(None) => {
                this.give_back(Instant::now());
                Poll::Ready(None)
            }
            Poll::Pending => {
                if this.late(context).is_ready() {
                    this.via = Via::Done;
                    return this.fail("the target stood still".into(), context);
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && matches!(self.via, Via::Done)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.via {
            Via::Http1(connection) => connection.left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Via::Shared(incoming, _) | Via::Apart { incoming, .. } => incoming.size_hint(),
            Via::Done => SizeHint::with_exact(0),
        }
    }
}
