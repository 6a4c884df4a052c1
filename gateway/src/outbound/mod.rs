//! The one way out to addresses that a user or a provider gave: webhooks, connectors, OAuth discovery and keys.
//!
//! Such an address may be anything, also one that only this machine can reach. So every connection goes through one resolver that lets public addresses
//! pass and, of the others, those that the configuration allows. The check is made on the very addresses that are connected to, so a name that
//! answers something else the second time (DNS rebinding) gains nothing. Besides: `https` unless the configuration allows `http`, no redirects, no
//! proxy of the environment, one deadline over everything, and no more of a body than was asked for.

mod address;
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Method, StatusCode};
use axum::body::Bytes;
use url::{Host, Url};

use crate::config::OutboundConfig;
use resolver::{Guarded, Lookup, SystemLookup};

/// Asks others. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    config: Arc<OutboundConfig>,
}

/// A question.
#[derive(Debug)]
pub struct Question {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
}

/// What came back, whole.
#[derive(Debug)]
pub struct Answer {
    /// The status; a redirect is an error instead.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. Says nothing of what the other side sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// It is not an address at all.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// Not `https`, with a user name, or without a host.
    #[error("`{url}`: {reason}")]
    Form {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name leads to private addresses only.
    #[error("`{0}` is not a public address; `outbound.allow_networks` can allow its network")]
    Forbidden(String),
    /// Nobody could be reached, or the answer broke off.
    #[error("`{host}` could not be asked")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The deadline passed.
    #[error("`{host}` did not answer within {seconds} seconds")]
    Timeout {
        /// Who.
        host: String,
        /// The deadline.
        seconds: u64,
    },
    /// The answer sends elsewhere.
    #[error("`{host}` answered with a redirect, which is not followed")]
    Redirect {
        /// Who.
        host: String,
    },
    /// The answer is larger than is taken.
    #[error("`{host}` answered with more than {most} bytes")]
    TooLarge {
        /// Who.
        host: String,
        /// What is taken.
        most: usize,
    },
}

impl Question {
    /// A question of this method to this address.
    pub fn new(method: Method, url: &str) -> Result<Self, OutboundError> {
        let url = Url::parse(url).map_err(|_| OutboundError::Url(shortened(url)))?;
        Ok(Self { method, url, headers: HeaderMap::new(), body: None })
    }

    /// With a header; one that is no header is left out.
    #[must_use]
    pub fn header(mut self, name: ::http::HeaderName, value: &str) -> Self {
        if let Ok(mut value) = ::http::HeaderValue::from_str(value) {
            value.set_sensitive(name == ::http::header::AUTHORIZATION);
            self.headers.insert(name, value);
        }
        self
    }

    /// With a body of this media type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        let mut with = self.header(::http::header::CONTENT_TYPE, media_type);
        with.body = Some(body.into());
        with
    }
}

impl Outbound {
    /// With the system's resolver.
    pub fn new(config: &OutboundConfig) -> Result<Self, reqwest::Error> {
        Self::with_lookup(config, SystemLookup)
    }

    fn with_lookup(config: &OutboundConfig, lookup: impl Lookup) -> Result<Self, reqwest::Error> {
        let config = Arc::new(config.clone());
        let client = reqwest::Client::builder()
            .user_agent(concat!("waypost-gateway/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(config.timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(Guarded::new(lookup, config.allow_networks.clone()))
            .build()?;
        Ok(Self { client, config })
    }

    /// Asks, and reads the whole answer.
    pub async fn ask(&self, question: Question) -> Result<Answer, OutboundError> {
        self.check(&question.url)?;
        let host = question.url.host_str().unwrap_or_default().to_owned();
        let asked = self.exchange(question, &host);
        tokio::time::timeout(self.config.timeout, asked).await.unwrap_or_else(|_| {
            Err(OutboundError::Timeout { host: host.clone(), seconds: self.config.timeout.as_secs() })
        })
    }

    async fn exchange(&self, question: Question, host: &str) -> Result<Answer, OutboundError> {
        let unreachable = |source: reqwest::Error| match resolver::is_refusal(&source) {
            true => OutboundError::Forbidden(host.to_owned()),
            false => OutboundError::Unreachable { host: host.to_owned(), source: source.without_url() },
        };
        let mut request = self.client.request(question.method, question.url).headers(question.headers);
        if let Some(body) = question.body {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(OutboundError::Redirect { host: host.to_owned() });
        }
        let most = usize::try_from(self.config.answer_bytes).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > most {
                return Err(OutboundError::TooLarge { host: host.to_owned(), most });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.into() })
    }

    /// What can be said of an address before anything is resolved. A literal address never meets the resolver, so it is judged here.
    fn check(&self, url: &Url) -> Result<(), OutboundError> {
        let wrong = |reason| Err(OutboundError::Form { url: shortened(url.as_str()), reason });
        match url.scheme() {
            "https" => {}
            "http" if self.config.allow_http => {}
            "http" => return wrong("only https is asked; `outbound.allow_http` allows http"),
            _ => return wrong("only https is asked"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutboundError::Form {
                url: url.host_str().unwrap_or_default().to_owned(),
                reason: "an address has no user name and no password in it",
            });
        }
        let address = match url.host() {
            None => return wrong("there is no host in it"),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
        };
        match address::is_allowed(address, &self.config.allow_networks) {
            true => Ok(()),
            false => Err(OutboundError::Forbidden(address.to_string())),
        }
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outbound").field("config", &self.config).finish_non_exhaustive()
    }
}

/// An address for an error: not all of it, and nothing of its query, which may be a secret.
fn shortened(url: &str) -> String {
    url.split('?').next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests;
