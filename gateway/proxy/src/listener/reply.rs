//! An answer as it goes over an HTTP/1.1 connection (RFC 9112): its head, how its body is framed, and its bytes as they come.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Body as _;
use tokio::io::AsyncWrite;

use super::spare;
use crate::Body;
use crate::forward::hop;

/// Parts of a body up to that size are copied and go out together; larger ones go as they are.
const SMALL: usize = 4 << 10;
/// So much waits to be written at most before more of the body is asked for.
const WAITING: usize = 32 << 10;

/// An answer under way.
#[derive(Debug)]
pub(super) struct Reply {
    body: Body,
    framing: Framing,
    out: BytesMut,
    /// A large part of the body, after `out`.
    part: Bytes,
    /// The end of a chunk, after `part`.
    close_chunk: bool,
    /// Nothing may follow it on the connection.
    last: bool,
    /// The body broke off: what was there before goes out.
    broken: bool,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    Ended,
}

impl Reply {
    /// An answer, to a request for its head alone, say, and the last one of a connection, say.
    pub(super) fn new(answer: Response<Body>, head_only: bool, stopping: bool) -> Self {
        let (head, body) = answer.into_parts();
        let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || head.status.is_informational();
        let size = body.size_hint().exact().or_else(|| told(&head.headers));
        let framing = match size {
            _ if bodiless || head_only => Framing::Ended,
            Some(size) => Framing::Length(size),
            None => Framing::Chunked,
        };
        let mut out = spare::take_buffer();
        line(&mut out, head.status);
        // What is told of a body that is not sent, the service knows best.
        let told = framing == Framing::Ended && head.status != StatusCode::NO_CONTENT;
        let (mut has_length, mut has_date, mut close) = (false, false, false);
        for (name, value) in &head.headers {
            match name.as_str() {
                "content-length" if !told || has_length => continue,
                "content-length" => has_length = true,
                "transfer-encoding" => continue,
                "connection" => close |= hop::has_token(value, "close"),
                "date" => has_date = true,
                _ => {}
            }
            field(&mut out, name, value);
        }
        match framing {
            Framing::Length(size) => length(&mut out, size),
            Framing::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Ended if head_only && !bodiless && !has_length => {
                // A service's answer to HEAD comes without its body, which says nothing of its length.
                if let Some(size) = body.size_hint().exact().filter(|size| *size > 0) {
                    length(&mut out, size);
                }
            }
            Framing::Ended => {}
        }
        if stopping && !close {
            out.put_slice(b"connection: close\r\n");
        }
        if !has_date {
            out.put_slice(b"date: ");
            DATE.with_borrow_mut(|date| out.put_slice(date.now()));
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"\r\n");
        spare::give(head.headers);
        let framing = if framing == Framing::Length(0) { Framing::Ended } else { framing };
        let (part, close_chunk) = (Bytes::new(), false);
        Self { body, framing, out, part, close_chunk, last: stopping || close, broken: false }
    }

    /// Whether the connection ends with it.
    pub(super) const fn is_last(&self) -> bool {
        self.last
    }

    /// Writes as much as there is and the other side takes; ready once all is written.
    pub(super) fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let pending = self.gather(context);
            while !self.out.is_empty() || !self.part.is_empty() {
                let count = if self.part.is_empty() {
                    ready!(Pin::new(&mut *stream).poll_write(context, &self.out))?
                } else {
                    let slices = [io::IoSlice::new(&self.out), io::IoSlice::new(&self.part)];
                    ready!(Pin::new(&mut *stream).poll_write_vectored(context, &slices))?
                };
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                let first = count.min(self.out.len());
                self.out.advance(first);
                self.part.advance(count - first);
            }
            if std::mem::take(&mut self.close_chunk) {
                self.out.put_slice(b"\r\n");
                continue;
            }
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(Pin::new(&mut *stream).poll_flush(context))?;
            if self.framing == Framing::Ended {
                return Poll::Ready(Ok(()));
            }
            if pending {
                return Poll::Pending;
            }
        }
    }

    /// Takes of the body what is there; whether more of it has to be waited for.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        while self.framing != Framing::Ended
            && !self.broken
            && self.part.is_empty()
            && !self.close_chunk
            && self.out.len() < WAITING
        {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are for those who ask for them, and those are not answered here.
                    if let Ok(data) = frame.into_data() {
                        self.take(data);
                    }
                }
                Poll::Ready(Some(Err(_))) => self.broken = true,
                Poll::Ready(None) => self.end(),
                Poll::Pending => return true,
            }
        }
        false
    }

    fn take(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        match &mut self.framing {
            Framing::Length(left) => match left.checked_sub(data.len() as u64) {
                Some(0) => self.framing = Framing::Ended,
                Some(less) => *left = less,
                None => {
                    self.broken = true;
                    return;
                }
            },
            Framing::Chunked => self.out.put_slice(format!("{:x}\r\n", data.len()).as_bytes()),
            Framing::Ended => return,
        }
        let chunked = self.framing == Framing::Chunked;
        if data.len() > SMALL {
            (self.part, self.close_chunk) = (data, chunked);
            return;
        }
        self.out.put_slice(&data);
        if chunked {
            self.out.put_slice(b"\r\n");
        }
    }

    fn end(&mut self) {
        match self.framing {
            Framing::Length(_) => self.broken = true,
            Framing::Chunked => {
                self.out.put_slice(b"0\r\n\r\n");
                self.framing = Framing::Ended;
            }
            Framing::Ended => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        spare::give_buffer(std::mem::take(&mut self.out));
    }
}

/// The one length that the headers tell.
fn told(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let (Some(one), None) = (values.next(), values.next()) else { return None };
    one.to_str().ok()?.parse().ok()
}

fn line(out: &mut BytesMut, status: StatusCode) {
    if status == StatusCode::OK {
        return out.put_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let reason = status.canonical_reason().unwrap_or("<none>");
    for text in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.put_slice(text.as_bytes());
    }
}

fn field(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
    out.reserve(name.len() + value.len() + 4);
    for text in [name, b": ", value, b"\r\n"] {
        out.put_slice(text);
    }
}

fn length(out: &mut BytesMut, size: u64) {
    out.put_slice(b"content-length: ");
    out.put_slice(itoa::Buffer::new().format(size).as_bytes());
    out.put_slice(b"\r\n");
}

/// `Date`, written once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    text: String,
}

thread_local! {
    static DATE: RefCell<Date> = RefCell::default();
}

impl Date {
    fn now(&mut self) -> &[u8] {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;
    use crate::body::BodyError;

    async fn written(answer: Response<Body>, head_only: bool, stopping: bool) -> (String, bool) {
        let mut reply = Reply::new(answer, head_only, stopping);
        let mut out = Vec::new();
        let whole = std::future::poll_fn(|context| reply.poll_write(&mut out, context)).await.is_ok();
        let text = String::from_utf8(out).unwrap();
        let (before, after) = text.split_once("date: ").unwrap();
        (before.to_owned() + after.get(31..).unwrap(), whole)
    }

    fn parts(parts: Vec<Result<&'static str, &'static str>>) -> Body {
        let frames = parts.into_iter().map(|part| {
            part.map(|data| Frame::data(Bytes::from_static(data.as_bytes()))).map_err(BodyError::from)
        });
        Body::new(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_is_framed_by_what_is_known_of_it() {
        let answer = |body, length: Option<&'static str>| {
            let mut answer = Response::new(body);
            length.map(|length| {
                answer.headers_mut().insert("content-length", HeaderValue::from_static(length))
            });
            answer
        };
        for (answer, text, whole) in [
            (answer(Body::full("hi"), Some("9")), "content-length: 2\r\n\r\nhi", true),
            (answer(Body::empty(), None), "content-length: 0\r\n\r\n", true),
            (answer(parts(vec![Ok("a"), Ok("bc")]), Some("3")), "content-length: 3\r\n\r\nabc", true),
            (
                answer(parts(vec![Ok("a"), Ok(""), Ok("bc")]), None),
                "transfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
                true,
            ),
            (
                answer(parts(vec![Ok("a"), Err("gone")]), None),
                "transfer-encoding: chunked\r\n\r\n1\r\na\r\n",
                false,
            ),
            (answer(parts(vec![Ok("a")]), Some("3")), "content-length: 3\r\n\r\na", false),
            (answer(parts(vec![Ok("abcd")]), Some("3")), "content-length: 3\r\n\r\n", false),
        ] {
            let expected = (format!("HTTP/1.1 200 OK\r\n{text}"), whole);
            assert_eq!(written(answer, false, false).await, expected);
        }
    }

    #[tokio::test]
    async fn what_has_no_body_sends_none() {
        let mut head = Response::new(Body::empty());
        head.headers_mut().insert("content-length", HeaderValue::from_static("7"));
        let told = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n";
        assert_eq!(written(head, true, false).await, (told.to_owned(), true));
        let mut none = Response::new(Body::empty());
        *none.status_mut() = StatusCode::NO_CONTENT;
        let text = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        assert_eq!(written(none, false, true).await, (text.to_owned(), true));
    }

    #[tokio::test]
    async fn large_parts_arrive_whole_and_in_order() {
        let large: &'static str = "x".repeat(SMALL + 1).leak();
        let answer = Response::new(parts(vec![Ok("a"), Ok(large), Ok("b")]));
        let (text, whole) = written(answer, false, false).await;
        assert!(whole && text.ends_with(&format!("1\r\na\r\n1001\r\n{large}\r\n1\r\nb\r\n0\r\n\r\n")));
    }
}
