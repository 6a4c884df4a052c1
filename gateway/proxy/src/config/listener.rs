//! Where connections come in.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Time};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// Address and port; port 0 takes a free one.
    pub address: String,
    /// With this, connections are TLS; HTTP/2 and HTTP/1.1 are offered by ALPN.
    pub tls: Option<ServerTls>,
    /// HTTP/2 without TLS, beside HTTP/1.1.
    pub h2c: bool,
    /// WebSockets over HTTP/2 (RFC 8441), where a service takes them over HTTP/1.1.
    pub websocket_http2: bool,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
    /// Connections begin with a PROXY protocol header (v1 or v2); one without is closed.
    pub proxy_protocol: bool,
    /// Threads that accept and serve, each with its own socket (`SO_REUSEPORT`); one a core when 0.
    pub workers: u16,
    /// Requests that came without TLS are sent to this port of the same host over `https`.
    pub redirect_https: Option<u16>,
    /// Connections at once.
    pub max_connections: u32,
    /// Largest head of a request.
    pub max_head: Size,
    /// How long a client may take for a head, and how long it may be idle between requests.
    pub head_timeout: Time,
    /// How long a client may stand still within a body, sending or receiving.
    pub body_timeout: Time,
    /// How long requests in flight may take to end once the listener stops.
    pub drain_timeout: Time,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            tls: None,
            h2c: false,
            websocket_http2: true,
            max_streams: 128,
            proxy_protocol: false,
            workers: 0,
            redirect_https: None,
            max_connections: 20_000,
            max_head: Size(32 << 10),
            head_timeout: Time::s(30),
            body_timeout: Time::s(60),
            drain_timeout: Time::s(30),
        }
    }
}

/// A certificate for clients to see. The files are read anew when they change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
}
