//! The transport of the Rust SDK: reqwest, which many programs have already, and whose client a caller may hand in.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;

use super::classify::{Phase, failure};
use super::convert;
use super::{Body, BoxFuture, Proxy, Response, Transport, TransportOptions};
use crate::engine::error::Error;
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::{Request, ResponseHead};

/// Sends through a `reqwest::Client`.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: ::reqwest::Client,
    /// What the client was made from; `None` when it is the caller's.
    options: Option<TransportOptions>,
}

impl ReqwestTransport {
    /// A transport with a client of its own.
    ///
    /// # Errors
    /// [`Error::Config`] when the proxy's URL or the CA bundle cannot be used, or the system's certificates cannot be read.
    pub fn new(options: &TransportOptions) -> Result<Self, Error> {
        let mut builder = ::reqwest::Client::builder()
            .redirect(::reqwest::redirect::Policy::none())
            // The engine decides over every resend, and counts it.
            .retry(::reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.max_idle_per_host);
        options.proxy.check()?;
        match &options.proxy {
            Proxy::Environment => {}
            Proxy::Off => builder = builder.no_proxy(),
            Proxy::Through { url, except } => {
                let proxy = ::reqwest::Proxy::all(url).map_err(|error| {
                    Error::config(format!("the proxy cannot be used: {}", error.without_url()))
                })?;
                builder = builder.proxy(proxy.no_proxy(::reqwest::NoProxy::from_string(except)));
            }
        }
        if let Some(pem) = &options.ca_bundle {
            let certificates = ::reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| Error::config(format!("the CA bundle is not PEM certificates: {error}")))?;
            if certificates.is_empty() {
                return Err(Error::config("the CA bundle holds no PEM certificate"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        if options.http2_only {
            builder = builder.http2_prior_knowledge();
        }
        let client = builder
            .build()
            .map_err(|error| Error::config(format!("the HTTP client cannot be built: {}", chain(&error))))?;
        Ok(Self { client, options: Some(options.clone()) })
    }

    /// A transport on the caller's client, with the caller's settings of pool, proxy, TLS and timeouts.
    ///
    /// Build it with `redirect(Policy::none())`: an answer that came by a redirect is reported as a failure, since a redirect takes credentials to
    /// an address that nobody chose. `retry(reqwest::retry::never())` leaves resending to the engine, which counts it.
    pub const fn from_client(client: ::reqwest::Client) -> Self {
        Self { client, options: None }
    }

    /// The client that sends.
    pub const fn client(&self) -> &::reqwest::Client {
        &self.client
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportFailure> {
        let method = convert::method(request.method)?;
        let url: ::reqwest::Url = request
            .url
            .parse()
            .map_err(|error| convert::refused(format!("the URL of the request cannot be used: {error}")))?;
        let mut outgoing = ::reqwest::Request::new(method, url.clone());
        *outgoing.headers_mut() = convert::to_http(&request.headers)?;
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.into());
        }
        let answer = self.client.execute(outgoing).await.map_err(|error| {
            let phase = if error.is_connect() { Phase::Connecting } else { Phase::AwaitingHead };
            if error.is_builder() {
                return convert::refused(chain(&error.without_url()));
            }
            // The connect timeout is known only to reqwest: its error for it is a type of its own.
            let (late, mut told) = (error.is_timeout(), failure(&error.without_url(), phase));
            if late && told.kind == FailureKind::Connect {
                told.kind = FailureKind::Timeout;
            }
            told
        })?;
        if *answer.url() != url {
            return Err(TransportFailure::new(
                FailureKind::Protocol,
                true,
                "the HTTP client followed a redirect; build it with redirect(reqwest::redirect::Policy::none())",
            ));
        }
        let head =
            ResponseHead { status: answer.status().as_u16(), headers: convert::from_http(answer.headers()) };
        let length = answer.content_length();
        Ok(Response { head, body: body(answer).with_length(length) })
    }
}

/// The pieces of an answer, as they come.
fn body(answer: ::reqwest::Response) -> Body {
    Body::new(stream::try_unfold(answer, |mut answer| async move {
        let piece: Option<Bytes> =
            answer.chunk().await.map_err(|error| failure(&error.without_url(), Phase::ReadingBody))?;
        Ok(piece.map(|piece| (piece, answer)))
    }))
}

/// An error's text with its causes'.
fn chain(error: &::reqwest::Error) -> String {
    failure(error, Phase::AwaitingHead).message
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportFailure>> {
        Box::pin(self.exchange(request))
    }

    fn in_place(&self) -> Result<Arc<dyn Transport>, Error> {
        let options = self.options.as_ref().ok_or_else(|| {
            Error::config(
                "a caller's reqwest::Client serves async calls only; let the client make its own transport",
            )
        })?;
        Ok(Arc::new(Self::new(options)?))
    }
}
