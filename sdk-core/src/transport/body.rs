//! The body of an answer, as it arrives. Its decoded size is counted while it is read, so that a small compressed answer cannot grow without bound
//! in memory.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, stream};

use crate::engine::failure::TransportFailure;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, TransportFailure>> + Send>>;

/// A stream of the pieces of a body, decoded. After an error it ends.
pub struct Body {
    chunks: Chunks,
    /// What the answer's head says of the length, where the body is not decoded.
    length: Option<u64>,
}

impl Body {
    /// A body that arrives in pieces.
    pub fn new(chunks: impl Stream<Item = Result<Bytes, TransportFailure>> + Send + 'static) -> Self {
        Self { chunks: Box::pin(chunks), length: None }
    }

    /// A body that is there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self::new(stream::iter((!bytes.is_empty()).then_some(Ok(bytes)))).with_length(Some(length))
    }

    /// Says how long it will be, which saves growing a buffer, and reading what is over a limit.
    #[must_use]
    pub fn with_length(mut self, length: Option<u64>) -> Self {
        self.length = length;
        self
    }

    /// The next piece.
    pub async fn next(&mut self) -> Option<Result<Bytes, TransportFailure>> {
        self.chunks.next().await
    }

    /// Reads at most `limit` bytes and tells whether there was more.
    pub(crate) async fn read(mut self, limit: usize) -> Result<(Bytes, bool), TransportFailure> {
        // Nearly every answer is one piece, and needs no copy.
        let first = loop {
            match self.next().await {
                None => return Ok((Bytes::new(), false)),
                Some(piece) => {
                    let piece = piece?;
                    if !piece.is_empty() {
                        break piece;
                    }
                }
            }
        };
        if first.len() > limit {
            return Ok((first.slice(..limit), true));
        }
        if self.length == Some(first.len() as u64) {
            return Ok((first, false));
        }
        let Some(second) = self.next().await.transpose()? else { return Ok((first, false)) };
        let announced = self.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        // A length is the server's word: believed up to 1 MiB, paid for by real bytes after that.
        let mut whole =
            BytesMut::with_capacity(announced.min(limit).min(1 << 20).max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        let mut piece = second;
        loop {
            let room = limit.saturating_sub(whole.len());
            if piece.len() > room {
                whole.extend_from_slice(&piece.slice(..room));
                return Ok((whole.freeze(), true));
            }
            whole.extend_from_slice(&piece);
            match self.next().await.transpose()? {
                Some(next) => piece = next,
                None => return Ok((whole.freeze(), false)),
            }
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportFailure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Body").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::failure::FailureKind;

    fn pieces(parts: &[&'static str]) -> Body {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect();
        Body::new(stream::iter(parts))
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        assert_eq!(pieces(&["a", "", "bc", "d"]).read(100).await.unwrap(), (Bytes::from("abcd"), false));
        assert_eq!(pieces(&[]).read(100).await.unwrap(), (Bytes::new(), false));
        assert_eq!(Body::full("abc").read(100).await.unwrap(), (Bytes::from("abc"), false));
    }

    #[tokio::test]
    async fn what_is_over_the_limit_is_cut_and_said() {
        assert_eq!(pieces(&["abcdef"]).read(3).await.unwrap(), (Bytes::from("abc"), true));
        assert_eq!(pieces(&["ab", "cd"]).read(3).await.unwrap(), (Bytes::from("abc"), true));
        assert_eq!(pieces(&["ab", "c"]).read(3).await.unwrap(), (Bytes::from("abc"), false));
    }

    #[tokio::test]
    async fn a_failure_half_way_is_reported_and_not_a_short_body() {
        let failure = TransportFailure::new(FailureKind::Interrupted, true, "reset");
        let body = Body::new(stream::iter([Ok(Bytes::from("ab")), Err(failure.clone())]));
        assert_eq!(body.read(100).await.unwrap_err(), failure);
    }
}
