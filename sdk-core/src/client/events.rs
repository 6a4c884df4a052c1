//! Server-sent events, typed.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::Client;
use super::call::{Prepared, call_options};
use super::stream::{Open, open};
use crate::engine::arguments::Arguments;
use crate::engine::error::Error;
use crate::engine::operation::Operation;
use crate::sse;

/// A call that answers with events.
#[must_use = "a call is sent when it is awaited"]
pub struct EventCall<T> {
    prepared: Prepared,
    event: PhantomData<fn() -> T>,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerEvent<T> {
    /// What it is; empty where the server did not say.
    pub event: String,
    /// The last id that the stream gave.
    pub id: Option<String>,
    /// How long the server wants a reader to wait before it comes again, where it said so.
    pub retry: Option<Duration>,
    /// What it says.
    pub data: T,
}

impl<T> EventCall<T> {
    /// A call of `operation`.
    pub fn new(client: &Client, operation: &'static Operation, arguments: Arguments) -> Self {
        Self { prepared: Prepared::new(client, operation, arguments), event: PhantomData }
    }

    call_options!();

    /// Resumes after the event of this id.
    pub fn last_event_id(self, id: impl Into<String>) -> Self {
        self.header("last-event-id", id)
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for EventCall<T> {
    type Output = Result<Events<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let limit = self.prepared.client.options().max_answer_bytes;
            Ok(Events::new(open(&self.prepared).await?, limit))
        })
    }
}

/// Events, as they come. Dropping it ends the request. A stream that breaks ends with an error; [`ServerEvent::id`] tells where to resume.
pub struct Events<T> {
    stream: Pin<Box<dyn Stream<Item = Result<ServerEvent<T>, Error>> + Send>>,
}

impl<T: DeserializeOwned + Send + 'static> Events<T> {
    fn new(open: Open, limit: usize) -> Self {
        let state = (open, sse::Parser::new(limit));
        let events = stream::try_unfold(state, |(mut open, mut parser)| async move {
            loop {
                let next = parser.next().map_err(|error| open.envelope().undecodable(error.to_string()))?;
                if let Some(event) = next {
                    let event = typed(&open, event)?;
                    return Ok(Some((event, (open, parser))));
                }
                let Some(piece) = open.chunk().await? else { return Ok(None) };
                parser.push(&piece);
            }
        });
        Self { stream: Box::pin(events) }
    }
}

impl<T> Events<T> {
    /// The next event; `None` when the server ended the stream.
    pub async fn next(&mut self) -> Option<Result<ServerEvent<T>, Error>> {
        self.stream.next().await
    }
}

/// Reads an event's data: as JSON, and where it is none as text, for a stream of plain text.
fn typed<T: DeserializeOwned>(open: &Open, event: sse::Event) -> Result<ServerEvent<T>, Error> {
    let sse::Event { event, data, id, retry } = event;
    let parsed = serde_json::from_str(&data).or_else(|error| {
        let text: StringDeserializer<serde::de::value::Error> = data.clone().into_deserializer();
        T::deserialize(text).map_err(|_| error)
    });
    let data = parsed.map_err(|error| {
        let operation = open.envelope().operation.id;
        open.envelope().undecodable(format!("an event of {operation} is not what it promises: {error}"))
    })?;
    Ok(ServerEvent { event, id, retry: retry.map(Duration::from_millis), data })
}

impl<T> Stream for Events<T> {
    type Item = Result<ServerEvent<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Events")
    }
}

impl<T> Clone for EventCall<T> {
    fn clone(&self) -> Self {
        Self { prepared: self.prepared.clone(), event: PhantomData }
    }
}

impl<T> fmt::Debug for EventCall<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventCall")
            .field("operation", &self.prepared.operation.id)
            .finish_non_exhaustive()
    }
}
