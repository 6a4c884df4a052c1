//! Answers that are read piece by piece: statements, exports, anything that need not fit into memory.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, stream};

use super::Client;
use super::call::{Prepared, call_options};
use crate::drive::Outcome;
use crate::engine::arguments::Arguments;
use crate::engine::envelope::{Attempt, Cause, Envelope};
use crate::engine::error::{Error, ErrorKind, Failure};
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::Headers;
use crate::engine::operation::Operation;
use crate::transport::Body;

/// A call that answers with a stream of bytes.
///
/// ```no_run
/// # #[cfg(feature = "client")]
/// # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
/// let mut statement = client.wallets().statement("wal_1", &Default::default()).await?;
/// while let Some(piece) = statement.chunk().await? {
///     print!("{}", String::from_utf8_lossy(&piece));
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent when it is awaited"]
#[derive(Clone)]
pub struct StreamCall {
    prepared: Prepared,
}

impl StreamCall {
    /// A call of `operation`.
    pub fn new(client: &Client, operation: &'static Operation, arguments: Arguments) -> Self {
        Self { prepared: Prepared::new(client, operation, arguments) }
    }

    call_options!();

    /// The media type to ask for, where the operation offers several.
    pub fn accept(mut self, media_type: impl Into<String>) -> Self {
        self.prepared.options.accept = Some(media_type.into());
        self
    }
}

impl IntoFuture for StreamCall {
    type Output = Result<Streamed, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(Streamed::new(open(&self.prepared).await?)) })
    }
}

impl fmt::Debug for StreamCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamCall")
            .field("operation", &self.prepared.operation.id)
            .finish_non_exhaustive()
    }
}

/// Sends a call and leaves its answer's body open.
pub(super) async fn open(prepared: &Prepared) -> Result<Open, Error> {
    let idle = prepared.options.timeout.unwrap_or(prepared.client.options().timeout);
    let Outcome { envelope, stream } = prepared.send().await?;
    let body = stream.unwrap_or_else(|| Body::full(envelope.bytes()));
    Ok(Open::new(envelope, body, idle))
}

/// An answer whose body is being read.
#[derive(Debug)]
pub(crate) struct Open {
    envelope: Envelope,
    /// `None` after its end.
    body: Option<Body>,
    /// The longest that it may stand still.
    idle: Duration,
}

impl Open {
    pub(crate) const fn new(envelope: Envelope, body: Body, idle: Duration) -> Self {
        Self { envelope, body: Some(body), idle }
    }

    pub(crate) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The next piece. After an error there is none.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let outcome = match tokio::time::timeout(self.idle, body.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => return Ok(Some(piece)),
            Ok(Some(Err(failure))) => Err(Self::broken(&self.envelope, &failure)),
            Err(_) => Err(Self::broken(
                &self.envelope,
                &TransportFailure::new(
                    FailureKind::Timeout,
                    true,
                    format!("the stream stood still for {:?}", self.idle),
                ),
            )),
        };
        self.body = None;
        outcome
    }

    /// The error of a stream that broke. It is not resumed: the caller has used what came.
    pub(crate) fn broken(envelope: &Envelope, failure: &TransportFailure) -> Error {
        let kind = match failure.kind {
            FailureKind::Timeout => ErrorKind::Timeout,
            FailureKind::Protocol => ErrorKind::Decode,
            _ => ErrorKind::Connection,
        };
        let mut told =
            Failure::new(format!("the answer of {} broke off: {}", envelope.operation.id, failure.message));
        told.operation = Some(envelope.operation.id);
        told.target = Some(envelope.target());
        told.status = Some(envelope.status);
        told.request_id.clone_from(&envelope.request_id);
        told.headers = envelope.headers.clone();
        told.attempts.clone_from(&envelope.attempts);
        if let Some(last) = told.attempts.last_mut() {
            last.cause = Some(Cause::Transport(failure.kind));
        }
        Error::new(kind, told)
    }
}

/// A streamed answer. Dropping it ends the request.
pub struct Streamed {
    envelope: Envelope,
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
}

impl Streamed {
    pub(super) fn new(open: Open) -> Self {
        let envelope = open.envelope.clone();
        let pieces =
            stream::try_unfold(
                open,
                |mut open| async move { Ok(open.chunk().await?.map(|piece| (piece, open))) },
            );
        Self { envelope, pieces: Box::pin(pieces) }
    }

    /// How it came; its body is the stream.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// 200 to 299.
    pub const fn status(&self) -> u16 {
        self.envelope.status
    }

    /// As received.
    pub const fn headers(&self) -> &Headers {
        &self.envelope.headers
    }

    /// From `X-Request-Id`.
    pub fn request_id(&self) -> Option<&str> {
        self.envelope.request_id.as_deref()
    }

    /// Every attempt until the stream began.
    pub fn attempts(&self) -> &[Attempt] {
        &self.envelope.attempts
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Connection`] when the stream broke, [`Error::Timeout`] when it stood still for the call's timeout.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.pieces.next().await.transpose()
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl Stream for Streamed {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Streamed").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}
