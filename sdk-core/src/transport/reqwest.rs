//! The transport on reqwest, which many programs have already: their client can be handed in, so that its connections and settings serve both.

use std::sync::{Arc, RwLock};

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
    /// The origin of the last request, as it was written and parsed. Parsing a host is the most of what parsing a URL costs, and a client has one.
    origin: Arc<RwLock<Option<(String, ::reqwest::Url)>>>,
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
        Ok(Self { client, options: Some(options.clone()), origin: Arc::default() })
    }

    /// A transport on the caller's client, with the caller's settings of pool, proxy, TLS and timeouts.
    ///
    /// Build it with `redirect(Policy::none())`: an answer that came by a redirect is reported as a failure, since a redirect takes credentials to
    /// an address that nobody chose. `retry(reqwest::retry::never())` leaves resending to the engine, which counts it.
    pub fn from_client(client: ::reqwest::Client) -> Self {
        Self { client, options: None, origin: Arc::default() }
    }

    /// The client that sends.
    pub const fn client(&self) -> &::reqwest::Client {
        &self.client
    }

    /// Parses a URL; only its path and query, where the origin is the one of the request before.
    fn url(&self, text: &str) -> Result<::reqwest::Url, TransportFailure> {
        let authority = text.find("://").map_or(0, |at| at + 3);
        let end =
            text.get(authority..).and_then(|rest| rest.find('/')).map_or(text.len(), |at| authority + at);
        let (origin, rest) = text.split_at(end);
        let known = match self.origin.read() {
            Ok(known) => {
                known.as_ref().filter(|(written, _)| written == origin).map(|(_, parsed)| parsed.clone())
            }
            Err(_) => None,
        };
        let Some(mut url) = known else {
            let refused = |error| convert::refused(format!("the URL of the request cannot be used: {error}"));
            let parsed: ::reqwest::Url = text.parse().map_err(refused)?;
            if let (Ok(mut known), Ok(base)) = (self.origin.write(), origin.parse()) {
                *known = Some((origin.to_owned(), base));
            }
            return Ok(parsed);
        };
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        Ok(url)
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportFailure> {
        let method = convert::method(request.method)?;
        let url = self.url(&request.url)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_on_a_known_origin_is_the_same_as_one_parsed_whole() {
        let transport =
            ReqwestTransport::from_client(::reqwest::Client::builder().tls_certs_only([]).build().unwrap());
        for text in [
            "http://127.0.0.1:8080/v1/wallets",
            "http://127.0.0.1:8080/v1/wallets/a%20b%2Fc%2e%3F?limit=2&cursor=a%20b%2B%26%3D",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080",
            "https://api.example.com/prefix/v1/%C3%A9?a=%25",
            "https://api.example.com/prefix/v1/x",
            "http://[::1]:1/a?b",
            "http://[::1]:1/?b",
        ] {
            let whole: ::reqwest::Url = text.parse().unwrap();
            assert_eq!(transport.url(text).unwrap(), whole);
            assert_eq!(transport.url(text).unwrap(), whole, "the second time");
        }
        assert_eq!(transport.url("nothing").unwrap_err().kind, FailureKind::Request);
    }
}
