//! What requests are forwarded to.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Size, Time};

/// A service: targets that answer alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Where it is: base URLs, each alone or with a weight.
    pub targets: Vec<Target>,
    /// Where to look for targets, besides those above.
    pub discover: Option<Discovery>,
    /// Which target takes a request.
    pub balance: Balance,
    /// How it is found out that a target does not work.
    pub health: Health,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Second tries.
    pub retry: Retry,
    /// When the service is not asked any more for a while.
    pub breaker: Breaker,
    /// TLS to targets whose URL is `https`.
    pub tls: ClientTls,
    /// Connections that are kept.
    pub pool: Pool,
    /// Speak HTTP/2 to the targets: by ALPN over TLS, and in clear text without.
    pub http2: bool,
    /// The `Host` that targets see: the client's, or the target's own.
    pub host: HostHeader,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Target {
    /// `http://127.0.0.1:9001`.
    Url(String),
    /// One that takes more than its share, or less.
    Weighted(WeightedTarget),
}

impl Target {
    /// Its base URL and its weight, however it was written.
    pub const fn parts(&self) -> (&str, u16) {
        match self {
            Self::Url(url) => (url.as_str(), 1),
            Self::Weighted(target) => (target.url.as_str(), target.weight),
        }
    }
}

/// A target with a weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// `http://127.0.0.1:9001`, with a path in front of every request's where there is one.
    pub url: String,
    /// Its share beside the others'; 0 takes nothing.
    #[serde(default = "one")]
    pub weight: u16,
}

const fn one() -> u16 {
    1
}

/// Where to look for targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Discovery {
    /// The addresses (A and AAAA) of a name.
    Dns(DnsDiscovery),
    /// The SRV records of a name: hosts, ports, weights, priorities.
    Srv(SrvDiscovery),
    /// A YAML or JSON file with a list of targets, read anew when it changes.
    File(FileDiscovery),
}

/// Addresses of a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsDiscovery {
    /// `http://orders.internal:8080`: each address of the host becomes a target.
    pub url: String,
    /// How long an answer holds at most; less where its records say so (TTL), down to a second. The last answer holds while there is none.
    #[serde(default = "refresh")]
    pub refresh: Time,
    /// Servers to ask instead of the system's: `127.0.0.1:8600`.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// SRV records of a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SrvDiscovery {
    /// `_http._tcp.orders.internal`.
    pub name: String,
    /// `http` or `https`.
    #[serde(default = "http")]
    pub scheme: String,
    /// How long an answer holds at most; less where its records say so (TTL), down to a second. The last answer holds while there is none.
    #[serde(default = "refresh")]
    pub refresh: Time,
    /// Servers to ask instead of the system's: `127.0.0.1:8600`. They are asked for the addresses of the records' hosts as well.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// A file of targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDiscovery {
    /// Its path; relative to the configuration's folder.
    pub path: PathBuf,
    /// How often it is looked at.
    #[serde(default = "refresh")]
    pub refresh: Time,
}

const fn refresh() -> Time {
    Time::s(10)
}

fn http() -> String {
    "http".to_owned()
}

/// Which target takes a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// One after another, smoothly by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight, by weight.
    LeastConnections,
    /// The better of two at random, by in-flight requests and an average of response times that weighs the latest most (P2C, EWMA).
    Fastest,
    /// The same value goes to the same target (consistent hashing).
    Hash(HashBy),
    /// A caller stays with its target, by a signed cookie.
    Sticky(StickyCookie),
}

/// What is hashed. A request without it is balanced one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HashBy {
    /// The client's address.
    Address,
    /// Who calls.
    Caller,
    /// The path.
    Path,
    /// A header.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
}

/// A cookie that names a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StickyCookie {
    /// Its name.
    pub cookie: String,
    /// How long it holds; the browser's session when 0.
    pub max_age: Time,
    /// A file with the key that signs it: 32 characters or more. Nodes with the same key take each other's cookies, and so does the next process. Without it the
    /// key is random, and callers keep their targets until the process ends.
    pub key_file: Option<PathBuf>,
}

impl Default for StickyCookie {
    fn default() -> Self {
        Self { cookie: "waypost_target".to_owned(), max_age: Time::s(0), key_file: None }
    }
}

/// How it is found out that a target does not work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// By asking it.
    pub active: Option<ActiveHealth>,
    /// By what its answers are like.
    pub passive: PassiveHealth,
}

/// Asking a target how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ActiveHealth {
    /// What is asked for; without it a TCP connection is enough.
    pub path: Option<String>,
    /// Statuses that are well: from, to.
    pub statuses: (u16, u16),
    /// How often.
    pub interval: Time,
    /// How much of the interval is left to chance, 0 to 1.
    pub jitter: f64,
    /// How long an answer may take.
    pub timeout: Time,
    /// So many good answers in a row make a target healthy.
    pub healthy: u16,
    /// So many bad ones make it unhealthy.
    pub unhealthy: u16,
}

impl Default for ActiveHealth {
    fn default() -> Self {
        Self {
            path: None,
            statuses: (200, 399),
            interval: Time::s(5),
            jitter: 0.2,
            timeout: Time::s(2),
            healthy: 2,
            unhealthy: 3,
        }
    }
}

/// Leaving out a target that fails (outlier ejection).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PassiveHealth {
    /// So many failures in a row leave it out; 0 never does. A failure is no answer, or 502, 503 or 504.
    pub failures: u16,
    /// For how long, the first time; each further time for as much longer.
    pub eject: Time,
    /// For how long at most.
    pub max_eject: Time,
    /// Which part of the targets may be left out at once, 0 to 1. One always stays.
    pub max_ejected: f64,
}

impl Default for PassiveHealth {
    fn default() -> Self {
        Self { failures: 5, eject: Time::s(30), max_eject: Time::s(300), max_ejected: 0.5 }
    }
}

/// Time limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Time,
    /// From the whole request to the answer's head.
    pub first_byte: Time,
    /// Without a byte within a body or an upgraded connection.
    pub idle: Time,
    /// For the whole exchange, all tries; `0s` sets none.
    pub total: Time,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Time::s(2), first_byte: Time::s(30), idle: Time::s(60), total: Time::s(0) }
    }
}

/// Second tries. One is made only where nothing was sent, or where a service may get the request twice: its method is idempotent, or it has an
/// `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Tries beyond the first, each with another target while there is one.
    pub retries: u16,
    /// Statuses that are tried again, besides no answer.
    pub statuses: Vec<u16>,
    /// The largest body that is kept to be sent again; a request with a larger one is tried again only where nothing was sent.
    pub max_body: Size,
    /// Second tries as a part of first ones, at most (retry budget), 0 to 1.
    pub budget: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { retries: 1, statuses: vec![502, 503, 504], max_body: Size(64 << 10), budget: 0.2 }
    }
}

/// When a service is not asked any more for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Whether there is one.
    pub enabled: bool,
    /// Which part of the requests has to fail, 0 to 1. A failure is no answer in time, or 5xx.
    pub failures: f64,
    /// Of how many at least.
    pub minimum: u32,
    /// Within which time.
    pub window: Time,
    /// An answer that takes longer is a failure.
    pub timeout: Time,
    /// How long it is open, the first time; twice as long each further time.
    pub reset: Time,
    /// How long at most.
    pub max_reset: Time,
    /// Requests at once that find out whether it may close.
    pub probes: u16,
    /// What is asked for while it is open; a good answer half-opens it early.
    pub probe_path: Option<String>,
    /// One a route as well, not only one a service.
    pub per_route: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 0.5,
            minimum: 20,
            window: Time::s(10),
            timeout: Time::s(5),
            reset: Time::s(30),
            max_reset: Time::s(300),
            probes: 3,
            probe_path: None,
            per_route: false,
        }
    }
}

/// TLS to targets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTls {
    /// Certificates to trust, PEM, instead of the system's.
    pub ca: Option<PathBuf>,
    /// The name that the certificate is to show, instead of the URL's host.
    pub server_name: Option<String>,
    /// A certificate and key to show.
    pub identity: Option<super::ServerTls>,
    /// Trust any certificate. For tests.
    pub insecure: bool,
}

/// Connections that are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Idle ones a target.
    pub max_idle: u32,
    /// How long an idle one is kept.
    pub idle: Time,
}

impl Default for Pool {
    fn default() -> Self {
        Self { max_idle: 128, idle: Time::s(60) }
    }
}

/// The `Host` that targets see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// The client's.
    #[default]
    Client,
    /// The target's.
    Target,
}
