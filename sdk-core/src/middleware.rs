//! Code of the caller's around every attempt: to sign a request, to add a header that changes with time, to count what happens. It sees each attempt,
//! not each call, so a retry passes it again.

use std::time::Duration;

use bytes::Bytes;

use crate::engine::error::Error;
use crate::engine::failure::TransportFailure;
use crate::engine::message::{Headers, Request, ResponseHead};
use crate::engine::operation::Operation;
use crate::transport::BoxFuture;

/// Sees every attempt. All methods do nothing unless they are written.
///
/// ```
/// use waypost::middleware::{Exchange, Middleware, Outgoing};
/// use waypost::transport::BoxFuture;
///
/// /// Tells the server which host is calling.
/// struct Host(String);
///
/// impl Middleware for Host {
///     fn request<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<(), waypost::Error>> {
///         outgoing.headers.insert("x-caller-host", self.0.clone());
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
#[allow(unused_variables)]
pub trait Middleware: Send + Sync + 'static {
    /// Before an attempt is sent. It may change the headers; an error ends the call and is its outcome.
    fn request<'a>(&'a self, outgoing: Outgoing<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// When the head of an answer is there, whatever its status. It may change the head before the engine reads it.
    fn response<'a>(&'a self, sent: Sent<'a>, head: &'a mut ResponseHead) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    /// When an attempt failed without a complete answer; after [`Self::response`] when the body broke.
    fn failure<'a>(&'a self, sent: Sent<'a>, failure: &'a TransportFailure) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

/// Which attempt of which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// What is called.
    pub operation: &'static Operation,
    /// From 1.
    pub attempt: u32,
}

/// A request about to be sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// Which attempt it is.
    pub exchange: Exchange,
    /// `POST`.
    pub method: &'static str,
    /// With its query. It cannot be changed: credentials go to the address they are meant for.
    pub url: &'a str,
    /// Credentials included; they are not printed by Debug.
    pub headers: &'a mut Headers,
    /// Empty where the operation has none.
    pub body: &'a Bytes,
}

/// A request that was sent, told again with what became of it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Sent<'a> {
    /// Which attempt it was.
    pub exchange: Exchange,
    /// `POST`.
    pub method: &'static str,
    /// With its query.
    pub url: &'a str,
    /// As the middleware left them, credentials included; they are not printed by Debug.
    pub headers: &'a Headers,
    /// Since the attempt began.
    pub elapsed: Duration,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(exchange: Exchange, request: &'a Request, elapsed: Duration) -> Self {
        Self { exchange, method: request.method, url: &request.url, headers: &request.headers, elapsed }
    }
}

impl Exchange {
    pub(crate) const fn new(operation: &'static Operation, attempt: u32) -> Self {
        Self { operation, attempt }
    }
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(exchange: Exchange, request: &'a mut Request) -> Self {
        Self {
            exchange,
            method: request.method,
            url: &request.url,
            headers: &mut request.headers,
            body: &request.body,
        }
    }
}
