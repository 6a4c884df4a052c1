//! One HTTP/1.1 connection to a target. It has no task: while a request is under way it is driven by whoever waits for the answer, so that nothing is
//! handed from task to task, and a request that is given up closes it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::alarm::Alarm;
use super::allowance::{Allowance, Allowed};
use super::failure::{Failure, What};
use super::pool::Open;
use super::stream::Stream;
use super::{Limits, client_fault};
use crate::Body;

/// A connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    send: SendRequest<Body>,
    drive: Connection<TokioIo<Allowed>, Body>,
    allowance: Allowance,
    alarm: Alarm,
    /// Whether it has carried a request before.
    pub(crate) used: bool,
    open: Open,
}

impl Http1 {
    /// Over a stream.
    pub(crate) async fn new(stream: Stream, open: Open) -> Result<Box<Self>, What> {
        let (stream, allowance) = Allowed::new(stream);
        let (send, drive) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| What::Broken(error.to_string()))?;
        Ok(Box::new(Self { send, drive, allowance, alarm: Alarm::default(), used: false, open }))
    }

    /// Whether it is known to be closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.send.is_closed()
    }

    /// Whether it can take a request now.
    pub(crate) fn is_ready(&self) -> bool {
        self.send.is_ready()
    }

    /// Whether the other side has left it open while it waited.
    pub(crate) fn still_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.drive).poll(&mut context).is_pending() && !self.send.is_closed()
    }

    /// Moves bytes both ways. Ready when the connection is over.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        Pin::new(&mut self.drive).poll(context)
    }

    /// Ready once the time is past.
    pub(crate) fn past(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(deadline, context)
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Body>,
        limits: &Limits,
    ) -> Result<Response<Incoming>, Failure> {
        // The reply is only ever made by driving the connection, which is done right before it is looked at: it needs no waker of its own, and must not be
        // told to wait by the budget that the driving used up.
        let mut reply = pin!(tokio::task::coop::unconstrained(self.send.try_send_request(request)));
        self.used = true;
        self.allowance.begin();
        let (drive, alarm, allowance) = (&mut self.drive, &mut self.alarm, &self.allowance);
        std::future::poll_fn(|context| {
            let over = Pin::new(&mut *drive).poll(context);
            let mut quiet = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = reply.as_mut().poll(&mut quiet) {
                allowance.end();
                return Poll::Ready(result.map_err(|mut error| {
                    let unsent = error.take_message().map(Box::new);
                    let what = client_fault(limits.upload.as_deref())
                        .unwrap_or_else(|| What::Broken(error.into_error().to_string()));
                    Failure { what, unsent }
                }));
            }
            if let Poll::Ready(result) = over {
                let text =
                    result.err().map_or_else(|| "connection closed".to_owned(), |error| error.to_string());
                return Poll::Ready(Err(Failure { what: What::Broken(text), unsent: None }));
            }
            if let Some((deadline, what)) = limits.deadline()
                && alarm.poll(deadline, context).is_ready()
            {
                return Poll::Ready(Err(Failure { what, unsent: None }));
            }
            Poll::Pending
        })
        .await
    }

    /// For a protocol other than HTTP: hands the stream over once the answer says so. The connection is open for as long as the last of these is kept.
    pub(crate) fn into_upgradeable(
        self: Box<Self>,
    ) -> (SendRequest<Body>, impl Future<Output = hyper::Result<()>> + Send + 'static, Open) {
        let Self { send, drive, open, .. } = *self;
        (send, drive.with_upgrades(), open)
    }
}
