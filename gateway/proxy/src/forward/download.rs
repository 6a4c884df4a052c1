//! The answer's body on its way to the client. It drives the connection that it comes from, and gives it back to the pool when it ends; dropped before, it
//! closes the connection. An answer that stands still or breaks off becomes an error, which the listener turns into a connection that ends early: a client
//! sees that something is missing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};

use super::alarm::Alarm;
use super::endpoint::Endpoint;
use super::hop;
use super::http1::Http1;
use super::pool::{Open, Pool};
use crate::body::BodyError;
use crate::upstream::Picked;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Download {
    incoming: Incoming,
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
    /// A shared one.
    Shared(Alarm),
    /// One that was to be another protocol's. A task of its own drives it.
    Apart { alarm: Alarm, _open: Arc<Open> },
    /// Nothing any more.
    Done,
}

impl Download {
    /// An answer's body.
    pub(crate) fn new(
        incoming: Incoming,
        via: Via,
        pool: &Arc<Pool>,
        endpoint: &Arc<Endpoint>,
        patience: Duration,
        until: Option<Instant>,
        picked: Picked,
    ) -> Self {
        let (pool, endpoint) = (Arc::clone(pool), Arc::clone(endpoint));
        Self { incoming, via, pool, endpoint, patience, until, since: None, broken: None, _picked: picked }
    }

    /// Whether there is nothing to stream; then the connection is free at once.
    pub(crate) fn settle(&mut self) -> bool {
        if !self.incoming.is_end_stream() {
            return false;
        }
        self.give_back(&mut Context::from_waker(Waker::noop()));
        true
    }

    /// Gives the connection back if it can take another request.
    fn give_back(&mut self, context: &mut Context<'_>) {
        if let Via::Http1(mut connection) = std::mem::replace(&mut self.via, Via::Done) {
            if !connection.is_ready() && connection.drive(context).is_ready() {
                return;
            }
            if connection.is_ready() {
                self.pool.put(self.endpoint.id, connection, self.endpoint.max_idle, self.endpoint.keep);
            }
        }
    }

    /// Tells of an end that came too early only at the next look: the client is to have what was there before.
    fn fail<T>(&mut self, error: BodyError, context: &Context<'_>) -> Poll<T> {
        self.broken = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut deadline = since + self.patience;
        if let Some(until) = self.until {
            deadline = deadline.min(until);
        }
        match &mut self.via {
            Via::Http1(connection) => connection.past(deadline, context),
            Via::Shared(alarm) | Via::Apart { alarm, .. } => alarm.poll(deadline, context),
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
            Via::Http1(connection) => driven(&mut this.incoming, connection, context),
            Via::Shared(_) | Via::Apart { .. } | Via::Done => {
                Pin::new(&mut this.incoming).poll_frame(context).map_err(BodyError::from)
            }
        };
        match frame {
            // One that never pauses is never late otherwise.
            Poll::Ready(Some(Ok(_))) if this.until.is_some_and(|until| until <= Instant::now()) => {
                this.via = Via::Done;
                this.fail("the time for the whole exchange is over".into(), context)
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.since = None;
                if this.incoming.is_end_stream() {
                    this.give_back(context);
                }
                let frame = if frame.is_trailers() { hop::without_false_trailers(frame) } else { frame };
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.via = Via::Done;
                this.fail(error, context)
            }
            Poll::Ready(None) => {
                this.give_back(context);
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
        self.broken.is_none() && matches!(self.via, Via::Done) && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// What is there, or what driving the connection brings: nothing else does, so that looking needs no waker.
fn driven(
    incoming: &mut Incoming,
    connection: &mut Http1,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    let mut quiet = Context::from_waker(Waker::noop());
    if let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(&mut quiet) {
        return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
    }
    let over = connection.drive(context).is_ready();
    match Pin::new(incoming).poll_frame(&mut quiet) {
        Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from))),
        Poll::Pending if over => Poll::Ready(Some(Err("the connection is over".into()))),
        Poll::Pending => Poll::Pending,
    }
}
