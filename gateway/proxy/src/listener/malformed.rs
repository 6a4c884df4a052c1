//! Requests that are no HTTP/1.1. hyper answers those itself, with a bare status line, and offers no place to say more. So that a client gets the same
//! problem document as for any other refusal, what looks like such an answer is held back for as long as it may be one: when the connection then ends because
//! something could not be read, the document goes out in its place; in any other case the bytes follow as they are. Nothing is guessed.
//!
//! The connection ends with it: where one request could not be read, nobody knows where the next begins.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::{Body, Refusal};

/// How long the rest of what a refused client sends is taken and thrown away: closed before, the refusal might never be read.
const LINGER: Duration = Duration::from_secs(1);
/// The longest answer that hyper makes itself, with room to spare.
const LONGEST: usize = 192;

/// What is left of a connection that hyper has ended.
#[derive(Debug)]
pub(super) struct Rest<S> {
    stream: S,
    held: Vec<u8>,
    /// Whether a head had begun.
    begun: bool,
}

/// Where the rest of a connection is put.
#[derive(Debug)]
pub(super) struct Place<S>(Arc<Mutex<Option<Rest<S>>>>);

/// A stream whose last words are held back while they may have to be others.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    /// There until this is dropped.
    stream: Option<S>,
    held: Vec<u8>,
    begun: bool,
    /// Whether it is another protocol's now, in which nothing is an answer of hyper's.
    switched: bool,
    rest: Arc<Mutex<Option<Rest<S>>>>,
}

/// A stream, and where it is found again once hyper has dropped it.
pub(super) fn guard<S>(stream: S) -> (Guarded<S>, Place<S>) {
    let rest = Arc::default();
    let place = Place(Arc::clone(&rest));
    (Guarded { stream: Some(stream), held: Vec::new(), begun: false, switched: false, rest }, place)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Place<S> {
    /// Ends a connection as it has to end after what hyper said of it; `answer` makes a refusal's answer. There is nothing to do for one that was handed over
    /// (an upgrade).
    pub(super) async fn end(
        self,
        error: Option<&hyper::Error>,
        answer: impl FnOnce(Refusal) -> Response<Body>,
    ) {
        let Some(mut rest) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let refusal = error.and_then(|error| refusal(error, &rest));
        if let Some(refusal) = refusal {
            let bytes = written(answer(refusal)).await;
            let told = async {
                rest.stream.write_all(&bytes).await?;
                rest.stream.flush().await?;
                rest.stream.shutdown().await
            };
            if told.await.is_ok() {
                let _ = tokio::time::timeout(LINGER, drain(&mut rest.stream)).await;
            }
            return;
        }
        if !rest.held.is_empty() {
            let _ = rest.stream.write_all(&rest.held).await;
            let _ = rest.stream.shutdown().await;
        }
        if error.is_none() {
            settle(&mut rest.stream).await;
        }
    }
}

/// Takes what a client is still sending after the last answer, if it is: closed before, the answer might never be read.
pub(super) async fn settle(stream: &mut (impl AsyncRead + Unpin)) {
    let sending = stream.read(&mut [0; 4096]).now_or_never();
    if matches!(sending, Some(Ok(1..))) {
        let _ = tokio::time::timeout(LINGER, drain(stream)).await;
    }
}

async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

/// What a client is told, if anything: one that only waited is not.
fn refusal<S>(error: &hyper::Error, rest: &Rest<S>) -> Option<Refusal> {
    if error.is_parse_version_h2() {
        let detail = "HTTP/2 is not spoken on this connection.";
        return Some(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "http_version", detail));
    }
    if error.is_timeout() && rest.begun {
        let detail = "The request's head did not arrive in time.";
        return Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail));
    }
    if !error.is_parse() || rest.held.is_empty() {
        return None;
    }
    let (status, code, detail) = match answer_of_hyper(&rest.held).map(|(_, status)| status) {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The request's head is larger than is taken here, or has too many fields.",
        ),
        Some(StatusCode::URI_TOO_LONG) => {
            (StatusCode::URI_TOO_LONG, "uri_too_long", "The request's target is longer than is taken here.")
        }
        _ => (
            StatusCode::BAD_REQUEST,
            "malformed_request",
            "The request is no HTTP/1.1, or its body has no length that all readers agree on.",
        ),
    };
    Some(Refusal::new(status, code, detail))
}

/// An answer as it goes over the wire.
async fn written(answer: Response<Body>) -> Vec<u8> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let rest = format!("connection: close\r\ncontent-length: {}\r\ndate: {date}\r\n\r\n", body.len());
    bytes.extend_from_slice(rest.as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// Where an answer that hyper made itself begins, if these bytes end with one, and its status. Every answer of ours has more fields.
fn answer_of_hyper(bytes: &[u8]) -> Option<(usize, StatusCode)> {
    const END: &[u8] = b" GMT\r\n\r\n";
    const BEGIN: &[u8] = b"HTTP/1.";
    if !bytes.ends_with(END) {
        return None;
    }
    let first = bytes.len().saturating_sub(LONGEST);
    let tail = bytes.get(first..)?;
    let begin = tail.windows(BEGIN.len()).rposition(|window| window == BEGIN)?;
    let head = std::str::from_utf8(tail.get(begin..)?).ok()?;
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let ours = lines.any(|line| {
        !(line.starts_with("date: ") || line == "content-length: 0" || line == "connection: close")
    });
    let known =
        [StatusCode::BAD_REQUEST, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, StatusCode::URI_TOO_LONG];
    (!ours && known.contains(&status)).then_some((first + begin, status))
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Writes what was held back: it was no answer of hyper's.
    fn release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let count = ready!(Pin::new(stream).poll_write(context, &self.held))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // After an answer of its own hyper does not read on.
        if !this.held.is_empty() && this.release(context)?.is_ready() {
            let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let _ = Pin::new(stream).poll_flush(context)?;
        }
        let before = buffer.filled().len();
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let read = Pin::new(stream).poll_read(context, buffer);
        this.begun |= buffer.filled().len() > before;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.begun = false;
        ready!(this.release(context))?;
        let (before, last) = match slices.split_last() {
            Some((last, before)) => (before, &**last),
            None => return Poll::Ready(Ok(0)),
        };
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        this.switched |= last.starts_with(b"HTTP/1.1 101 ");
        let answer = if this.switched { None } else { answer_of_hyper(last) };
        let Some((begin, _)) = answer else {
            return Pin::new(stream).poll_write_vectored(context, slices);
        };
        // What comes before it goes first.
        if before.iter().any(|slice| !slice.is_empty()) {
            return Pin::new(stream).poll_write_vectored(context, before);
        }
        let (first, held) = last.split_at_checked(begin).unwrap_or((last, &[]));
        if !first.is_empty() {
            return Pin::new(stream).poll_write(context, first);
        }
        this.held.extend_from_slice(held);
        Poll::Ready(Ok(held.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut().stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.held.is_empty() {
            // Whoever finds the rest decides over it.
            return Poll::Ready(Ok(()));
        }
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Pin::new(stream).poll_shutdown(context)
    }
}

impl<S> Drop for Guarded<S> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            let rest = Rest { stream, held: std::mem::take(&mut self.held), begun: self.begun };
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_head_of_hypers_own_is_taken_for_one() {
        let bare =
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Sun, 29 Nov 2026 17:59:43 GMT\r\n\r\n";
        assert_eq!(answer_of_hyper(bare.as_bytes()), Some((0, StatusCode::BAD_REQUEST)));
        let after = format!("{}{bare}", "x".repeat(500));
        assert_eq!(answer_of_hyper(after.as_bytes()), Some((500, StatusCode::BAD_REQUEST)));
        let ours = bare.replace("content-length", "x-request-id: 1\r\ncontent-length");
        assert_eq!(answer_of_hyper(ours.as_bytes()), None);
        let other = bare.replace("400 Bad Request", "404 Not Found");
        assert_eq!(answer_of_hyper(other.as_bytes()), None);
        assert_eq!(answer_of_hyper(format!("{bare}x").as_bytes()), None);
        assert_eq!(answer_of_hyper(b""), None);
    }
}
