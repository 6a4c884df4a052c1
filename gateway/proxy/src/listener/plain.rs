//! The ordinary requests of HTTP/1.1: a whole head in one piece, without a body and without a wish for the connection but that it ends. They are most of all requests,
//! and here they cost a parse and a write; a connection that waits between them keeps no buffer.
//!
//! Anything else (a head that comes in pieces, a body, an upgrade, an expectation, HTTP/1.0, what is no HTTP) is handed over to hyper together with the
//! connection, byte for byte as it came and for good: what is unusual has one reader, and nothing of it is decided here.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use httparse::Status;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::reply::Reply;
use super::{Seat, spare};
use crate::Body;
use crate::forward::Alarm;
use crate::pipeline::{self, Peer};

/// What is read at once. A head that is larger comes in pieces.
const READ: usize = 8 << 10;
/// Headers at most.
const MOST: usize = 48;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// How a connection goes on.
pub(super) enum Left<S> {
    /// It has ended.
    Ended,
    /// Its last answer was given. What the client may still be sending is to be taken.
    Answered(S),
    /// Somebody else has to read it; these bytes come first.
    Unusual(S, Bytes),
}

/// A connection while it is here.
struct Line<S> {
    stream: S,
    /// Read and not yet used.
    rest: Bytes,
    stopping: bool,
}

/// Answers ordinary requests, one after another.
pub(super) async fn serve<S>(seat: &Seat, stream: S, peer: &Arc<Peer>) -> Left<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let patience = seat.settings.config.head_timeout.0;
    let mut stopped = seat.stopped.clone();
    let mut stop = pin!(stopped.wait_for(|stopped| *stopped));
    // Asked once, it wakes the task when it is time: until then a look at whether anything changed is enough.
    let mut asked = false;
    let mut is_stopping = |context: &mut Context<'_>| {
        (!std::mem::replace(&mut asked, true) || seat.stopped.has_changed().unwrap_or(true))
            && std::future::Future::poll(stop.as_mut(), context).is_ready()
    };
    let mut line = Line { stream, rest: Bytes::new(), stopping: false };
    let mut alarm = Alarm::default();
    let mut served = false;
    loop {
        if line.rest.is_empty() {
            let deadline = Instant::now() + patience;
            let read = std::future::poll_fn(|context| {
                line.stopping = line.stopping || is_stopping(context);
                // Who connected last is about to ask, and is answered.
                if line.stopping && served {
                    return Poll::Ready(false);
                }
                if let Poll::Ready(read) = line.fill(context) {
                    return Poll::Ready(read.is_ok() && !line.rest.is_empty());
                }
                alarm.poll(deadline, context).map(|()| false)
            });
            if !read.await {
                return Left::Ended;
            }
        }
        let Some(Ordinary { request, length, close }) = ordinary(&line.rest) else {
            return Left::Unusual(line.stream, line.rest);
        };
        // The next one is not to keep this one's bytes, nor the other way round.
        line.rest = Bytes::copy_from_slice(line.rest.get(length..).unwrap_or_default());
        served = true;
        let head_only = *request.method() == Method::HEAD;
        let mut answer = Box::pin(pipeline::answer(&seat.shared, &seat.pool, peer, request));
        let answered = std::future::poll_fn(|context| {
            line.stopping = line.stopping || is_stopping(context);
            if let Poll::Ready(answer) = std::future::Future::poll(answer.as_mut(), context) {
                return Poll::Ready(Some(answer));
            }
            line.is_gone(context).map(|()| None)
        });
        let Some(response) = answered.await else { return Left::Ended };
        drop(answer);
        let mut reply = Reply::new(response, head_only, close || line.stopping);
        let written = std::future::poll_fn(|context| {
            if let Poll::Ready(written) = reply.poll_write(&mut line.stream, context) {
                return Poll::Ready(written.is_ok());
            }
            line.is_gone(context).map(|()| false)
        });
        if !written.await {
            return Left::Ended;
        }
        if reply.is_last() {
            let end = std::future::poll_fn(|context| Pin::new(&mut line.stream).poll_shutdown(context));
            let _ = end.await;
            return Left::Answered(line.stream);
        }
    }
}

impl<S: AsyncRead + Unpin> Line<S> {
    /// Reads what is there; nothing where the other side closed. Copied, so that a connection that waits holds no room to read into.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            self.rest = Bytes::copy_from_slice(buffer.filled());
            Poll::Ready(Ok(()))
        })
    }

    /// Ready once the client has gone away while it waited for its answer. What it asks for meanwhile is kept, one reading of it.
    fn is_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.rest.is_empty() {
            let read = ready!(self.fill(context));
            if read.is_err() || self.rest.is_empty() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

/// A request.
struct Ordinary {
    request: Request<Body>,
    /// Its bytes.
    length: usize,
    /// Whether it is to be the last one of its connection.
    close: bool,
}

/// The request that these bytes begin with, if it is an ordinary one.
fn ordinary(bytes: &Bytes) -> Option<Ordinary> {
    let mut places = [const { MaybeUninit::uninit() }; MOST];
    let mut parsed = httparse::Request::new(&mut []);
    let Ok(Status::Complete(length)) = parsed.parse_with_uninit_headers(bytes, &mut places) else {
        return None;
    };
    let (Some(method), Some(path), Some(1)) = (parsed.method, parsed.path, parsed.version) else {
        return None;
    };
    if !path.starts_with('/') {
        return None;
    }
    let method = Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?;
    let uri = Uri::from_maybe_shared(bytes.slice_ref(path.as_bytes())).ok()?;
    let mut headers = spare::take(parsed.headers.len() + spare::ADDED);
    let mut close = false;
    for one in parsed.headers.iter() {
        let name = HeaderName::from_bytes(one.name.as_bytes()).ok()?;
        if name == header::CONNECTION {
            let ends = one.value.eq_ignore_ascii_case(b"close");
            if !ends && !one.value.eq_ignore_ascii_case(b"keep-alive") {
                return None;
            }
            close |= ends;
        } else if is_unusual(&name) {
            return None;
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(one.value)).ok()?;
        headers.append(name, value);
    }
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (method, uri, Version::HTTP_11);
    *request.headers_mut() = headers;
    Some(Ordinary { request, length, close })
}

/// Whether a header frames a body or wants something of the connection.
fn is_unusual(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-length"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "te"
            | "trailer"
            | "http2-settings"
            | "proxy-connection"
            | "keep-alive"
    )
}

/// A stream of which something was read that the next reader is to see.
#[derive(Debug)]
pub(super) struct Prefixed<S> {
    first: Bytes,
    stream: S,
}

impl<S> Prefixed<S> {
    /// A stream that begins with these bytes.
    pub(super) const fn new(first: Bytes, stream: S) -> Self {
        Self { first, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_and_has_no_wishes_is_ordinary() {
        let text = "GET /a?b HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\nrest";
        let Ordinary { request, length, close } = ordinary(&Bytes::from(text)).unwrap();
        assert_eq!((request.uri().to_string(), length, close), ("/a?b".to_owned(), text.len() - 4, false));
        assert_eq!(request.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        for cut in 0..length {
            assert!(ordinary(&Bytes::from(&text[..cut])).is_none(), "{cut}");
        }
        for line in [
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "Connection: close, x-a",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Expect: 100-continue",
            "TE: trailers",
            "bad name: 1",
            "Transfer-Encoding : chunked",
            " folded: 1",
        ] {
            let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n");
            assert!(ordinary(&Bytes::from(text)).is_none(), "{line}");
        }
        let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n";
        assert!(ordinary(&Bytes::from(last)).unwrap().close);
        for text in [
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u{1}\r\n\r\n",
        ] {
            assert!(ordinary(&Bytes::from(text)).is_none(), "{text}");
        }
    }
}
