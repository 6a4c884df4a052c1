//! The streams of an HTTP/2 connection, each a task. A client that does not take what it asked for would keep one for ever, and the target's connection with it:
//! it may open the stream's window not at all, and go on speaking on others, so that the connection itself never stands still. Here such a stream is given up
//! on, which resets it; the connection's others go on.
//!
//! And a client that asks and takes it back, again and again, costs as much as one that waits for its answers, and is limited by nothing else (rapid reset,
//! CVE-2023-44487: what is taken back before it was looked at, h2 counts; this counts what was begun). Its connection ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::Notify;

use crate::Body;
use crate::body::BodyError;
use crate::forward::Alarm;

/// So many requests of a connection may be taken back before it matters that most of them were.
const TAKEN_BACK: usize = 500;

tokio::task_local! {
    static STREAM: Arc<Stream>;
}

/// What a stream's task and its answer's body know of one another.
#[derive(Debug, Default)]
struct Stream {
    /// Whether there was an answer.
    answered: AtomicBool,
    /// Since when the client has not taken what it was given; none while nothing waits for it.
    waits: Mutex<Option<Instant>>,
}

impl Stream {
    fn set_waiting(&self, since: Option<Instant>) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn waiting(&self) -> Option<Instant> {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a connection's requests ended.
#[derive(Debug, Default)]
struct Ends {
    answered: AtomicUsize,
    taken_back: AtomicUsize,
    abuse: Notify,
}

impl Ends {
    fn count(&self, stream: &Stream) {
        if stream.answered.load(Relaxed) {
            self.answered.fetch_add(1, Relaxed);
            return;
        }
        let taken_back = self.taken_back.fetch_add(1, Relaxed) + 1;
        if taken_back >= TAKEN_BACK && taken_back > self.answered.load(Relaxed) {
            self.abuse.notify_one();
        }
    }
}

/// Runs the streams of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    patience: Duration,
    ends: Arc<Ends>,
}

impl Streams {
    /// Whose client may stand still so long.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, ends: Arc::default() }
    }

    /// Ready once the client has taken back too much.
    pub(super) async fn abused(&self) {
        self.ends.abuse.notified().await;
        tracing::debug!("a client took back too many requests");
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let stream = Arc::new(Stream::default());
        let limited = Limited {
            future: Box::pin(future),
            stream: Arc::clone(&stream),
            streams: self.clone(),
            alarm: Alarm::default(),
        };
        tokio::spawn(STREAM.scope(stream, limited));
    }
}

/// A stream, until its client has stood still for too long.
struct Limited<F> {
    future: Pin<Box<F>>,
    stream: Arc<Stream>,
    streams: Streams,
    alarm: Alarm,
}

impl<F: Future> Future for Limited<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let patience = this.streams.patience;
        match this.stream.waiting() {
            Some(since) if !patience.is_zero() => this.alarm.poll(since + patience, context),
            _ => Poll::Pending,
        }
    }
}

impl<F> Drop for Limited<F> {
    fn drop(&mut self) {
        self.streams.ends.count(&self.stream);
    }
}

/// An answer whose stream's task sees when it is not taken; as it is where there is no such task.
pub(super) fn watched(answer: Response<Body>) -> Response<Body> {
    let Ok(stream) = STREAM.try_with(Arc::clone) else { return answer };
    stream.answered.store(true, Relaxed);
    if answer.body().is_end_stream() {
        return answer;
    }
    answer.map(|body| Body::new(Watched { body, stream }))
}

#[derive(Debug)]
struct Watched {
    body: Body,
    stream: Arc<Stream>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        // hyper asks for the next one when the client's window has taken the last.
        this.stream.set_waiting(frame.is_ready().then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
