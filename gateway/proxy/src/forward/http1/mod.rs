//! One HTTP/1.1 connection to a target. It has no task: while a request is under way it is driven by whoever waits for the answer, so that nothing is
//! handed from task to task, and a request that is given up closes it.
//!
//! This is not hyper's client because of what that costs a proxy: a channel for each request, another for each body, and a copy of each head. What is
//! written and read is decided in `head` and `framing`, which are pure; this file moves bytes.

mod framing;
mod head;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Frame};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;
use tokio_util::io::poll_read_buf;

use super::alarm::Alarm;
use super::failure::{Failure, What};
use super::pool::Open;
use super::stream::Stream;
use super::{Limits, client_fault};
use crate::Body;
use crate::body::BodyError;
use framing::{Framing, Part};
use head::Head;

/// What is read at once: as a rule a whole answer. Large bodies are read in larger parts.
const READ: usize = 8 << 10;
const READ_MOST: usize = 64 << 10;

/// Answers that only announce another, at most.
const ANNOUNCED: usize = 16;

/// A connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    stream: Stream,
    /// Read and not yet used.
    input: BytesMut,
    /// Made and not yet written.
    output: BytesMut,
    /// The request's body, as far as it is still to be sent.
    body: Body,
    sending: Sending,
    /// Whether anything of the request was written, and all of that flushed.
    wrote: bool,
    flushed: bool,
    /// What is left of the answer's body.
    framing: Framing,
    /// Whether another request may follow.
    keep: bool,
    /// Bytes to read at once.
    reach: usize,
    alarm: Alarm,
    _open: Open,
    /// An empty map that had headers: the next ones have room in it.
    spare: HeaderMap,
}

/// How a request's body goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// So many bytes are to follow.
    Length(u64),
    /// In chunks.
    Chunked,
    /// It was all.
    Done,
}

impl Http1 {
    /// Over a stream.
    pub(crate) fn new(stream: Stream, open: Open) -> Box<Self> {
        Box::new(Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            body: Body::empty(),
            sending: Sending::Done,
            wrote: false,
            flushed: true,
            framing: Framing::Ended,
            keep: true,
            reach: READ,
            alarm: Alarm::default(),
            _open: open,
            spare: HeaderMap::new(),
        })
    }

    /// Whether it can take a request now.
    pub(crate) fn is_ready(&self) -> bool {
        self.keep
            && self.framing == Framing::Ended
            && self.sending == Sending::Done
            && self.input.is_empty()
            && self.output.is_empty()
    }

    /// Whether the other side has left it open and silent while it waited.
    pub(crate) fn still_open(&mut self) -> bool {
        self.fill(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Ready once the time is past.
    pub(crate) fn past(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(deadline, context)
    }

    /// Sends a request and waits for the head of the answer; what follows is had by [`Self::frame`]. The request's head stays as it is, and its body, if
    /// nothing was sent.
    pub(crate) async fn exchange(
        &mut self,
        request: &mut Request<Body>,
        limits: &Limits,
    ) -> Result<Parts, Failure> {
        if !self.still_open() {
            let what = What::Broken("connection closed".to_owned());
            return Err(Failure { what, unsent: true });
        }
        self.sending = head::write(&mut self.output, request);
        (self.wrote, self.flushed, self.reach) = (false, false, READ);
        self.body = std::mem::take(request.body_mut());
        let method = request.method();
        let result = std::future::poll_fn(|context| self.answered(method, limits, context)).await;
        result.map_err(|what| {
            self.keep = false;
            // Before anything is written nothing of the body is taken.
            let unsent = !self.wrote;
            if unsent {
                *request.body_mut() = std::mem::take(&mut self.body);
            }
            Failure { what: client_fault(limits.upload.as_deref()).unwrap_or(what), unsent }
        })
    }

    /// Takes headers that nobody needs any more: the next answer's have room in their place.
    pub(crate) fn reuse(&mut self, mut headers: HeaderMap) {
        headers.clear();
        self.spare = headers;
    }

    fn answered(
        &mut self,
        method: &Method,
        limits: &Limits,
        context: &mut Context<'_>,
    ) -> Poll<Result<Parts, What>> {
        // A target may answer and close without having read all: the answer counts for more than the error.
        let sent = self.send(context);
        match self.head(method, context) {
            Poll::Ready(Ok(Some(head))) => {
                let mut answer = Response::new(()).into_parts().0;
                (answer.status, answer.version, answer.headers) = (head.status, head.version, head.headers);
                return Poll::Ready(Ok(answer));
            }
            Poll::Ready(Ok(None)) => {
                let what = match sent {
                    Poll::Ready(Err(error)) => error.to_string(),
                    _ => "connection closed".to_owned(),
                };
                return Poll::Ready(Err(What::Broken(what)));
            }
            Poll::Ready(Err(what)) => return Poll::Ready(Err(What::Broken(what))),
            Poll::Pending => {}
        }
        if let Poll::Ready(Err(error)) = sent {
            return Poll::Ready(Err(What::Broken(error.to_string())));
        }
        if let Some((deadline, what)) = limits.deadline()
            && self.alarm.poll(deadline, context).is_ready()
        {
            return Poll::Ready(Err(what));
        }
        Poll::Pending
    }

    /// The answer's head, after those that only announce it; nothing where the other side closed.
    fn head(&mut self, method: &Method, context: &mut Context<'_>) -> Poll<Result<Option<Head>, String>> {
        let mut announced = 0;
        loop {
            while let Some(mut head) = head::read(&mut self.input, &mut self.spare)? {
                if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                    announced += 1;
                    if announced > ANNOUNCED {
                        return Poll::Ready(Err("too many answers that announce another".to_owned()));
                    }
                    continue;
                }
                self.framing = Framing::of(method, head.status, head.version, &mut head.headers)?;
                self.keep = head.keeps_open()
                    && self.framing != Framing::UntilClose
                    && head.status != StatusCode::SWITCHING_PROTOCOLS;
                return Poll::Ready(Ok(Some(head)));
            }
            match ready!(self.fill(context)) {
                Ok(0) if self.input.is_empty() => return Poll::Ready(Ok(None)),
                Ok(0) => return Poll::Ready(Err("connection closed within a head".to_owned())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
    }

    /// The next part of the answer's body. What is left of the request's goes on meanwhile.
    pub(crate) fn frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.sending != Sending::Done && matches!(self.send(context), Poll::Ready(Err(_))) {
            (self.keep, self.sending) = (false, Sending::Done);
        }
        loop {
            match self.framing.next(&mut self.input) {
                Ok(Part::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Part::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Ok(Part::End) => return Poll::Ready(None),
                Ok(Part::Missing) => match ready!(self.fill(context)) {
                    Ok(0) if self.framing.close() => return Poll::Ready(None),
                    Ok(0) => return Poll::Ready(Some(Err("the connection is over".into()))),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(Some(Err(error.into()))),
                },
                Err(what) => return Poll::Ready(Some(Err(what.into()))),
            }
        }
    }

    /// Whether nothing of the answer's body is left.
    pub(crate) fn is_end(&self) -> bool {
        self.framing == Framing::Ended
    }

    /// The length of what is left of the answer's body, where it is known.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self.framing {
            Framing::Ended => Some(0),
            Framing::Length(left) => Some(left),
            Framing::Chunked(_) | Framing::UntilClose => None,
        }
    }

    /// The whole body, where all of it was read together with the head.
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        match self.framing {
            Framing::Ended => Some(Bytes::new()),
            Framing::Length(left) if self.input.len() as u64 >= left => {
                match self.framing.next(&mut self.input) {
                    Ok(Part::Data(data)) => Some(data),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Reads what is there.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.reach);
        let count = ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input))?;
        if count >= self.reach {
            self.reach = (self.reach * 2).min(READ_MOST);
        }
        Poll::Ready(Ok(count))
    }

    /// Writes what is there to be written.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.output.is_empty() {
                let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.output))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.wrote = true;
                self.output.advance(count);
            }
            if self.sending == Sending::Done {
                if !self.flushed {
                    ready!(Pin::new(&mut self.stream).poll_flush(context))?;
                    self.flushed = true;
                }
                return Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => self.encode(frame)?,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Poll::Ready(None) => self.end(None)?,
                // What was written so far is to arrive meanwhile.
                Poll::Pending => {
                    let _ = Pin::new(&mut self.stream).poll_flush(context)?;
                    return Poll::Pending;
                }
            }
        }
    }

    fn encode(&mut self, frame: Frame<Bytes>) -> io::Result<()> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return self.end(frame.into_trailers().ok()),
        };
        match &mut self.sending {
            Sending::Length(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or_else(|| io::Error::other("the body is longer than it was said to be"))?;
                self.output.extend_from_slice(&data);
                if *left == 0 {
                    self.end(None)?;
                }
            }
            // A chunk of nothing would be the end.
            Sending::Chunked if data.is_empty() => {}
            Sending::Chunked => {
                self.output.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                self.output.extend_from_slice(&data);
                self.output.extend_from_slice(b"\r\n");
            }
            Sending::Done => {}
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> io::Result<()> {
        match self.sending {
            Sending::Length(0) | Sending::Done => {}
            Sending::Length(_) => return Err(io::Error::other("the body is shorter than it was said to be")),
            Sending::Chunked => {
                self.output.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.iter().flatten() {
                    for text in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                        self.output.extend_from_slice(text);
                    }
                }
                self.output.extend_from_slice(b"\r\n");
            }
        }
        self.sending = Sending::Done;
        self.body = Body::empty();
        Ok(())
    }
}

/// A connection that may become another protocol's: hyper's, with a future that drives it and hands the stream over. It is open for as long as the last of
/// these is kept.
pub(crate) async fn upgradeable(
    stream: Stream,
    open: Open,
) -> Result<(SendRequest<Body>, impl Future<Output = hyper::Result<()>> + Send + 'static, Open), What> {
    let (send, drive) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| What::Broken(error.to_string()))?;
    Ok((send, drive.with_upgrades(), open))
}
