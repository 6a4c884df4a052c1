//! Signing a person in: in their browser on this machine, on another device, or at a page of a web application's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, ClientBuilder};
use crate::drive::seed;
use crate::engine::environment::Environment;
use crate::engine::error::{Error, ErrorKind, Failure};
use crate::engine::failure::{FailureKind, TransportFailure};
use crate::engine::message::Request;
use crate::engine::oauth::TokenSet;
use crate::engine::redact::Secret;
use crate::engine::sign_in::{self as flow, DeviceProgress, Event, Settings, Step};
use crate::engine::time::Now;
use crate::transport::Transport;

use super::store::TokenStore;

/// More of an answer is not read, in bytes.
const LARGEST: usize = 256 * 1024;

/// How long a person has to come back from their browser.
pub(super) const LIMIT: Duration = Duration::from_secs(300);

/// Signs people in at an authorization server, which is asked for its metadata (RFC 8414). What comes of it is a [`TokenSet`]: it is kept in the store, if there is one, and
/// a [`Client`] of that store, or of those tokens, uses and renews it.
///
/// ```no_run
/// # async fn example() -> Result<(), waypost::Error> {
/// use waypost::oauth::{FileTokenStore, SignIn};
///
/// let sign_in = SignIn::new("https://api.example", "ocl_1")?.scope("wallets:read").token_store(FileTokenStore::new("tokens.json"));
/// sign_in
///     .with_device(|shown| {
///         if shown.polls == 0 {
///             println!("Visit {} and type {}", shown.verification_uri, shown.user_code);
///         }
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// Dropping a future of it gives the sign-in up.
#[derive(Clone)]
pub struct SignIn {
    settings: Settings,
    client: Client,
    store: Option<Arc<dyn TokenStore>>,
    #[cfg_attr(not(feature = "hyper"), allow(dead_code, reason = "only whoever listens has a limit"))]
    pub(super) limit: Duration,
}

impl SignIn {
    /// A sign-in at the authorization server of this address, for the client of this id. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Config`] when the base URL is none.
    pub fn new(base_url: impl Into<String>, client_id: impl Into<String>) -> Result<Self, Error> {
        let client = Client::builder(base_url).build()?;
        Ok(Self::through(&client, client_id))
    }

    /// The same, from `WAYPOST_BASE_URL`, `WAYPOST_CLIENT_ID`, and `WAYPOST_CLIENT_SECRET` for a client that has one; proxies and authorities as
    /// [`Client::from_env`] has them.
    ///
    /// # Errors
    /// [`Error::Config`], naming the variable that is missing or wrong.
    pub fn from_env() -> Result<Self, Error> {
        let environment = Environment::read(|name| std::env::var(name).ok())?;
        let own = environment.client.unwrap_or_default();
        let id = own.id.ok_or_else(|| {
            Error::config("WAYPOST_CLIENT_ID is not set; it is the id of the OAuth client to sign in with")
        })?;
        let client = ClientBuilder::from_env()?.build()?;
        let mut made = Self::through(&client, id);
        made.settings.client_secret = own.secret;
        Ok(made)
    }

    /// A sign-in where a client's API is, over its connections. No credential of the client's is sent.
    pub fn through(client: &Client, client_id: impl Into<String>) -> Self {
        let settings = Settings {
            base_url: client.options().base_url.clone(),
            client_id: client_id.into(),
            client_secret: None,
            scope: None,
        };
        Self { settings, client: client.clone(), store: None, limit: LIMIT }
    }

    /// The client's secret. A public client, which everything on people's machines is, has none.
    #[must_use]
    pub fn client_secret(mut self, secret: impl Into<Secret>) -> Self {
        self.settings.client_secret = Some(secret.into());
        self
    }

    /// What is asked for, words separated by spaces; without it the server chooses.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.settings.scope = Some(scope.into());
        self
    }

    /// Where the tokens are kept when there are some.
    #[must_use]
    pub fn token_store(mut self, store: impl TokenStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// How long a person has to come back from their browser (5 minutes).
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Begins the authorization code grant with PKCE: where the person is to be sent. They come back to `redirect_uri`, as the client is registered for it.
    ///
    /// # Errors
    /// [`Error::OAuth`] when the server's metadata cannot be used, [`Error::Connection`] or [`Error::Timeout`] when it is not there.
    pub async fn begin(&self, redirect_uri: impl Into<String>) -> Result<AuthorizationCode, Error> {
        let (verifier, state) = (flow::token(&seed()?.0), flow::token(&seed()?.0));
        let settings = self.settings.clone();
        let mut flow =
            flow::SignIn::code(settings, redirect_uri.into(), verifier.into(), state.clone().into())?;
        match self.run(&mut flow, Event::Go, &mut |_| {}).await? {
            Stop::Open(url) => Ok(AuthorizationCode { sign_in: self.clone(), flow, url, state }),
            Stop::Tokens(_) => Err(Error::config("the sign-in ended before it began")),
        }
    }

    /// The device grant (RFC 8628), for a program whose person has a browser elsewhere. `progress` is called before each wait: first when there is a code to show
    /// (`polls` is 0), then after each time that the server was asked.
    ///
    /// # Errors
    /// [`Error::OAuth`]: [`Error::oauth`] tells whether the person said no (`access_denied`), the code expired (`expired_token`), or what else the server says.
    pub async fn with_device(
        &self,
        mut progress: impl FnMut(&DeviceProgress) + Send,
    ) -> Result<TokenSet, Error> {
        let mut flow = flow::SignIn::device(self.settings.clone())?;
        match self.run(&mut flow, Event::Go, &mut progress).await? {
            Stop::Tokens(tokens) => Ok(tokens),
            Stop::Open(_) => Err(Error::config("a device has no page to open")),
        }
    }

    /// Does as the flow says until the person is to be sent somewhere, or there are tokens.
    async fn run(
        &self,
        flow: &mut flow::SignIn,
        mut event: Event,
        progress: &mut (dyn FnMut(&DeviceProgress) + Send),
    ) -> Result<Stop, Error> {
        let transport = self.client.transport()?;
        loop {
            event = match flow.next(event, self.now())? {
                Step::Send(request) => self.send(&*transport, request).await,
                Step::Wait(wait) => {
                    tokio::time::sleep(wait).await;
                    Event::Go
                }
                Step::Progress(shown) => {
                    progress(&shown);
                    Event::Go
                }
                Step::Open(url) => return Ok(Stop::Open(url)),
                Step::Done(tokens) => {
                    self.keep(&tokens).await?;
                    return Ok(Stop::Tokens(tokens));
                }
            };
        }
    }

    async fn send(&self, transport: &dyn Transport, mut request: Request) -> Event {
        let options = self.client.options();
        if let Some(agent) = &options.user_agent {
            request.headers.insert("user-agent", agent.clone());
        }
        let answered = async {
            let response = transport.send(request).await?;
            let (body, cut) = response.body.read(LARGEST).await?;
            let large = || {
                let message = format!("the answer is larger than {LARGEST} bytes");
                TransportFailure::new(FailureKind::Protocol, true, message)
            };
            if cut { Err(large()) } else { Ok((response.head, body)) }
        };
        match tokio::time::timeout(options.timeout, answered).await {
            Ok(Ok((head, body))) => Event::Answer(head, body),
            Ok(Err(failure)) => Event::Failed(failure),
            Err(_) => {
                let message = format!("no answer within {} ms", options.timeout.as_millis());
                Event::Failed(TransportFailure::new(FailureKind::Timeout, true, message))
            }
        }
    }

    async fn keep(&self, tokens: &TokenSet) -> Result<(), Error> {
        let Some(store) = &self.store else { return Ok(()) };
        let failed = |error| Error::config(format!("the tokens were granted and could not be kept: {error}"));
        store.save(tokens).await.map_err(failed)
    }

    fn now(&self) -> Now {
        self.client.line().clock.now()
    }
}

/// Where the flow stands still.
enum Stop {
    Open(String),
    Tokens(TokenSet),
}

/// A person is on their way to the authorization server: send them to [`url`](Self::url), and [`finish`](Self::finish) with the address that they come back to.
pub struct AuthorizationCode {
    sign_in: SignIn,
    flow: flow::SignIn,
    url: String,
    state: String,
}

impl AuthorizationCode {
    /// Where the person signs in and agrees.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the address that they come back to must have as its `state`: by it a web application tells its sign-ins apart.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Exchanges the code of a redirect (its address, or path and query) for tokens, and keeps them. The code is sent once.
    ///
    /// # Errors
    /// [`Error::OAuth`] when the person said no, or the redirect is not this sign-in's: the word is the server's (`access_denied`), or `state_mismatch`, `issuer_mismatch`
    /// or `invalid_response`.
    pub async fn finish(mut self, redirect: impl Into<String>) -> Result<TokenSet, Error> {
        let event = Event::Redirected(redirect.into());
        match self.sign_in.run(&mut self.flow, event, &mut |_| {}).await? {
            Stop::Tokens(tokens) => Ok(tokens),
            Stop::Open(_) => Err(Error::config("the sign-in began twice")),
        }
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignIn")
            .field("base_url", &crate::engine::redact::url(&self.settings.base_url))
            .field("client_id", &self.settings.client_id)
            .field("scope", &self.settings.scope)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthorizationCode")
            .field("url", &crate::engine::redact::url(&self.url))
            .finish_non_exhaustive()
    }
}

/// Nobody came back in time.
#[cfg(feature = "hyper")]
pub(super) fn late(limit: Duration) -> Error {
    let message = format!("nobody came back from the sign-in page within {} s", limit.as_secs());
    Error::new(ErrorKind::Timeout, Failure::new(message))
}
