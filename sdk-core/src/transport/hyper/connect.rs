//! How a connection is opened: directly, through an HTTP proxy (forwarded for `http`, tunnelled for `https`) or through SOCKS 5, with TLS by rustls on
//! the system's certificates and the caller's own. One time limit covers all of it.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tower_service::Service;

use crate::engine::error::Error;
use crate::transport::{Place, Proxy, TransportOptions};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    setup: Arc<Setup>,
    reach: Reach,
}

struct Setup {
    proxies: Option<Matcher>,
    timeout: Duration,
    authorities: Vec<CertificateDer<'static>>,
    /// Made at the first `https`: reading the system's certificates takes milliseconds that a plain server need not pay.
    tls: OnceLock<Result<Tls, rustls::Error>>,
}

/// What a TLS handshake offers.
#[derive(Clone)]
struct Tls {
    /// HTTP/2, then HTTP/1.1: for the server.
    server: Arc<ClientConfig>,
    /// HTTP/1.1: for a proxy.
    proxy: Arc<ClientConfig>,
}

impl Connector {
    pub(super) fn new(options: &TransportOptions) -> Result<Self, Error> {
        options.proxy.check()?;
        let proxies = match &options.proxy {
            Proxy::Environment => Some(Matcher::from_env()),
            Proxy::Off => None,
            Proxy::Through { url, except } => {
                Some(Matcher::builder().all(url.as_str()).no(except.as_str()).build())
            }
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let authorities = options.ca_bundle.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let setup = Setup { proxies, timeout: options.connect_timeout, authorities, tls: OnceLock::new() };
        Ok(Self { setup: Arc::new(setup), reach: Reach { tcp, place: None } })
    }

    /// The same for connections that live elsewhere.
    pub(super) fn at(mut self, place: Option<Arc<dyn Place>>) -> Self {
        self.reach.place = place;
        self
    }

    /// What a request that a proxy forwards must carry for the proxy itself.
    pub(super) fn forward_authorization(&self, destination: &Uri) -> Option<HeaderValue> {
        if destination.scheme_str() != Some("http") {
            return None;
        }
        self.setup.proxies.as_ref()?.intercept(destination)?.basic_auth().cloned()
    }
}

/// The certificates of a PEM bundle.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(Error::config("the CA bundle holds no PEM certificate"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Error::config(format!("the CA bundle is not PEM certificates: {error}"))),
    }
}

impl Setup {
    fn tls(&self) -> Result<Tls, BoxError> {
        let made = self.tls.get_or_init(|| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
                self.authorities.iter().cloned(),
                Arc::clone(&provider),
            )?;
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let proxy = Arc::new(config.clone());
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Ok(Tls { server: Arc::new(config), proxy })
        });
        made.clone().map_err(|error| io::Error::other(error).into())
    }

    async fn open(&self, reach: Reach, destination: Uri) -> Result<Socket, BoxError> {
        let intercept = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&destination));
        let Some(proxy) = intercept else { return self.direct(reach, destination).await };
        match proxy.uri().scheme_str() {
            Some("http") => self.through(reach.clone(), &proxy, destination).await,
            Some("https") => {
                let outer = HttpsConnector::from((reach.clone(), self.tls()?.proxy));
                self.through(outer, &proxy, destination).await
            }
            Some(scheme @ ("socks5" | "socks5h")) => {
                let mut socks =
                    SocksV5::new(with_port(proxy.uri(), 1080)?, reach.clone()).local_dns(scheme == "socks5");
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                self.direct(socks, destination).await
            }
            other => {
                Err(format!("a proxy of the kind {other:?} is not supported; use http, https or socks5")
                    .into())
            }
        }
    }

    /// To the server itself, over a connector that reaches it.
    async fn direct<C>(&self, mut reach: C, destination: Uri) -> Result<Socket, BoxError>
    where
        C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static> + Clone,
        C::Response: Connection + Read + Write + Send + Unpin + 'static,
    {
        if destination.scheme_str() == Some("https") {
            let mut secured = HttpsConnector::from((reach, self.tls()?.server));
            Ok(Socket::new(secured.call(destination).await?, false))
        } else {
            Ok(Socket::new(reach.call(destination).await.map_err(Into::into)?, false))
        }
    }

    /// Through an HTTP proxy that `reach` reaches.
    async fn through<C>(&self, mut reach: C, proxy: &Intercept, destination: Uri) -> Result<Socket, BoxError>
    where
        C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static> + Clone,
        C::Response: Connection + Read + Write + Send + Unpin + 'static,
    {
        let address = proxy.uri().clone();
        if destination.scheme_str() != Some("https") {
            return Ok(Socket::new(reach.call(address).await.map_err(Into::into)?, true));
        }
        let mut tunnel = Tunnel::new(address, reach);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        self.direct(tunnel, destination).await
    }
}

/// The same address with a port, where it has none.
fn with_port(address: &Uri, port: u16) -> Result<Uri, BoxError> {
    if address.port().is_some() {
        return Ok(address.clone());
    }
    let host = address.host().unwrap_or_default();
    let scheme = address.scheme_str().unwrap_or_default();
    Ok(format!("{scheme}://{host}:{port}/").parse::<Uri>()?)
}

impl Service<Uri> for Connector {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let (setup, reach) = (Arc::clone(&self.setup), self.reach.clone());
        Box::pin(async move {
            tokio::time::timeout(setup.timeout, setup.open(reach, destination)).await.map_err(|_| {
                let message = format!("the connection was not open after {:?}", setup.timeout);
                io::Error::new(io::ErrorKind::TimedOut, message)
            })?
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connector")
            .field("proxies", &self.setup.proxies)
            .field("timeout", &self.setup.timeout)
            .field("authorities", &self.setup.authorities.len())
            .finish_non_exhaustive()
    }
}

/// Opens the TCP connections below everything else, and takes them to where they live.
#[derive(Clone)]
struct Reach {
    tcp: HttpConnector,
    place: Option<Arc<dyn Place>>,
}

impl Service<Uri> for Reach {
    type Response = Socket;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Self { mut tcp, place } = self.clone();
        Box::pin(async move {
            let socket = tcp.call(destination).await?;
            Ok(match place {
                None => Socket::new(socket, false),
                Some(place) => {
                    let adopted = place.adopt(socket.into_inner().into_std()?)?;
                    Socket { wire: Box::pin(TokioIo::new(adopted)), forwarded: false, http2: false }
                }
            })
        })
    }
}

/// What a connection is made of, whichever way it was opened.
trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// An open connection.
pub(super) struct Socket {
    wire: Pin<Box<dyn Wire>>,
    /// It ends at a proxy, which wants the whole URL in the request line.
    forwarded: bool,
    /// The TLS handshake chose it.
    http2: bool,
}

impl Socket {
    fn new(wire: impl Wire + Connection + 'static, forwarded: bool) -> Self {
        let http2 = wire.connected().is_negotiated_h2();
        Self { wire: Box::pin(wire), forwarded, http2 }
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.forwarded);
        if self.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire.as_mut().poll_read(context, buffer)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.as_mut().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire.as_mut().poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.as_mut().poll_shutdown(context)
    }
}
