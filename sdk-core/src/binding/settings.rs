//! A client's settings, as JSON. Explicit ones win over the environment's, which the facade hands in: what a process's variables are is its language's
//! affair.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::interceptor::{Intercepted, Interceptor};
use super::members::Members;
use crate::client::{Client, ClientBuilder};
use crate::engine::credentials::Credentials;
use crate::engine::environment::Environment;
use crate::engine::error::Error;
use crate::engine::message::Headers;
use crate::engine::oauth::{OAuthClient, TokenSet};
use crate::engine::options::ClientOptions;
use crate::engine::policy::breaker::BreakerOptions;
use crate::engine::policy::budget::BudgetOptions;
use crate::engine::policy::cache::CacheOptions;
use crate::oauth::{FileTokenStore, TokenStore};
use crate::transport::Proxy;

/// The variables that [`Settings`] reads from its `environment`; others in it are ignored. Proxies are found in the process's own environment.
pub const VARIABLES: &[&str] = &[
    "WAYPOST_BASE_URL",
    "WAYPOST_API_KEY",
    "WAYPOST_ACCESS_TOKEN",
    "WAYPOST_CLIENT_ID",
    "WAYPOST_CLIENT_SECRET",
    "WAYPOST_TENANT",
    "WAYPOST_LOG",
    "WAYPOST_CA_BUNDLE",
    "REQUEST_METHOD",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

const ABOUT: &str = "the client's settings";

/// What a client is made with. What is `None` is the default.
///
/// ```
/// use waypost::binding::Settings;
/// let client = Settings::parse(br#"{"base_url": "https://api.example", "api_key": "wp_1_x", "timeout_ms": 2500}"#)?.client(None)?;
/// assert_eq!(client.options().timeout.as_millis(), 2500);
/// let error = Settings::parse(br#"{"timeout": 2}"#).err().unwrap();
/// assert!(error.to_string().contains("`timeout` is not known"));
/// # Ok::<(), waypost::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Settings {
    base_url: Option<String>,
    credentials: Option<Credentials>,
    oauth: OAuthClient,
    store: Option<Arc<dyn TokenStore>>,
    tenant: Option<String>,
    api_version: Option<String>,
    user_agent: Option<String>,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    deadline: Option<Duration>,
    max_retries: Option<u32>,
    backoff_base: Option<Duration>,
    backoff_cap: Option<Duration>,
    budget: Option<Option<BudgetOptions>>,
    breaker: Option<Option<BreakerOptions>>,
    cache: Option<Option<CacheOptions>>,
    pacing: Option<bool>,
    trace: Option<bool>,
    max_answer_bytes: Option<usize>,
    headers: Option<Headers>,
    connections: Connections,
    environment: Option<Environment>,
}

/// How connections are made; a client that shares another's has them from there.
#[derive(Clone, Default, PartialEq)]
struct Connections {
    proxy: Option<Proxy>,
    ca_bundle: Option<PathBuf>,
    ca_pem: Option<String>,
    http2_only: Option<bool>,
    idle_timeout: Option<Duration>,
    max_idle_per_host: Option<usize>,
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    /// [`Error::Config`] that names every member that is unknown or wrong, and every variable.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let mut members = Members::parse(ABOUT, json)?;
        let credentials = credentials(&mut members);
        let oauth = oauth(&mut members);
        let store =
            members.text("token_file").map(|path| Arc::new(FileTokenStore::new(path)) as Arc<dyn TokenStore>);
        let budget = members.switch("budget", |members| {
            let standard = BudgetOptions::default();
            BudgetOptions {
                capacity: members.count("capacity").unwrap_or(standard.capacity),
                refill_every: members.millis("refill_every_ms").unwrap_or(standard.refill_every),
                refill_after_successes: members
                    .count("refill_after_successes")
                    .unwrap_or(standard.refill_after_successes),
            }
        });
        let breaker = members.switch("breaker", |members| {
            let standard = BreakerOptions::default();
            BreakerOptions {
                failure_percent: members.count("failure_percent").unwrap_or(standard.failure_percent),
                window: members.millis("window_ms").unwrap_or(standard.window),
                minimum_attempts: members.count("minimum_attempts").unwrap_or(standard.minimum_attempts),
                reset: members.millis("reset_ms").unwrap_or(standard.reset),
                reset_cap: members.millis("reset_cap_ms").unwrap_or(standard.reset_cap),
                probes: members.count("probes").unwrap_or(standard.probes),
            }
        });
        let cache = members.switch("cache", |members| {
            let standard = CacheOptions::default();
            CacheOptions {
                entries: members.size("entries").unwrap_or(standard.entries),
                bytes: members.size("bytes").unwrap_or(standard.bytes),
            }
        });
        let environment = variables(&mut members);
        let settings = Self {
            base_url: members.text("base_url"),
            credentials,
            oauth,
            store,
            tenant: members.text("tenant"),
            api_version: members.text("api_version"),
            user_agent: members.text("user_agent"),
            timeout: members.millis("timeout_ms"),
            connect_timeout: members.millis("connect_timeout_ms"),
            deadline: members.millis("deadline_ms"),
            max_retries: members.count("max_retries"),
            backoff_base: members.millis("backoff_base_ms"),
            backoff_cap: members.millis("backoff_cap_ms"),
            budget,
            breaker,
            cache,
            pacing: members.flag("pacing"),
            trace: members.flag("trace"),
            max_answer_bytes: members.size("max_answer_bytes"),
            headers: members.headers("headers"),
            connections: Connections {
                proxy: members.text("proxy").map(|proxy| match proxy.as_str() {
                    "environment" => Proxy::Environment,
                    "none" => Proxy::Off,
                    _ => Proxy::through(proxy),
                }),
                ca_bundle: members.text("ca_bundle").map(PathBuf::from),
                ca_pem: members.text("ca_pem"),
                http2_only: members.flag("http2_only"),
                idle_timeout: members.millis("idle_timeout_ms"),
                max_idle_per_host: members.size("max_idle_per_host"),
            },
            environment: None,
        };
        members.finish()?;
        let environment = environment
            .map(|variables| {
                Environment::read(|name| {
                    variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
                })
            })
            .transpose()?;
        Ok(Self { environment, ..settings })
    }

    /// Keeps the client's tokens here.
    #[must_use]
    pub fn with_token_store(mut self, store: Arc<dyn TokenStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// A client of these settings, on the lean transport, with the language's own code around every attempt.
    ///
    /// # Errors
    /// [`Error::Config`]: no base URL, or settings that cannot work.
    pub fn client(&self, interceptor: Option<Arc<dyn Interceptor>>) -> Result<Client, Error> {
        let environment = self.environment.clone().unwrap_or_default();
        let base_url = self.base_url.clone().or(environment.base_url.clone()).ok_or_else(|| {
            Error::config("there is no base URL; give the client one, or set WAYPOST_BASE_URL")
        })?;
        let mut builder: ClientBuilder = Client::builder(base_url).hyper().options(|options| {
            options.credentials = environment.credentials();
            // Whoever has tokens of its own does not send the environment's key; the client that they were got for may be the environment's.
            if let Some(client) = environment.client.clone()
                && (self.oauth.tokens.is_some() || self.store.is_some())
            {
                options.credentials = Credentials::none().with_client(client);
            }
            options.tenant.clone_from(&environment.tenant);
            self.apply(options);
        });
        if let Some(store) = &self.store {
            builder = builder.token_store(Arc::clone(store));
        }
        let Connections { proxy, ca_bundle, ca_pem, http2_only, idle_timeout, max_idle_per_host } =
            self.connections.clone();
        let mut authorities = ca_pem.map(String::into_bytes).unwrap_or_default();
        if let Some(path) = ca_bundle.or_else(|| environment.ca_bundle.map(PathBuf::from)) {
            let pem = std::fs::read(&path).map_err(|error| {
                Error::config(format!("the CA bundle {} cannot be read: {error}", path.display()))
            })?;
            authorities.extend_from_slice(b"\n");
            authorities.extend_from_slice(&pem);
        }
        builder = builder.transport_options(|options| {
            options.proxy = proxy.unwrap_or_default();
            options.ca_bundle = (!authorities.is_empty()).then_some(authorities);
            options.http2_only = http2_only.unwrap_or(options.http2_only);
            options.idle_timeout = idle_timeout.unwrap_or(options.idle_timeout);
            options.max_idle_per_host = max_idle_per_host.unwrap_or(options.max_idle_per_host);
        });
        if let Some(interceptor) = interceptor {
            builder = builder.middleware(Intercepted::new(interceptor));
        }
        builder.build()
    }

    /// `client` with these settings over its own. Connections are shared; limits and cache as well, unless the address or the caller is another.
    ///
    /// # Errors
    /// [`Error::Config`] on settings that cannot work, or that are about connections or the environment.
    pub fn derive(&self, client: &Client) -> Result<Client, Error> {
        if self.connections != Connections::default() || self.environment.is_some() || self.store.is_some() {
            let message = "proxy, certificates, HTTP/2, idle connections, token store and environment belong to the connections, which are shared: make another client for others";
            return Err(Error::config(format!("{ABOUT}: {message}")));
        }
        client.with_options(|options| self.apply(options))
    }

    fn apply(&self, options: &mut ClientOptions) {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                place.clone_from(value);
            }
        }
        set(&mut options.base_url, self.base_url.as_ref());
        set(&mut options.credentials, self.credentials.as_ref());
        if self.oauth != OAuthClient::default() {
            let OAuthClient { scope, token_url, tokens, .. } = &self.oauth;
            let client = options.credentials.client_mut();
            for (place, value) in [(&mut client.scope, scope), (&mut client.token_url, token_url)] {
                if value.is_some() {
                    place.clone_from(value);
                }
            }
            if tokens.is_some() {
                client.tokens.clone_from(tokens);
            }
        }
        for (place, value) in [
            (&mut options.tenant, &self.tenant),
            (&mut options.api_version, &self.api_version),
            (&mut options.user_agent, &self.user_agent),
        ] {
            if value.is_some() {
                place.clone_from(value);
            }
        }
        set(&mut options.timeout, self.timeout.as_ref());
        set(&mut options.connect_timeout, self.connect_timeout.as_ref());
        set(&mut options.deadline, self.deadline.as_ref());
        set(&mut options.max_retries, self.max_retries.as_ref());
        set(&mut options.backoff.base, self.backoff_base.as_ref());
        set(&mut options.backoff.cap, self.backoff_cap.as_ref());
        set(&mut options.budget, self.budget.as_ref());
        set(&mut options.breaker, self.breaker.as_ref());
        set(&mut options.cache, self.cache.as_ref());
        set(&mut options.pacing, self.pacing.as_ref());
        set(&mut options.trace, self.trace.as_ref());
        set(&mut options.max_answer_bytes, self.max_answer_bytes.as_ref());
        if let Some(headers) = &self.headers {
            options.headers.merge(headers);
        }
    }
}

/// Any explicit credential makes up all of them: one from the environment beside it could be the one that is sent.
fn credentials(members: &mut Members) -> Option<Credentials> {
    let given =
        ["api_key", "access_token", "client_id", "client_secret"].iter().any(|name| members.has(name));
    let mut credentials = Credentials::none();
    if let Some(key) = members.text("api_key") {
        credentials = credentials.with_header("x-api-key", key);
    }
    if let Some(token) = members.text("access_token") {
        credentials = credentials.with_bearer(token);
    }
    match (members.text("client_id"), members.text("client_secret")) {
        (Some(id), secret) => {
            let mut client = OAuthClient::new(id);
            client.secret = secret.map(Into::into);
            credentials = credentials.with_client(client);
        }
        (None, Some(_)) => members.mistake("client_id", "is missing beside `client_secret`"),
        (None, None) => {}
    }
    given.then_some(credentials)
}

/// What an OAuth client has besides its id and secret. An object of `tokens` has the members of a store's.
fn oauth(members: &mut Members) -> OAuthClient {
    let (scope, token_url) = (members.text("scope"), members.text("token_url"));
    let mut client = OAuthClient { scope, token_url, ..OAuthClient::default() };
    if let Some(tokens) = members.take("tokens") {
        match TokenSet::parse(tokens.to_string().as_bytes()) {
            Ok(tokens) => client.tokens = Some(tokens),
            Err(error) => {
                let reason = &error.failure().message;
                members.mistake("tokens", &format!("cannot be used: {reason}"));
            }
        }
    }
    client
}

fn variables(members: &mut Members) -> Option<Vec<(String, String)>> {
    let value = members.take("environment")?;
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let variables = value
        .as_object()
        .and_then(|variables| variables.iter().filter(|(_, value)| !value.is_null()).map(pair).collect());
    if variables.is_none() {
        members.mistake("environment", "is not an object of names and texts");
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(json: &str) -> Result<Client, Error> {
        Settings::parse(json.as_bytes())?.client(None)
    }

    #[test]
    fn every_mistake_is_named_at_once_and_no_value_is_repeated() {
        let json = r#"{"base_url": 7, "api_key": ["hunter2"], "timeout_ms": -1, "retries": 3, "budget": {"size": 1}, "headers": [["a"]], "client_secret": "x", "tokens": {"access_token": 1}}"#;
        let told = client(json).unwrap_err().to_string();
        for name in [
            "`base_url`",
            "`api_key`",
            "`timeout_ms`",
            "`retries` is not known",
            "`budget.size` is not known",
            "`headers`",
            "`client_id` is missing",
            "`tokens` cannot be used",
        ] {
            assert!(told.contains(name), "{name}: {told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn an_explicit_credential_stands_alone() {
        let environment = r#""environment": {"WAYPOST_BASE_URL": "https://env.example", "WAYPOST_ACCESS_TOKEN": "from_env", "WAYPOST_TENANT": "acme"}"#;
        let with = client(&format!(r#"{{"api_key": "explicit", {environment}}}"#)).unwrap();
        assert_eq!(with.options().credentials, Credentials::api_key("explicit"));
        assert_eq!(
            (with.options().base_url.as_str(), with.options().tenant.as_deref()),
            ("https://env.example", Some("acme"))
        );
        let without = client(&format!("{{{environment}}}")).unwrap();
        assert_eq!(without.options().credentials, Credentials::bearer("from_env"));
    }

    #[test]
    fn a_switch_is_off_on_or_set_up() {
        let options =
            |json: &str| client(&format!(r#"{{"base_url": "http://a", {json}}}"#)).unwrap().options().clone();
        assert!(options(r#""budget": false, "cache": false"#).budget.is_none());
        assert!(options(r#""breaker": true"#).breaker.is_some());
        let breaker = options(r#""breaker": {"window_ms": 250, "probes": 1}"#).breaker.unwrap();
        assert_eq!((breaker.window.as_millis(), breaker.probes, breaker.failure_percent), (250, 1, 50));
    }

    #[test]
    fn a_derived_client_has_other_settings_and_the_same_connections() {
        let first = client(r#"{"base_url": "http://a", "api_key": "k", "headers": [["x-a", "1"]]}"#).unwrap();
        let settings = Settings::parse(br#"{"max_retries": 0, "headers": [["x-b", "2"]]}"#).unwrap();
        let second = settings.derive(&first).unwrap();
        assert_eq!(second.options().max_retries, 0);
        assert_eq!(second.options().headers.len(), 2);
        first.close();
        assert!(second.transport().is_err());
        let other = Settings::parse(br#"{"proxy": "none"}"#).unwrap();
        assert!(other.derive(&first).unwrap_err().to_string().contains("make another client"));
    }

    #[test]
    fn a_client_without_a_base_url_says_where_to_put_it() {
        assert!(client("{}").unwrap_err().to_string().contains("WAYPOST_BASE_URL"));
        assert!(client("[]").unwrap_err().to_string().contains("not a JSON object"));
        let told = client(r#"{"base_url": "http://a", "environment": {"WAYPOST_LOG": "loud"}}"#)
            .unwrap_err()
            .to_string();
        assert!(told.contains("WAYPOST_LOG"), "{told}");
    }
}
