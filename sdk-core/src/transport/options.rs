//! How a transport connects. Both transports read the same settings and mean the same by them.

use std::fmt;
use std::time::Duration;

use crate::engine::error::Error;

/// Settings of a transport.
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportOptions {
    /// The longest that a connection may take to open: name, TCP, proxy and TLS together (5 s).
    pub connect_timeout: Duration,
    /// How long an idle connection is kept (60 s).
    pub idle_timeout: Duration,
    /// How many idle connections are kept for a host (256). With fewer than there are calls at once, connections are closed and opened all the time.
    pub max_idle_per_host: usize,
    /// Which proxy is used.
    pub proxy: Proxy,
    /// Certificates, in PEM, of authorities that are trusted beside the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Speak HTTP/2 without asking (`false`): for a server without TLS that is known to speak it. With TLS the two sides agree by themselves.
    pub http2_only: bool,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            max_idle_per_host: 256,
            proxy: Proxy::default(),
            ca_bundle: None,
            http2_only: false,
        }
    }
}

impl fmt::Debug for TransportOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TransportOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_idle_per_host", &self.max_idle_per_host)
            .field("proxy", &self.proxy)
            .field("ca_bundle", &self.ca_bundle.as_ref().map(|pem| format!("{} bytes", pem.len())))
            .field("http2_only", &self.http2_only)
            .finish()
    }
}

/// Which proxy is used.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// The one that `HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` name, but for the hosts of `NO_PROXY`; also in lower case.
    /// `HTTP_PROXY` is not read in a CGI program, whose server makes it of a request's header.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Off,
    /// This one.
    Through {
        /// `http://`, `https://` or `socks5://`, with `user:password@` where it wants them.
        url: String,
        /// Hosts that are reached without it, written as in `NO_PROXY`; may be empty.
        except: String,
    },
}

impl Proxy {
    /// Everything through this proxy.
    pub fn through(url: impl Into<String>) -> Self {
        Self::Through { url: url.into(), except: String::new() }
    }

    /// Fails on a proxy URL that no transport can use.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self::Through { url, .. } = self else { return Ok(()) };
        let uri: Option<http::Uri> = url.parse().ok();
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str).unwrap_or_default();
        let known = matches!(scheme, "http" | "https" | "socks5" | "socks5h");
        if known && uri.as_ref().and_then(http::Uri::host).is_some_and(|host| !host.is_empty()) {
            return Ok(());
        }
        Err(Error::config(format!(
            "the proxy {:?} is not a URL of a proxy; write http://host:port, https://host:port or socks5://host:port",
            without_user(url)
        )))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("Environment"),
            Self::Off => formatter.write_str("Off"),
            Self::Through { url, except } => formatter
                .debug_struct("Through")
                .field("url", &without_user(url))
                .field("except", except)
                .finish(),
        }
    }
}

/// A URL without its user information.
fn without_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_never_printed() {
        let options =
            TransportOptions { proxy: Proxy::through("http://me:hunter2@p:1"), ..Default::default() };
        let printed = format!("{options:?}");
        assert!(printed.contains("http://p:1") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn a_proxy_that_is_no_url_is_refused_without_its_password() {
        for url in ["me:hunter2@p:1", "ftp://me:hunter2@p:1", "", "http://"] {
            let error = Proxy::through(url).check().unwrap_err().to_string();
            assert!(error.contains("http://host:port") && !error.contains("hunter2"), "{error}");
        }
        for url in ["http://p:1", "https://me:x@p", "socks5://p:1080", "socks5h://p"] {
            Proxy::through(url).check().unwrap();
        }
    }
}
