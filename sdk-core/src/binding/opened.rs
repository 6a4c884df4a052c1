//! An answer that is read piece by piece on the caller's runtime, without a type.

use bytes::Bytes;

use crate::client::{Client, Open};
use crate::drive::{Outcome, native};
use crate::engine::arguments::Arguments;
use crate::engine::envelope::Envelope;
use crate::engine::error::Error;
use crate::engine::operation::Operation;
use crate::engine::options::CallOptions;
use crate::transport::Body;

/// Calls an operation and leaves its answer's body open.
///
/// # Errors
/// Every kind of [`Error`].
pub async fn open(
    client: &Client,
    operation: &'static Operation,
    arguments: &Arguments,
    options: &CallOptions,
) -> Result<Opened, Error> {
    let idle = options.timeout.unwrap_or(client.options().timeout);
    let Outcome { envelope, stream } = native::call(client, operation, arguments, options).await?;
    let body = stream.unwrap_or_else(|| Body::full(envelope.bytes()));
    Ok(Opened { open: Open::new(envelope, body, idle) })
}

/// An answer whose body is being read. Nothing is read ahead of the caller; dropping it ends the request.
#[derive(Debug)]
pub struct Opened {
    open: Open,
}

impl Opened {
    /// Status, headers and attempts.
    pub const fn envelope(&self) -> &Envelope {
        self.open.envelope()
    }

    /// The next piece; `None` at the end. A future of it that is dropped has read nothing.
    ///
    /// # Errors
    /// [`Error::Connection`] when the stream broke, [`Error::Timeout`] when it stood still for the call's timeout.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.open.chunk().await
    }
}
