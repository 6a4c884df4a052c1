//! What is known of a request on its way through the pipeline. Stages read it and add to it; none reads another stage's insides.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderName;

use crate::observe::Finished;
use crate::{Body, Refusal, Visit};

/// A request on its way.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// `X-Request-Id`: the client's where it is well formed, else a new one.
    pub request_id: String,
    /// When its head was there.
    pub at: Instant,
    /// The client's address: the connection's, or what a trusted proxy says of it.
    pub client: IpAddr,
    /// Whether the client's connection is TLS (here, or at a trusted proxy).
    pub secure: bool,
    /// The host that was asked for, lower case, without the port.
    pub host: String,
    /// The path, normalised: percent-encoded, no empty, `.` or `..` segment.
    pub path: String,
    /// The API version that was negotiated.
    pub version: Option<Arc<str>>,
    /// What the path's parameters stand for, by name; `*` is the rest.
    pub parameters: Vec<(Arc<str>, String)>,
    /// Who calls; nobody yet, or nobody at all.
    pub caller: Option<Arc<Caller>>,
    /// The headers that proved it and are secrets between the caller and this proxy: no service sees them.
    pub shown: Vec<HeaderName>,
}

impl Exchange {
    /// One of which nothing is known yet but who sent it and when.
    pub(crate) const fn from(client: IpAddr, at: Instant) -> Self {
        Self {
            request_id: String::new(),
            at,
            client,
            secure: false,
            host: String::new(),
            path: String::new(),
            version: None,
            parameters: Vec::new(),
            caller: None,
            shown: Vec::new(),
        }
    }

    /// What a parameter of the path stands for, as it came (percent-encoded).
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.as_str())
    }
}

/// Somebody who has proved who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Their name: `usr_…`, a subject, a key's name. Limits and analytics count by it.
    pub name: String,
    /// The tenant that they act in.
    pub tenant: Option<String>,
    /// What decides how often they may call.
    pub tier: Option<String>,
    /// What they may do: `orders:read`, `orders:*`, `*`.
    pub permissions: Vec<String>,
}

/// What the program around the proxy adds: its own API as one more service, who its callers are, and a log. The library works without.
pub trait Host: Send + Sync + 'static {
    /// Answers a request to the service `platform`: the program's own API, an upstream like any other. The program finds out by itself who calls, and has the
    /// call counted by the [`Visit`].
    fn answer(
        &self,
        request: http::Request<Body>,
        visit: Visit,
    ) -> futures_util::future::BoxFuture<'_, http::Response<Body>>;

    /// Who shows these headers; nobody where they carry no credentials. For routes with the provider `platform`.
    fn identify<'a>(
        &'a self,
        headers: &'a http::HeaderMap,
        client: IpAddr,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<Arc<Caller>>, Refusal>>;

    /// A request has ended, whoever answered it: a line of the program's own log. Not asked where the configuration has an access log of its own.
    fn ended(&self, ended: &Finished<'_>) {
        let _ = ended;
    }
}
