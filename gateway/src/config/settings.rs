//! The list of settings: for each its key in the file, what it means, how it is set and how it is shown.
//!
//! Everything else follows from this list: the environment variable is the key in capitals (`limits.body_bytes` is
//! `WAYPOST_GATEWAY_LIMITS_BODY_BYTES`), an unknown key is one that is not in it, and `config check` prints it.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::value::{
    Input, boolean, bytes, choice, duration, integer, issuer, networks, origins, quoted, rate, show_bytes,
    show_duration, text,
};
use super::{Config, Durability, LogFormat, Origins};

/// One setting.
pub(super) struct Setting {
    /// `limits.body_bytes`.
    pub(super) key: &'static str,
    /// One line.
    pub(super) help: &'static str,
    /// Takes a value, or says what it should have been.
    pub(super) set: fn(&mut Config, &Input<'_>) -> Result<(), String>,
    /// The value as TOML; `None` when it is not set and has no default.
    pub(super) show: fn(&Config) -> Option<String>,
}

impl Setting {
    /// `WAYPOST_GATEWAY_LIMITS_BODY_BYTES`.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", super::PREFIX, self.key.replace('.', "_").to_ascii_uppercase())
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const DURABILITIES: [(&str, Durability); 2] = [("full", Durability::Full), ("normal", Durability::Normal)];
const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

fn name_of<T: Copy + PartialEq>(choices: &[(&'static str, T)], value: T) -> Option<String> {
    choices.iter().find(|(_, choice)| *choice == value).map(|(name, _)| quoted(name))
}

macro_rules! setting {
    ($key:literal, $help:literal, $field:ident $(. $rest:ident)*, $read:expr, $show:expr) => {
        Setting {
            key: $key,
            help: $help,
            set: |config, input| {
                let read: fn(&Input<'_>) -> Result<_, String> = $read;
                config.$field $(. $rest)* = read(input)?;
                Ok(())
            },
            show: |config| {
                let show: fn(_) -> Option<String> = $show;
                show(&config.$field $(. $rest)*)
            },
        }
    };
}

macro_rules! span {
    ($key:literal, $help:literal, $field:ident . $rest:ident, $least:expr, $most:expr) => {
        setting!($key, $help, $field.$rest, |input| duration(input, $least, $most), |value: &Duration| {
            Some(quoted(&show_duration(*value)))
        })
    };
}

macro_rules! number {
    ($key:literal, $help:literal, $field:ident . $rest:ident, $least:expr, $most:expr) => {
        setting!($key, $help, $field.$rest, |input| integer(input, $least, $most), |value: &u32| {
            Some(value.to_string())
        })
    };
}

macro_rules! window {
    ($key:literal, $help:literal, $tier:ident . $window:ident) => {
        setting!($key, $help, rate_limits.$tier.$window, rate, |value: &Option<u32>| {
            Some(value.map_or_else(|| quoted("unlimited"), |value| value.to_string()))
        })
    };
}

macro_rules! size {
    ($key:literal, $help:literal, $field:ident . $rest:ident, $least:expr, $most:expr) => {
        setting!($key, $help, $field.$rest, |input| bytes(input, $least, $most), |value: &u32| {
            Some(quoted(&show_bytes(*value)))
        })
    };
}

/// Every setting, in the order in which it is shown. Keys of one table stand together.
pub(super) static SETTINGS: &[Setting] = &[
    setting!(
        "listen",
        "Address and port; port 0 takes a free one.",
        listen,
        |input| text(input)?.parse().map_err(|_| format!(
            "expected an IP address and a port such as \"127.0.0.1:8080\" or \"[::]:8080\", found `{}`",
            text(input).unwrap_or_default()
        )),
        |value: &std::net::SocketAddr| Some(quoted(&value.to_string()))
    ),
    setting!(
        "data_dir",
        "Where the database and the master key live.",
        data_dir,
        |input| text(input).map(PathBuf::from),
        |value: &PathBuf| Some(quoted(&value.to_string_lossy()))
    ),
    setting!(
        "proxy",
        "A YAML file with services to stand in front of and the routes to them; none unless set.",
        proxy,
        |input| text(input).map(|path| Some(PathBuf::from(path))),
        |value: &Option<PathBuf>| value.as_ref().map(|path| quoted(&path.to_string_lossy()))
    ),
    setting!("docs", "Serve /docs and /openapi.yaml.", docs, boolean, |value: &bool| Some(value.to_string())),
    setting!("metrics", "Serve /metrics.", metrics, boolean, |value: &bool| Some(value.to_string())),
    setting!(
        "database.file",
        "The SQLite file; <data_dir>/waypost.db unless set.",
        database.file,
        |input| text(input).map(|path| Some(PathBuf::from(path))),
        |value: &Option<PathBuf>| value.as_ref().map(|path| quoted(&path.to_string_lossy()))
    ),
    setting!(
        "database.durability",
        "\"full\": an answered write survives a power cut. \"normal\": it survives a crash of the process.",
        database.durability,
        |input| choice(input, &DURABILITIES),
        |value: &Durability| name_of(&DURABILITIES, *value)
    ),
    number!("database.readers", "Connections that read at once.", database.readers, 1, 64),
    span!(
        "database.busy_timeout",
        "How long to wait for another process that writes.",
        database.busy_timeout,
        MILLISECOND,
        MINUTE
    ),
    setting!(
        "log.filter",
        "What is logged: \"info\", \"warn,waypost_gateway=debug\".",
        log.filter,
        |input| {
            let filter = text(input)?;
            match crate::telemetry::check_filter(&filter) {
                Ok(()) => Ok(filter),
                Err(error) => Err(format!(
                    "expected a log filter such as \"info\" or \"warn,waypost_gateway=debug\": {error}"
                )),
            }
        },
        |value: &String| Some(quoted(value))
    ),
    setting!(
        "log.format",
        "\"text\" or \"json\", one event a line.",
        log.format,
        |input| choice(input, &FORMATS),
        |value: &LogFormat| name_of(&FORMATS, *value)
    ),
    size!("limits.body_bytes", "Largest request body.", limits.body_bytes, 1 << 10, 1 << 30),
    size!("limits.header_bytes", "Largest request head.", limits.header_bytes, 8 << 10, 1 << 20),
    span!(
        "limits.header_timeout",
        "How long a client may take to send a request's head; also how long an idle connection is kept.",
        limits.header_timeout,
        MILLISECOND,
        HOUR
    ),
    span!(
        "limits.body_timeout",
        "How long a client may take to send a request's body.",
        limits.body_timeout,
        MILLISECOND,
        HOUR
    ),
    span!(
        "limits.request_timeout",
        "How long an operation may take.",
        limits.request_timeout,
        MILLISECOND,
        HOUR
    ),
    number!("limits.max_connections", "Connections open at once.", limits.max_connections, 1, 1_000_000),
    span!(
        "limits.drain_timeout",
        "How long a shutdown waits for requests in flight.",
        limits.drain_timeout,
        MILLISECOND,
        HOUR
    ),
    span!("tokens.access_lifetime", "Lifetime of an access token.", tokens.access_lifetime, SECOND, DAY),
    span!(
        "tokens.refresh_lifetime",
        "Lifetime of a refresh token; each refresh starts it again.",
        tokens.refresh_lifetime,
        SECOND,
        Duration::from_secs(400 * 86_400)
    ),
    span!(
        "tokens.key_lifetime",
        "How long a key signs access tokens of grants before the next one does.",
        tokens.key_lifetime,
        HOUR,
        Duration::from_secs(400 * 86_400)
    ),
    number!("passwords.memory_kib", "argon2id: memory of one hash in KiB.", passwords.memory_kib, 8, 4 << 20),
    number!("passwords.iterations", "argon2id: passes over the memory.", passwords.iterations, 1, 100),
    number!("passwords.parallelism", "argon2id: lanes.", passwords.parallelism, 1, 64),
    number!("passwords.concurrency", "Hashes computed at once; more wait.", passwords.concurrency, 1, 1_024),
    span!(
        "analytics.retention",
        "How long the data plane's counts of a minute are kept.",
        analytics.retention,
        HOUR,
        Duration::from_secs(400 * 86_400)
    ),
    span!(
        "audit.retention",
        "How long events of the audit trail are kept.",
        audit.retention,
        DAY,
        Duration::from_secs(3_660 * 86_400)
    ),
    span!(
        "events.retention",
        "How long events are kept.",
        events.retention,
        HOUR,
        Duration::from_secs(3_650 * 86_400)
    ),
    span!(
        "events.heartbeat",
        "How often a stream of events says that it lives.",
        events.heartbeat,
        SECOND,
        HOUR
    ),
    span!(
        "realtime.heartbeat",
        "How often a WebSocket is pinged. One that was silent for two heartbeats is ended.",
        realtime.heartbeat,
        SECOND,
        HOUR
    ),
    number!(
        "realtime.sockets_per_tenant",
        "WebSockets of one tenant at this gateway.",
        realtime.sockets_per_tenant,
        1,
        1_000_000
    ),
    number!(
        "realtime.sockets_per_address",
        "WebSockets of one address at this gateway.",
        realtime.sockets_per_address,
        1,
        1_000_000
    ),
    setting!("rate_limits.enabled", "Keep rate limits.", rate_limits.enabled, boolean, |value: &bool| {
        Some(value.to_string())
    }),
    window!("rate_limits.anonymous.per_second", "Without credentials, an address.", anonymous.per_second),
    window!("rate_limits.anonymous.per_minute", "Without credentials, an address.", anonymous.per_minute),
    window!("rate_limits.anonymous.per_hour", "Without credentials, an address.", anonymous.per_hour),
    window!("rate_limits.anonymous.per_day", "Without credentials, an address.", anonymous.per_day),
    window!("rate_limits.free.per_second", "The tier free.", free.per_second),
    window!("rate_limits.free.per_minute", "The tier free.", free.per_minute),
    window!("rate_limits.free.per_hour", "The tier free.", free.per_hour),
    window!("rate_limits.free.per_day", "The tier free.", free.per_day),
    window!("rate_limits.basic.per_second", "The tier basic.", basic.per_second),
    window!("rate_limits.basic.per_minute", "The tier basic.", basic.per_minute),
    window!("rate_limits.basic.per_hour", "The tier basic.", basic.per_hour),
    window!("rate_limits.basic.per_day", "The tier basic.", basic.per_day),
    window!("rate_limits.premium.per_second", "The tier premium.", premium.per_second),
    window!("rate_limits.premium.per_minute", "The tier premium.", premium.per_minute),
    window!("rate_limits.premium.per_hour", "The tier premium.", premium.per_hour),
    window!("rate_limits.premium.per_day", "The tier premium.", premium.per_day),
    window!("rate_limits.enterprise.per_second", "The tier enterprise.", enterprise.per_second),
    window!("rate_limits.enterprise.per_minute", "The tier enterprise.", enterprise.per_minute),
    window!("rate_limits.enterprise.per_hour", "The tier enterprise.", enterprise.per_hour),
    window!("rate_limits.enterprise.per_day", "The tier enterprise.", enterprise.per_day),
    window!("rate_limits.admin.per_second", "The tier admin.", admin.per_second),
    window!("rate_limits.admin.per_minute", "The tier admin.", admin.per_minute),
    window!("rate_limits.admin.per_hour", "The tier admin.", admin.per_hour),
    window!("rate_limits.admin.per_day", "The tier admin.", admin.per_day),
    setting!(
        "cors.allowed_origins",
        "Whose pages may read answers in a browser: \"https://app.example, http://localhost:5173\", or \"*\".",
        cors.allowed_origins,
        |input| origins(input).map(Some),
        |value: &Option<Origins>| value.as_ref().map(|origins| quoted(&match origins {
            Origins::Any => "*".to_owned(),
            Origins::Listed(origins) => origins.join(", "),
        }))
    ),
    setting!(
        "outbound.allow_networks",
        "Networks that are not public and that addresses of users may lead to: \"10.0.0.0/8, 127.0.0.1\".",
        outbound.allow_networks,
        networks,
        |value: &Vec<IpNet>| (!value.is_empty())
            .then(|| quoted(&value.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
    ),
    setting!(
        "outbound.allow_http",
        "Let addresses of users be http, and not only https.",
        outbound.allow_http,
        boolean,
        |value: &bool| Some(value.to_string())
    ),
    span!(
        "outbound.timeout",
        "How long a question to an address of a user may take.",
        outbound.timeout,
        MILLISECOND,
        MINUTE
    ),
    size!(
        "outbound.answer_bytes",
        "Largest answer that is taken from such an address.",
        outbound.answer_bytes,
        1 << 10,
        1 << 26
    ),
    span!(
        "sessions.idle_lifetime",
        "How long a browser's session lives that is not used.",
        sessions.idle_lifetime,
        MINUTE,
        Duration::from_secs(30 * 86_400)
    ),
    span!(
        "sessions.absolute_lifetime",
        "How long a browser's session lives, however much it is used.",
        sessions.absolute_lifetime,
        MINUTE,
        Duration::from_secs(400 * 86_400)
    ),
    setting!(
        "oauth.issuer",
        "How others reach this gateway: \"https://id.example\"; the address that it listens at unless set.",
        oauth.issuer,
        |input| issuer(input).map(Some),
        |value: &Option<String>| value.as_ref().map(|value| quoted(value))
    ),
];

/// The setting with this key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
