//! A language's own code around every attempt. It is handed owned values, since they may cross to another thread before they are looked at.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::error::Error;
use crate::engine::failure::TransportFailure;
use crate::engine::message::{Headers, ResponseHead};
use crate::engine::operation::Operation;
use crate::middleware::{Middleware, Outgoing, Sent};
use crate::transport::BoxFuture;

/// One attempt, before it is sent or after.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// What is called.
    pub operation: &'static Operation,
    /// From 1.
    pub attempt: u32,
    /// `POST`.
    pub method: &'static str,
    /// With its query.
    pub url: String,
    /// Credentials included; they are not printed by Debug.
    pub headers: Headers,
    /// The answer's head, when it came.
    pub answer: Option<ResponseHead>,
    /// Why there is no complete answer.
    pub failure: Option<TransportFailure>,
    /// Since the attempt began; zero before it is sent.
    pub elapsed: Duration,
}

/// Sees every attempt of a client.
pub trait Interceptor: Send + Sync + 'static {
    /// Before an attempt is sent. Headers that it answers replace those of the same name; an error ends the call and is its outcome.
    fn before(&self, seen: Seen) -> BoxFuture<'_, Result<Headers, Error>>;

    /// When the head of an answer is there, or the attempt failed.
    fn after(&self, seen: Seen) -> BoxFuture<'_, ()>;
}

/// An [`Interceptor`] as the middleware of a client.
pub struct Intercepted {
    interceptor: Arc<dyn Interceptor>,
}

impl Intercepted {
    /// For a client's builder.
    pub fn new(interceptor: Arc<dyn Interceptor>) -> Self {
        Self { interceptor }
    }
}

impl Middleware for Intercepted {
    fn request<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<(), Error>> {
        let seen = Seen {
            operation: outgoing.exchange.operation,
            attempt: outgoing.exchange.attempt,
            method: outgoing.method,
            url: outgoing.url.to_owned(),
            headers: outgoing.headers.clone(),
            answer: None,
            failure: None,
            elapsed: Duration::ZERO,
        };
        Box::pin(async move {
            outgoing.headers.merge(&self.interceptor.before(seen).await?);
            Ok(())
        })
    }

    fn response<'a>(&'a self, sent: Sent<'a>, head: &'a mut ResponseHead) -> BoxFuture<'a, ()> {
        self.interceptor.after(Seen { answer: Some(head.clone()), ..Seen::of(sent) })
    }

    fn failure<'a>(&'a self, sent: Sent<'a>, failure: &'a TransportFailure) -> BoxFuture<'a, ()> {
        self.interceptor.after(Seen { failure: Some(failure.clone()), ..Seen::of(sent) })
    }
}

impl Seen {
    fn of(sent: Sent<'_>) -> Self {
        Self {
            operation: sent.exchange.operation,
            attempt: sent.exchange.attempt,
            method: sent.method,
            url: sent.url.to_owned(),
            headers: sent.headers.clone(),
            answer: None,
            failure: None,
            elapsed: sent.elapsed,
        }
    }
}
