//! A call that is ready: awaiting it sends it. Options can be set on it until then.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::{Client, RawResponse};
use crate::drive::{Outcome, native};
use crate::engine::arguments::Arguments;
use crate::engine::envelope::Envelope;
use crate::engine::error::Error;
use crate::engine::operation::{Operation, ResultKind};
use crate::engine::options::CallOptions;

/// What every kind of call is made of.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) client: Client,
    pub(super) operation: &'static Operation,
    pub(super) arguments: Arguments,
    pub(super) options: CallOptions,
}

impl Prepared {
    pub(super) fn new(client: &Client, operation: &'static Operation, arguments: Arguments) -> Self {
        Self { client: client.clone(), operation, arguments, options: CallOptions::default() }
    }

    pub(super) async fn send(&self) -> Result<Outcome, Error> {
        Ok(native::call(&self.client, self.operation, &self.arguments, &self.options).await?)
    }
}

/// The options that every kind of call takes.
macro_rules! call_options {
    () => {
        /// The longest that one attempt of this call may take.
        pub fn timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.prepared.options.timeout = Some(timeout);
            self
        }

        /// The longest that this call may take, all attempts and waits together.
        pub fn deadline(mut self, deadline: ::std::time::Duration) -> Self {
            self.prepared.options.deadline = Some(deadline);
            self
        }

        /// How often a failed attempt of this call is sent again; 0 means never.
        pub fn retries(mut self, retries: u32) -> Self {
            self.prepared.options.max_retries = Some(retries);
            self
        }

        /// The key that makes the effect happen once, however often the call is made with it. Without this, each call makes one of its own.
        pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
            self.prepared.options.idempotency_key = Some(key.into());
            self
        }

        /// A header of this call; it replaces the client's of the same name.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.prepared.options.headers.insert(name.into(), value);
            self
        }

        /// Every option at once.
        pub fn options(mut self, options: $crate::engine::options::CallOptions) -> Self {
            self.prepared.options = options;
            self
        }
    };
}
pub(super) use call_options;

/// A call that answers with a `T`.
///
/// ```no_run
/// # #[cfg(feature = "client")]
/// # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
/// let wallet = client.wallets().get("wal_1").retries(5).header("x-batch", "7").await?;
/// # let _ = wallet;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call is sent when it is awaited"]
pub struct Call<T> {
    prepared: Prepared,
    answer: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    /// A call of `operation`.
    pub fn new(client: &Client, operation: &'static Operation, arguments: Arguments) -> Self {
        Self { prepared: Prepared::new(client, operation, arguments), answer: PhantomData }
    }

    call_options!();
}

impl<T: DeserializeOwned> Call<T> {
    /// Sends the call and answers with its value and everything around it.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn raw(self) -> Result<RawResponse<T>, Error> {
        let envelope = self.prepared.send().await?.envelope;
        let parsed = decode(&envelope)?;
        Ok(RawResponse::new(envelope, parsed))
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for Call<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { decode(&self.prepared.send().await?.envelope) })
    }
}

/// Reads an answer as what its operation promises: JSON, text, or nothing (which is `()`).
pub(super) fn decode<T: DeserializeOwned>(envelope: &Envelope) -> Result<T, Error> {
    let read = match envelope.operation.result {
        ResultKind::Json => return envelope.json(),
        ResultKind::None => serde_json::from_str("null").map_err(|error| error.to_string()),
        ResultKind::Text(_) | ResultKind::Bytes(_) | ResultKind::EventStream => {
            let text: StringDeserializer<serde::de::value::Error> = envelope.text()?.into_deserializer();
            T::deserialize(text).map_err(|error| error.to_string())
        }
    };
    read.map_err(|error| {
        envelope.undecodable(format!(
            "what {} answers is not of the type asked for: {error}",
            envelope.operation.id
        ))
    })
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Self { prepared: self.prepared.clone(), answer: PhantomData }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("operation", &self.prepared.operation.id).finish_non_exhaustive()
    }
}
