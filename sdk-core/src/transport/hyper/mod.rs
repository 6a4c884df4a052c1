//! The transport of the SDKs: hyper-util's pooled client over hyper-rustls. It costs less than reqwest, which does for every request what the engine does
//! already or forbids: redirects, retries, a URL parsed and written again. In a shared library it is half the size.
//!
//! Connecting (proxy, TLS) is in `connect`, undoing content encodings in `decode`.

mod connect;
mod decode;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{ACCEPT_ENCODING, PROXY_AUTHORIZATION};
use http::{HeaderValue, Uri};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;

use self::connect::Connector;
use super::classify::{Phase, failure};
use super::convert;
use super::{Body, BoxFuture, Place, Response, Transport, TransportOptions};
use crate::engine::error::Error;
use crate::engine::failure::TransportFailure;
use crate::engine::message::{Request, ResponseHead};

/// Sends through hyper.
#[derive(Clone)]
pub struct HyperTransport {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    options: TransportOptions,
}

impl HyperTransport {
    /// A transport with a connection pool of its own. Connections live on the tokio runtime that opens them: a transport that is used from
    /// several current-thread runtimes stalls when the runtime that owns a connection is not running, so give each its own.
    ///
    /// # Errors
    /// [`Error::Config`] when the proxy's URL or the CA bundle cannot be used.
    pub fn new(options: &TransportOptions) -> Result<Self, Error> {
        Ok(Self::over(Connector::new(options)?, options, None))
    }

    fn over(connector: Connector, options: &TransportOptions, place: Option<Arc<dyn Place>>) -> Self {
        let connector = connector.at(place.clone());
        let client = Client::builder(Tasks(place))
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.max_idle_per_host)
            .http2_only(options.http2_only)
            .http2_adaptive_window(true)
            .build(connector.clone());
        Self { client, connector, options: options.clone() }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportFailure> {
        let uri: Uri = request
            .url
            .parse()
            .map_err(|error| convert::refused(format!("the URL of the request cannot be used: {error}")))?;
        let mut headers = convert::to_http(&request.headers)?;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"));
        // A plain request to a proxy is not tunnelled, so it carries what the tunnel would have.
        if let Some(authorization) = self.connector.forward_authorization(&uri) {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        let mut outgoing = http::Request::new(Full::new(request.body));
        *outgoing.method_mut() = convert::method(request.method)?;
        *outgoing.uri_mut() = uri;
        *outgoing.headers_mut() = headers;
        let answer = self.client.request(outgoing).await.map_err(|error| {
            failure(&error, if error.is_connect() { Phase::Connecting } else { Phase::AwaitingHead })
        })?;
        let (mut parts, incoming) = answer.into_parts();
        let length = incoming.size_hint().exact();
        let pieces = Pieces { incoming };
        let body = match decode::Encoding::take(&mut parts.headers) {
            Some(encoding) if length != Some(0) => Body::new(decode::decoded(encoding, pieces)),
            _ => Body::new(pieces).with_length(length),
        };
        let head =
            ResponseHead { status: parts.status.as_u16(), headers: convert::from_http(&parts.headers) };
        Ok(Response { head, body })
    }
}

impl Transport for HyperTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportFailure>> {
        Box::pin(self.exchange(request))
    }

    fn in_place(&self) -> Result<Arc<dyn Transport>, Error> {
        // The same connector, certificates and all, with a pool of its own.
        Ok(Arc::new(Self::over(self.connector.clone(), &self.options, None)))
    }

    fn placed(&self, place: Arc<dyn Place>) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(Self::over(self.connector.clone(), &self.options, Some(place))))
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HyperTransport").field("connector", &self.connector).finish_non_exhaustive()
    }
}

/// Runs a connection's task: at its place, or on the runtime that is entered.
#[derive(Clone)]
struct Tasks(Option<Arc<dyn Place>>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        match &self.0 {
            Some(place) => place.spawn(Box::pin(async move {
                let _nobody_waits = task.await;
            })),
            None => drop(tokio::spawn(task)),
        }
    }
}

/// The data of a body, as it comes; trailers are dropped.
struct Pieces {
    incoming: Incoming,
}

impl Stream for Pieces {
    type Item = Result<Bytes, TransportFailure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(failure(&error, Phase::ReadingBody)))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}
