//! The gateway's configuration: what can be set, what it is when nothing is set, and how it is read.
//!
//! A value comes from the file, is overridden by the environment (`WAYPOST_GATEWAY_*`), and that by a flag. Reading never stops
//! at the first mistake: every unknown key, wrong type and wrong bound is reported at once, each with its place.

mod load;
mod providers;
mod settings;
mod show;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use crate::store::Durability;
pub use load::{ConfigError, Flag, Loaded, Mistake, Sources};

use crate::secrets::MasterKey;
use crate::store::StoreConfig;

/// What the name of every environment variable begins with.
pub const PREFIX: &str = "WAYPOST_GATEWAY_";

/// The variable that holds the master key.
pub const MASTER_KEY: &str = "WAYPOST_GATEWAY_MASTER_KEY";

/// The variable that names the configuration file when `--config` does not.
pub const CONFIG_FILE: &str = "WAYPOST_GATEWAY_CONFIG";

/// The whole configuration. `Config::default()` is a working gateway on 127.0.0.1:8080.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the database and the master key live. Created when missing.
    pub data_dir: PathBuf,
    /// The services that the gateway stands in front of, and the routes to them: a YAML file of its own form (`waypost_proxy::config`).
    pub proxy: Option<PathBuf>,
    /// Whether `/docs` and `/openapi.yaml` are served.
    pub docs: bool,
    /// Whether `/metrics` is served.
    pub metrics: bool,
    /// The master key, instead of `<data_dir>/master.key`. From `WAYPOST_GATEWAY_MASTER_KEY` only: a file or a command line shows it.
    pub master_key: Option<MasterKey>,
    /// The database.
    pub database: DatabaseConfig,
    /// The log.
    pub log: LogConfig,
    /// What one request or connection may cost.
    pub limits: LimitsConfig,
    /// Lifetimes of what proves who calls.
    pub tokens: TokensConfig,
    /// Password hashing.
    pub passwords: PasswordsConfig,
    /// What is kept of who calls what.
    pub analytics: AnalyticsConfig,
    /// What is kept of what somebody may have to answer for.
    pub audit: AuditConfig,
    /// What is kept of what happened.
    pub events: EventsConfig,
    /// WebSockets.
    pub realtime: RealtimeConfig,
    /// How often a caller may call, by tier.
    pub rate_limits: RateLimitsConfig,
    /// Pages of other origins.
    pub cors: CorsConfig,
    /// Addresses that users and providers gave.
    pub outbound: OutboundConfig,
    /// Sessions of browsers.
    pub sessions: SessionsConfig,
    /// OAuth both ways.
    pub oauth: OAuthConfig,
}

/// `[sessions]`: people who are signed in in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionsConfig {
    /// How long a session lives that is not used.
    pub idle_lifetime: Duration,
    /// How long a session lives, however much it is used.
    pub absolute_lifetime: Duration,
}

/// `[oauth]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthConfig {
    /// How others reach this gateway: `https://id.example`. The address that it listens at when not set.
    pub issuer: Option<String>,
    /// `[oauth.providers.<name>]`: who people can sign in with.
    pub providers: BTreeMap<String, ProviderConfig>,
}

/// One provider. Of `google`, `microsoft`, `github`, `linkedin` and `x` all but the client is known; any other has an `issuer`.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// What the provider calls this gateway.
    pub client_id: String,
    /// The secret that goes with it.
    pub client_secret: Option<String>,
    /// Its name for people.
    pub label: Option<String>,
    /// Who signs its ID tokens (OpenID Connect).
    pub issuer: Option<String>,
    /// What is asked for, separated by spaces.
    pub scopes: Option<String>,
    /// Where people are asked, of a provider of plain OAuth 2.
    pub authorization_endpoint: Option<String>,
    /// Where it gives tokens, of a provider of plain OAuth 2.
    pub token_endpoint: Option<String>,
    /// Its API, of a provider of plain OAuth 2.
    pub api: Option<String>,
    /// Whether the secret goes into the `Authorization` header instead of the form.
    pub basic: bool,
    /// Whether its e-mail addresses count as verified though it does not say so: where all of its accounts are the organisation's own.
    pub trust_email: bool,
}

impl std::fmt::Debug for ProviderConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client_id, issuer, .. } = self;
        formatter
            .debug_struct("ProviderConfig")
            .field("client_id", client_id)
            .field("issuer", issuer)
            .finish_non_exhaustive()
    }
}

/// `[outbound]`: how addresses that a user or a provider gave are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboundConfig {
    /// Networks that are not public and may be asked nevertheless.
    pub allow_networks: Vec<IpNet>,
    /// Whether `http` may be asked, and not only `https`.
    pub allow_http: bool,
    /// How long one question may take, from the look-up of the name to the last byte.
    pub timeout: Duration,
    /// The largest answer that is taken, in bytes.
    pub answer_bytes: u32,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            allow_http: false,
            timeout: Duration::from_secs(10),
            answer_bytes: 1024 * 1024,
        }
    }
}

/// `[cors]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorsConfig {
    /// Whose pages may read the answers in a browser; nobody's when not set.
    pub allowed_origins: Option<Origins>,
}

/// Origins of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// `*`: any. Safe where callers show a key or a token, as all of ours do.
    Any,
    /// These, each as a browser writes it: `https://app.example`.
    Listed(Vec<String>),
}

/// `[database]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseConfig {
    /// The SQLite file; `<data_dir>/waypost.db` when not set.
    pub file: Option<PathBuf>,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Connections that read, 1 to 64. There is always one that writes.
    pub readers: u32,
    /// How long a statement waits for another process's lock.
    pub busy_timeout: Duration,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogConfig {
    /// A filter in the form of `tracing`: `info`, `warn,waypost_gateway=debug`.
    pub filter: String,
    /// How an event is written.
    pub format: LogFormat,
}

/// How a log event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Largest request body in bytes.
    pub body_bytes: u32,
    /// Largest request head in bytes.
    pub header_bytes: u32,
    /// How long a client may take to send a request's head, and how long an idle connection is kept.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long an operation may take.
    pub request_timeout: Duration,
    /// Connections open at once; more wait in the kernel's queue.
    pub max_connections: u32,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
}

/// `[tokens]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokensConfig {
    /// Lifetime of an access token.
    pub access_lifetime: Duration,
    /// Lifetime of a refresh token; each refresh starts it again.
    pub refresh_lifetime: Duration,
    /// How long a key signs access tokens of grants before the next one does.
    pub key_lifetime: Duration,
}

/// `[passwords]`: argon2id. The defaults are OWASP's first choice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordsConfig {
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Hashes computed at once; more wait. Bounds the memory that logins can take.
    pub concurrency: u32,
}

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditConfig {
    /// How long an event is kept.
    pub retention: Duration,
}

/// `[analytics]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnalyticsConfig {
    /// How long what was counted in a minute is kept.
    pub retention: Duration,
}

/// `[events]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventsConfig {
    /// How long events are kept.
    pub retention: Duration,
    /// How often a stream says that it lives.
    pub heartbeat: Duration,
}

/// `[realtime]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RealtimeConfig {
    /// How often a WebSocket is pinged. One that was silent for two heartbeats is ended.
    pub heartbeat: Duration,
    /// WebSockets of one tenant at this gateway.
    pub sockets_per_tenant: u32,
    /// WebSockets of one address at this gateway.
    pub sockets_per_address: u32,
}

/// `[rate_limits]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitsConfig {
    /// Whether limits are kept at all.
    pub enabled: bool,
    /// Callers without credentials, by address.
    pub anonymous: Rates,
    /// The tier `free`.
    pub free: Rates,
    /// The tier `basic`.
    pub basic: Rates,
    /// The tier `premium`.
    pub premium: Rates,
    /// The tier `enterprise`.
    pub enterprise: Rates,
    /// The tier `admin`.
    pub admin: Rates,
}

/// How often a caller may call; `None` is unlimited. All windows hold at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// In any second.
    pub per_second: Option<u32>,
    /// In any minute.
    pub per_minute: Option<u32>,
    /// In any hour.
    pub per_hour: Option<u32>,
    /// In any day.
    pub per_day: Option<u32>,
}

impl RateLimitsConfig {
    /// The rates of a tier by name; an unknown tier has those of `free`.
    pub fn tier(&self, name: &str) -> &Rates {
        match name {
            "basic" => &self.basic,
            "premium" => &self.premium,
            "enterprise" => &self.enterprise,
            "admin" => &self.admin,
            _ => &self.free,
        }
    }
}

impl Config {
    /// The SQLite file.
    pub fn database_file(&self) -> PathBuf {
        self.database.file.clone().unwrap_or_else(|| self.data_dir.join("waypost.db"))
    }

    /// What the store needs to know.
    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            path: self.database_file(),
            durability: self.database.durability,
            readers: self.database.readers,
            busy_timeout: self.database.busy_timeout,
        }
    }

    /// The file of the master key.
    pub fn master_key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("waypost-data"),
            proxy: None,
            docs: true,
            metrics: true,
            master_key: None,
            database: DatabaseConfig {
                file: None,
                durability: Durability::Full,
                readers: 4,
                busy_timeout: Duration::from_secs(5),
            },
            log: LogConfig { filter: "info".to_owned(), format: LogFormat::Text },
            limits: LimitsConfig {
                body_bytes: 1024 * 1024,
                header_bytes: 32 * 1024,
                header_timeout: Duration::from_secs(30),
                body_timeout: Duration::from_secs(30),
                request_timeout: Duration::from_secs(30),
                max_connections: 10_000,
                drain_timeout: Duration::from_secs(30),
            },
            tokens: TokensConfig {
                access_lifetime: Duration::from_secs(15 * 60),
                refresh_lifetime: Duration::from_secs(30 * 24 * 3600),
                key_lifetime: Duration::from_secs(90 * 24 * 3600),
            },
            passwords: PasswordsConfig {
                memory_kib: 19 * 1024,
                iterations: 2,
                parallelism: 1,
                concurrency: 4,
            },
            analytics: AnalyticsConfig { retention: Duration::from_secs(30 * 86_400) },
            audit: AuditConfig { retention: Duration::from_secs(400 * 86_400) },
            events: EventsConfig {
                retention: Duration::from_secs(30 * 86_400),
                heartbeat: Duration::from_secs(10),
            },
            realtime: RealtimeConfig {
                heartbeat: Duration::from_secs(25),
                sockets_per_tenant: 10_000,
                sockets_per_address: 1_000,
            },
            rate_limits: RateLimitsConfig {
                enabled: true,
                anonymous: Rates { per_second: None, per_minute: Some(100), per_hour: None, per_day: None },
                free: Rates { per_second: None, per_minute: Some(60), per_hour: None, per_day: Some(10_000) },
                basic: Rates {
                    per_second: None,
                    per_minute: Some(150),
                    per_hour: None,
                    per_day: Some(50_000),
                },
                premium: Rates {
                    per_second: None,
                    per_minute: Some(300),
                    per_hour: None,
                    per_day: Some(200_000),
                },
                enterprise: Rates {
                    per_second: None,
                    per_minute: Some(1_000),
                    per_hour: None,
                    per_day: Some(1_000_000),
                },
                admin: Rates { per_second: None, per_minute: None, per_hour: None, per_day: None },
            },
            cors: CorsConfig::default(),
            outbound: OutboundConfig::default(),
            sessions: SessionsConfig {
                idle_lifetime: Duration::from_secs(2 * 3600),
                absolute_lifetime: Duration::from_secs(7 * 24 * 3600),
            },
            oauth: OAuthConfig::default(),
        }
    }
}
