//! One target as the forwarder sees it: where it is, and how one speaks to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::uri::{Authority, Uri};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::failure::What;
use super::stream::Stream;
use crate::config::Service;
use crate::upstream::Target;

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A target.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Its number; connections are kept by it.
    pub(crate) id: u64,
    /// Its host and port as the URL has them.
    pub(crate) authority: Authority,
    /// The same as a header.
    pub(crate) host: HeaderValue,
    /// What is put in front of each request's path; without a slash at its end.
    pub(crate) prefix: String,
    /// Idle connections at most, in each pool.
    pub(crate) max_idle: usize,
    /// How long an idle connection is kept.
    pub(crate) keep: Duration,
    name: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    http2: bool,
    connect: Duration,
}

impl Endpoint {
    /// How one speaks to a target. The error says why nobody can.
    pub(crate) fn new(
        target: &Target,
        service: &Service,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, String> {
        let authority =
            target.authority().cloned().ok_or_else(|| format!("`{}` names no host", target.key()))?;
        let name = target.url().host().unwrap_or_default().trim_matches(['[', ']']);
        let tls = if target.secure() {
            let shown = service.tls.server_name.as_deref().unwrap_or(name).to_owned();
            let server = ServerName::try_from(shown.clone())
                .map_err(|_| format!("`{shown}` is no name that a certificate can show"))?;
            let config = tls.ok_or_else(|| format!("`{}` needs TLS, which is not set up", target.key()))?;
            Some((Arc::clone(config), server))
        } else {
            None
        };
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        Ok(Self {
            id: NUMBERS.fetch_add(1, Ordering::Relaxed),
            authority,
            host,
            prefix: target.prefix().to_owned(),
            max_idle: usize::try_from(service.pool.max_idle).unwrap_or(usize::MAX),
            keep: service.pool.idle.0,
            name: target.host(),
            port: target.port(),
            tls,
            http2: service.http2,
            connect: service.timeouts.connect.0,
        })
    }

    /// Whoever answers at a URL that belongs to no service.
    pub(crate) fn of(url: &Uri, tls: Option<&Arc<ClientConfig>>) -> Result<Self, String> {
        let authority = url.authority().cloned().ok_or_else(|| format!("`{url}` names no host"))?;
        let name = authority.host().trim_matches(['[', ']']).to_owned();
        let (port, tls) = match (url.scheme_str(), tls) {
            (Some("http"), _) => (80, None),
            (Some("https"), Some(config)) => {
                let server = ServerName::try_from(name.clone()).map_err(|error| error.to_string())?;
                (443, Some((Arc::clone(config), server)))
            }
            _ => return Err(format!("`{url}` cannot be asked for")),
        };
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?;
        let service = Service::default();
        Ok(Self {
            id: NUMBERS.fetch_add(1, Ordering::Relaxed),
            port: authority.port_u16().unwrap_or(port),
            authority,
            host,
            prefix: String::new(),
            max_idle: 0,
            keep: Duration::ZERO,
            name,
            tls,
            http2: false,
            connect: service.timeouts.connect.0,
        })
    }

    /// `http` or `https`.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether HTTP/2 is wanted.
    pub(crate) const fn wants_http2(&self) -> bool {
        self.http2
    }

    /// A new connection, and whether HTTP/2 is spoken over it; not where it is to become another protocol's. It has to be there before `until`.
    pub(crate) async fn connect(
        &self,
        until: Option<Instant>,
        upgrade: bool,
    ) -> Result<(Stream, bool), What> {
        let own = Instant::now() + self.connect;
        let deadline = until.map_or(own, |until| until.min(own));
        match tokio::time::timeout_at(deadline.into(), self.dial(upgrade)).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(error)) => Err(What::Connect(error.to_string())),
            Err(_) if deadline < own => Err(What::TotalTimeout),
            Err(_) => Err(What::ConnectTimeout),
        }
    }

    async fn dial(&self, upgrade: bool) -> std::io::Result<(Stream, bool)> {
        let stream = TcpStream::connect((self.name.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some((config, server)) = &self.tls else {
            return Ok((Stream::Tcp(stream), self.http2 && !upgrade));
        };
        let mut config = Arc::clone(config);
        if self.http2 && upgrade {
            Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let connector = tokio_rustls::TlsConnector::from(config);
        let stream = connector.connect(server.clone(), stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Stream::Tls(Box::new(stream)), http2))
    }
}
