//! Undoing `Content-Encoding`, piece by piece. How much comes out is limited by whoever reads: a few kilobytes that would unfold to gigabytes are
//! unfolded only as far as they are asked for.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::engine::failure::{FailureKind, TransportFailure};
use crate::transport::classify::{Phase, failure};

/// How much is unfolded at a time.
const PIECE: usize = 16 * 1024;

/// An encoding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// The encoding that the headers name, which are changed to those of the decoded body. One that is not known stays as it is.
    pub(super) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let encoding = match headers.get(CONTENT_ENCODING)?.as_bytes() {
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"br" => Self::Brotli,
            b"zstd" => Self::Zstd,
            _ => return None,
        };
        headers.remove(CONTENT_ENCODING);
        headers.remove(CONTENT_LENGTH);
        Some(encoding)
    }
}

/// The decoded pieces of a body.
pub(super) fn decoded<S>(
    encoding: Encoding,
    pieces: S,
) -> impl Stream<Item = Result<Bytes, TransportFailure>> + Send + 'static
where
    S: Stream<Item = Result<Bytes, TransportFailure>> + Send + Unpin + 'static,
{
    stream::once(async move {
        let mut pieces = pieces.peekable();
        // An answer without a body (204, 304) may name an encoding, and nothing is not the encoding of nothing.
        if Pin::new(&mut pieces).peek().await.is_none() {
            return stream::empty().boxed();
        }
        let reader = StreamReader::new(pieces.map_err(io::Error::other));
        let decoder: Pin<Box<dyn AsyncRead + Send>> = match encoding {
            Encoding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            Encoding::Brotli => Box::pin(BrotliDecoder::new(reader)),
            Encoding::Zstd => Box::pin(ZstdDecoder::new(reader)),
        };
        ReaderStream::with_capacity(decoder, PIECE).map_err(broken).boxed()
    })
    .flatten()
}

/// A failure of the connection passes as it is; the decoder's own is told as what it is.
fn broken(error: io::Error) -> TransportFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TransportFailure>()) {
        Some(inner) => inner.clone(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TransportFailure::new(
            FailureKind::Interrupted,
            true,
            format!("the encoded body is cut short: {error}"),
        ),
        None => {
            let told = failure(&error, Phase::ReadingBody);
            let message = format!("the body's content encoding cannot be undone: {}", told.message);
            TransportFailure::new(FailureKind::Protocol, true, message)
        }
    }
}
