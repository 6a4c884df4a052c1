//! How much a target may send before its answer's head is whole. One head is bounded by hyper; any number of interim ones (1xx) before it is not, and reading
//! them keeps a worker from all else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// Bytes; more than one head and what may be read beyond it at once.
const MOST: usize = 1 << 20;

/// What is left of it.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// A head is waited for.
    pub(super) fn begin(&self) {
        self.0.store(MOST, Relaxed);
    }

    /// It is there.
    pub(super) fn end(&self) {
        self.0.store(usize::MAX, Relaxed);
    }
}

/// A stream that ends when its allowance is used up.
#[derive(Debug)]
pub(super) struct Allowed {
    stream: Stream,
    allowance: Allowance,
}

impl Allowed {
    /// Without a limit, until [`Allowance::begin`].
    pub(super) fn new(stream: Stream) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicUsize::new(usize::MAX)));
        (Self { stream, allowance: allowance.clone() }, allowance)
    }
}

impl AsyncRead for Allowed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.allowance.0.load(Relaxed);
        if left == usize::MAX {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        if left == 0 {
            return Poll::Ready(Err(io::Error::other("the answer's head does not come to an end")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.allowance.0.store(left.saturating_sub(buffer.filled().len() - before), Relaxed);
        read
    }
}

impl AsyncWrite for Allowed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
