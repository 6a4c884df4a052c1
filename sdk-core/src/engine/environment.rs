//! Settings from the environment, read through a function so that this is the same where there is no environment. Every mistake is reported, not
//! only the first. A variable that is empty counts as not set.

use super::credentials::Credentials;
use super::encode::{self, BaseUrl};
use super::error::Error;
use super::oauth::OAuthClient;
use super::redact::Secret;

/// What the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// `WAYPOST_BASE_URL`.
    pub base_url: Option<String>,
    /// `WAYPOST_API_KEY`.
    pub api_key: Option<Secret>,
    /// `WAYPOST_ACCESS_TOKEN`.
    pub access_token: Option<Secret>,
    /// `WAYPOST_CLIENT_ID` and `WAYPOST_CLIENT_SECRET`.
    pub client: Option<OAuthClient>,
    /// `WAYPOST_TENANT`.
    pub tenant: Option<String>,
    /// `WAYPOST_LOG`.
    pub log: Option<LogLevel>,
    /// `WAYPOST_CA_BUNDLE`: the path of a PEM file of further authorities.
    pub ca_bundle: Option<String>,
    /// The usual proxy variables.
    pub proxies: Proxies,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Calls that failed.
    Error,
    /// And attempts that will be retried.
    Warn,
    /// And calls.
    Info,
    /// And attempts.
    Debug,
    /// And steps.
    Trace,
}

impl LogLevel {
    /// The word in `WAYPOST_LOG`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level of a word, in upper or lower case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace]
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(word))
    }
}

/// The usual proxy variables; the lower-case name is asked first. `HTTP_PROXY` in upper case is not read in a CGI program (`REQUEST_METHOD`
/// is set there): its server makes it of a request's `Proxy` header (CVE-2016-5385). The URLs are secrets because they may hold a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `http_proxy`, `HTTP_PROXY`.
    pub http: Option<Secret>,
    /// `https_proxy`, `HTTPS_PROXY`.
    pub https: Option<Secret>,
    /// `all_proxy`, `ALL_PROXY`.
    pub all: Option<Secret>,
    /// `no_proxy`, `NO_PROXY`: hosts that are reached without a proxy.
    pub none: Option<String>,
}

impl Environment {
    /// Reads the environment through `lookup`.
    ///
    /// ```
    /// use waypost::engine::Environment;
    /// let read = Environment::read(|name| (name == "WAYPOST_BASE_URL").then(|| "https://api.example".to_owned()))?;
    /// assert_eq!(read.base_url.as_deref(), Some("https://api.example"));
    /// # Ok::<(), waypost::engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] that names every variable that is wrong, and never a secret's value.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut reader = Reader { lookup, mistakes: Vec::new() };
        let base_url = reader.checked("WAYPOST_BASE_URL", |text| BaseUrl::parse(text).err());
        let api_key = reader.secret("WAYPOST_API_KEY");
        let access_token = reader.secret("WAYPOST_ACCESS_TOKEN");
        let client = reader.client();
        let tenant = reader.checked("WAYPOST_TENANT", encode::header_value_mistake);
        let log = reader.checked("WAYPOST_LOG", |word| {
            LogLevel::parse(word).is_none().then_some("is none of off, error, warn, info, debug, trace")
        });
        let ca_bundle = reader.get("WAYPOST_CA_BUNDLE");
        let in_cgi = reader.get("REQUEST_METHOD").is_some();
        let http: &[_] = if in_cgi { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] };
        let proxies = Proxies {
            http: reader.proxy(http),
            https: reader.proxy(&["https_proxy", "HTTPS_PROXY"]),
            all: reader.proxy(&["all_proxy", "ALL_PROXY"]),
            none: reader.get("no_proxy").or_else(|| reader.get("NO_PROXY")),
        };
        if let Some(error) = Error::config_of("the environment", &reader.mistakes) {
            return Err(error);
        }
        let log = log.as_deref().and_then(LogLevel::parse);
        Ok(Self { base_url, api_key, access_token, client, tenant, log, ca_bundle, proxies })
    }

    /// The credentials among the settings.
    pub fn credentials(&self) -> Credentials {
        let mut credentials = Credentials::none();
        if let Some(key) = &self.api_key {
            credentials = credentials.with_header("x-api-key", key.clone());
        }
        if let Some(token) = &self.access_token {
            credentials = credentials.with_bearer(token.clone());
        }
        match &self.client {
            Some(client) => credentials.with_client(client.clone()),
            None => credentials,
        }
    }
}

struct Reader<F> {
    lookup: F,
    mistakes: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn checked(&mut self, name: &str, mistake: impl Fn(&str) -> Option<&'static str>) -> Option<String> {
        let value = self.get(name)?;
        if let Some(reason) = mistake(&value) {
            self.mistakes.push(format!("{name} {reason}"));
        }
        Some(value)
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        self.checked(name, encode::header_value_mistake).map(Secret::new)
    }

    fn client(&mut self) -> Option<OAuthClient> {
        let id = self.checked("WAYPOST_CLIENT_ID", encode::header_value_mistake);
        let secret = self.secret("WAYPOST_CLIENT_SECRET");
        match (id, secret) {
            (Some(id), Some(secret)) => Some(OAuthClient::new(id).with_secret(secret)),
            // A public client: it is given tokens, or a person signs in.
            (Some(id), None) => Some(OAuthClient::new(id)),
            (None, None) => None,
            (None, Some(_)) => {
                self.mistakes.push("WAYPOST_CLIENT_ID is missing beside WAYPOST_CLIENT_SECRET".to_owned());
                None
            }
        }
    }

    fn proxy(&mut self, names: &[&str]) -> Option<Secret> {
        let name = names.iter().find(|name| self.get(name).is_some())?;
        let value = self.get(name)?;
        // Curl's habit, which everybody has: no scheme means http.
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", &value));
        let known =
            ["http", "https", "socks5", "socks5h"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
        if !known {
            self.mistakes.push(format!("{name} has a scheme that is none of http, https, socks5, socks5h"));
        } else if rest.is_empty() || rest.starts_with('/') || rest.contains(char::is_whitespace) {
            self.mistakes.push(format!("{name} is no URL; write `http://host:port`"));
        }
        Some(Secret::new(value))
    }
}
