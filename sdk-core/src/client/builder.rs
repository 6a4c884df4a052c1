//! How a client is put together, and what can be wrong with it: every mistake is found when it is built, not at its first call.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::{Client, Connections, Core};
use crate::drive::{Clock, Line};
use crate::engine::credentials::Credentials;
use crate::engine::environment::Environment;
use crate::engine::error::Error;
use crate::engine::options::ClientOptions;
use crate::engine::policy::shared::Shared;
use crate::engine::redact::Secret;
use crate::middleware::Middleware;
use crate::oauth::{Keeper, TokenSet, TokenStore};
use crate::transport::{Proxy, Transport, TransportOptions};

/// Puts a [`Client`] together.
#[must_use]
pub struct ClientBuilder {
    options: ClientOptions,
    transport_options: TransportOptions,
    ca_file: Option<PathBuf>,
    choice: Choice,
    middleware: Vec<Arc<dyn Middleware>>,
    store: Option<Arc<dyn TokenStore>>,
}

/// Which transport it is to be.
#[derive(Debug)]
enum Choice {
    #[cfg(feature = "hyper")]
    Hyper,
    #[cfg(feature = "reqwest")]
    Reqwest,
    #[cfg(not(any(feature = "hyper", feature = "reqwest")))]
    None,
    Given(Arc<dyn Transport>),
}

impl Choice {
    /// hyper where it is there: it costs less.
    const USUAL: Self = {
        #[cfg(feature = "hyper")]
        let usual = Self::Hyper;
        #[cfg(all(feature = "reqwest", not(feature = "hyper")))]
        let usual = Self::Reqwest;
        #[cfg(not(any(feature = "hyper", feature = "reqwest")))]
        let usual = Self::None;
        usual
    };
}

impl ClientBuilder {
    pub(super) fn new(base_url: String) -> Self {
        Self::with(ClientOptions::new(base_url))
    }

    fn with(options: ClientOptions) -> Self {
        Self {
            options,
            transport_options: TransportOptions::default(),
            ca_file: None,
            choice: Choice::USUAL,
            middleware: Vec::new(),
            store: None,
        }
    }

    /// Starts from the environment; see [`Client::from_env`].
    ///
    /// # Errors
    /// [`Error::Config`], naming every variable that is missing or wrong.
    pub fn from_env() -> Result<Self, Error> {
        let environment = Environment::read(|name| std::env::var(name).ok())?;
        let mut builder = Self::with(ClientOptions::from_environment(&environment)?);
        builder.ca_file = environment.ca_bundle.map(PathBuf::from);
        Ok(builder)
    }

    /// Who is calling.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.options.credentials = credentials;
        self
    }

    /// An API key.
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.options.credentials = self.options.credentials.with_header("x-api-key", key);
        self
    }

    /// An access token, from a login or from OAuth.
    pub fn access_token(mut self, token: impl Into<Secret>) -> Self {
        self.options.credentials = self.options.credentials.with_bearer(token);
        self
    }

    /// The id of an OAuth client, which gets access tokens for the calls; see [`oauth`](crate::oauth).
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.options.credentials.client_mut().id = Some(id.into());
        self
    }

    /// The OAuth client's secret. Without one it is a public client, which needs tokens to begin with.
    pub fn client_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.options.credentials.client_mut().secret = Some(secret.into());
        self
    }

    /// What the OAuth client asks for, words with a blank between them; what the server gives by default.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.options.credentials.client_mut().scope = Some(scope.into());
        self
    }

    /// Where tokens are got (`/oauth/token` under the base URL).
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.options.credentials.client_mut().token_url = Some(url.into());
        self
    }

    /// Tokens to begin with, from a sign-in.
    pub fn tokens(mut self, tokens: TokenSet) -> Self {
        self.options.credentials.client_mut().tokens = Some(tokens);
        self
    }

    /// Where tokens are kept besides in the client: they are found there, and what is got is put there.
    pub fn token_store(mut self, store: impl TokenStore) -> Self {
        self.options.credentials.client_mut();
        self.store = Some(Arc::new(store));
        self
    }

    /// The longest that one attempt may take (15 s).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The longest that a connection may take to open (5 s).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// The longest that a call may take, all attempts and waits together (60 s).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// How often a failed attempt is sent again (2); 0 means never.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.max_retries = retries;
        self
    }

    /// A header of every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.headers.insert(name.into(), value);
        self
    }

    /// Every other option: budget, breaker, backoff, cache, and those above.
    pub fn options(mut self, change: impl FnOnce(&mut ClientOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Adds code around every attempt. The first added is the outermost.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Which proxy is used.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.transport_options.proxy = proxy;
        self
    }

    /// Certificates, in PEM, of authorities that are trusted beside the system's.
    pub fn ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.transport_options.ca_bundle = Some(pem.into());
        self
    }

    /// Every other option of the connections. A transport that is handed in has its own.
    pub fn transport_options(mut self, change: impl FnOnce(&mut TransportOptions)) -> Self {
        change(&mut self.transport_options);
        self
    }

    /// Sends through this transport.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.choice = Choice::Given(Arc::new(transport));
        self
    }

    /// Sends through the caller's client; see [`ReqwestTransport::from_client`](crate::transport::reqwest::ReqwestTransport::from_client).
    #[cfg(feature = "reqwest")]
    pub fn reqwest(self, client: reqwest::Client) -> Self {
        self.transport(crate::transport::reqwest::ReqwestTransport::from_client(client))
    }

    /// Sends through a reqwest client that is made with this builder's options.
    #[cfg(feature = "reqwest")]
    pub fn own_reqwest(mut self) -> Self {
        self.choice = Choice::Reqwest;
        self
    }

    /// Sends through hyper. So it does without being told, unless another transport was chosen before.
    #[cfg(feature = "hyper")]
    pub fn hyper(mut self) -> Self {
        self.choice = Choice::Hyper;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Config`] when the base URL, the proxy or the CA bundle cannot be used; it says what to write instead.
    pub fn build(mut self) -> Result<Client, Error> {
        self.options.check()?;
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|error| {
                Error::config(format!("the CA bundle {} cannot be read: {error}", path.display()))
            })?;
            self.transport_options.ca_bundle.get_or_insert_default().extend_from_slice(&pem);
        }
        self.transport_options.connect_timeout = self.options.connect_timeout;
        let transport: Arc<dyn Transport> = match self.choice {
            Choice::Given(transport) => transport,
            #[cfg(feature = "hyper")]
            Choice::Hyper => Arc::new(crate::transport::hyper::HyperTransport::new(&self.transport_options)?),
            #[cfg(feature = "reqwest")]
            Choice::Reqwest => {
                Arc::new(crate::transport::reqwest::ReqwestTransport::new(&self.transport_options)?)
            }
            #[cfg(not(any(feature = "hyper", feature = "reqwest")))]
            Choice::None => {
                return Err(Error::config("this build has no transport of its own; hand one in"));
            }
        };
        let line = Line {
            shared: Arc::new(Shared::new(&self.options)),
            middleware: self.middleware.into(),
            clock: Clock::start(),
            keeper: Keeper::of(&self.options, self.store),
        };
        let connections = Connections {
            identity: Arc::default(),
            transport: RwLock::new(Some(transport)),
            #[cfg(feature = "client")]
            request_builder: std::sync::OnceLock::new(),
        };
        Ok(Client {
            core: Arc::new(Core { options: self.options, line, connections: Arc::new(connections) }),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientBuilder")
            .field("options", &self.options)
            .field("transport_options", &self.transport_options)
            .field("ca_file", &self.ca_file)
            .field("choice", &self.choice)
            .field("middleware", &self.middleware.len())
            .field("token_store", &self.store.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_that_cannot_work_is_refused() {
        for url in
            ["", "127.0.0.1:8080", "ftp://a", "http://me:hunter2@a", "http://a?b=c", "http://a#b", "http://"]
        {
            let error = Client::builder(url).build().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        for url in ["http://a", "https://a:1/", "http://[::1]:8080/prefix/"] {
            Client::builder(url).build().unwrap();
        }
    }

    #[test]
    fn a_builder_prints_no_secret() {
        let builder = Client::builder("http://a")
            .api_key("hunter2")
            .access_token("hunter2")
            .header("authorization", "hunter2");
        let printed = format!("{builder:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
