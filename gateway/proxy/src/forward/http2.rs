//! One HTTP/2 connection to a target, shared by all requests of a worker. A task of its own drives it, and asks the other side every so often whether it is
//! there: nobody may be waiting for anything else from it.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::alarm::Alarm;
use super::failure::{Failure, What};
use super::pool::Open;
use super::stream::Stream;
use super::{Limits, client_fault};
use crate::Body;

/// How often the other side is asked whether it is there.
const ASKED: Duration = Duration::from_secs(15);
/// How long it may take to say so.
const SILENT: Duration = Duration::from_secs(10);

/// A connection.
#[derive(Debug, Clone)]
pub(crate) struct Http2 {
    send: SendRequest<Body>,
    /// Whether anything was ever answered over it.
    answered: Arc<AtomicBool>,
}

impl Http2 {
    /// Over a stream.
    pub(crate) async fn new(stream: Stream, open: Open) -> Result<Self, What> {
        let (send, drive) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(ASKED)
            .keep_alive_timeout(SILENT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| What::Broken(error.to_string()))?;
        tokio::spawn(async move {
            if let Err(error) = drive.await {
                tracing::debug!(%error, "an HTTP/2 connection to a target ended");
            }
            drop(open);
        });
        Ok(Self { send, answered: Arc::default() })
    }

    /// Whether it takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        self.send.is_closed()
    }

    /// Whether the other side has shown that it speaks HTTP/2.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Sends a request and waits for the head of the answer. `back` is where the body goes of which nothing was sent.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Body>,
        back: &mut Body,
        limits: &Limits,
    ) -> Result<Response<Incoming>, Failure> {
        let mut reply = pin!(self.send.try_send_request(request));
        let mut alarm = Alarm::default();
        std::future::poll_fn(|context| {
            if let Poll::Ready(result) = reply.as_mut().poll(context) {
                if result.is_ok() {
                    self.answered.store(true, Ordering::Relaxed);
                }
                return Poll::Ready(result.map_err(|mut error| {
                    let message = error.take_message();
                    let unsent = message.is_some();
                    if let Some(request) = message {
                        *back = request.into_body();
                    }
                    let what = client_fault(limits.upload.as_deref())
                        .unwrap_or_else(|| What::Broken(error.into_error().to_string()));
                    Failure { what, unsent }
                }));
            }
            if let Some((deadline, what)) = limits.deadline()
                && alarm.poll(deadline, context).is_ready()
            {
                return Poll::Ready(Err(Failure { what, unsent: false }));
            }
            Poll::Pending
        })
        .await
    }
}
