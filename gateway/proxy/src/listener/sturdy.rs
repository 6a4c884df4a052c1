//! A client's stream that gives up on a client who stands still: one that does not take what it asked for, and one that begins to speak HTTP/2 and does not
//! end its first words. Within HTTP/1.1 heads and within bodies others look after that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::forward::Alarm;

/// A stream with a time limit for writes.
#[derive(Debug)]
pub(crate) struct Sturdy<S> {
    stream: S,
    patience: Duration,
    since: Option<Instant>,
    alarm: Alarm,
    /// What is still to come of HTTP/2's first words, and until when.
    preface: Option<(&'static [u8], Instant)>,
}

/// How every client begins that speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl<S> Sturdy<S> {
    /// A stream whose other side may stand still so long.
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, since: None, alarm: Alarm::default(), preface: None }
    }

    /// With a time by which HTTP/2's first words have to be there, if those are the client's first words. hyper waits for them without an end.
    pub(crate) fn greeted_until(mut self, deadline: Instant) -> Self {
        self.preface = Some((PREFACE, deadline));
        self
    }

    fn greet(&mut self, arrived: &[u8]) {
        let Some((expected, deadline)) = self.preface else { return };
        let common = expected.len().min(arrived.len());
        let (now, later) = expected.split_at(common);
        self.preface = (arrived.starts_with(now) && !later.is_empty()).then_some((later, deadline));
    }

    fn judge<T>(&mut self, result: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.since = None;
            return result;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.patience.is_zero() && self.alarm.poll(since + self.patience, context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stood still")));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sturdy<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some((_, deadline)) = self.preface {
            self.greet(buffer.filled().get(before..).unwrap_or_default());
            if read.is_pending() && self.alarm.poll(deadline, context).is_ready() {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client said nothing")));
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sturdy<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(result, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
