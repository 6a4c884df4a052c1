//! The client: what a program holds, and what its calls are made of. Resources (`client.wallets()`) are generated on the types of this module: [`Call`],
//! [`ListCall`], [`StreamCall`], [`EventCall`].
//!
//! No decision about a request is made here. A call is an operation of the table, its arguments and its options; the engine and a driver do the rest.

mod builder;
mod call;
mod events;
mod list;
#[cfg(feature = "client")]
pub mod progenitor;
mod raw;
mod stream;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub use builder::ClientBuilder;
pub use call::Call;
pub use events::{EventCall, Events, ServerEvent};
pub use list::{Items, ListCall, Paged, Pages};
pub use raw::RawResponse;
pub(crate) use stream::Open;
pub use stream::{StreamCall, Streamed};

use crate::drive::Line;
use crate::engine::arguments::Arguments;
use crate::engine::credentials::Credentials;
use crate::engine::envelope::Envelope;
use crate::engine::error::Error;
use crate::engine::operation::Operation;
use crate::engine::options::{CallOptions, ClientOptions};
use crate::engine::policy::shared::Shared;
use crate::oauth::Keeper;
use crate::transport::Transport;

/// A client of the API. Cloning is cheap, and clones share connections, limits and cache; make one and keep it.
///
/// ```
/// use std::time::Duration;
/// use waypost::Client;
///
/// # fn main() -> Result<(), waypost::Error> {
/// let client = Client::builder("http://127.0.0.1:8080").api_key("wp_1_secret").timeout(Duration::from_secs(5)).build()?;
/// assert!(!format!("{client:?}").contains("wp_1_secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
}

/// What clones share, and what a client with other options has anew.
struct Core {
    options: ClientOptions,
    line: Line,
    connections: Arc<Connections>,
}

/// What every client shares that came from the same builder.
struct Connections {
    identity: Arc<Identity>,
    /// `None`: closed.
    transport: RwLock<Option<Arc<dyn Transport>>>,
    #[cfg(feature = "client")]
    request_builder: std::sync::OnceLock<reqwest::Client>,
}

/// By what connections are known that are kept elsewhere for a client's calls. It outlives the client and says so.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    over: AtomicBool,
    closing: Notify,
}

impl Identity {
    /// Was the client closed, or dropped?
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Resolves when the client is closed or dropped.
    pub(crate) fn closed(&self) -> Notified<'_> {
        self.closing.notified()
    }

    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.closing.notify_waiters();
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.identity.end();
    }
}

impl Client {
    /// A client with the usual settings.
    ///
    /// # Errors
    /// [`Error::Config`] when the base URL is none.
    pub fn new(base_url: impl Into<String>, credentials: Credentials) -> Result<Self, Error> {
        Self::builder(base_url).credentials(credentials).build()
    }

    /// Starts a client for the API at `base_url`, which may carry a path prefix.
    pub fn builder(base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(base_url.into())
    }

    /// A client from the environment: `WAYPOST_BASE_URL`, `WAYPOST_API_KEY` or `WAYPOST_ACCESS_TOKEN`, `WAYPOST_TENANT`, `WAYPOST_CA_BUNDLE`, and the
    /// usual proxy variables. With `WAYPOST_CLIENT_ID` and `WAYPOST_CLIENT_SECRET` access tokens are got for the calls (see [`oauth`](crate::oauth)); the
    /// level of `WAYPOST_LOG` is checked and otherwise the program's own subscriber's business.
    ///
    /// # Errors
    /// [`Error::Config`], naming every variable that is missing or wrong, and never a secret's value.
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// This client with other options; connections are shared, and so open within the first client's connect timeout. Limits and cache are shared as well, unless the address or the caller is another.
    ///
    /// ```
    /// # fn main() -> Result<(), waypost::Error> {
    /// # let client = waypost::Client::new("http://127.0.0.1:8080", waypost::Credentials::none())?;
    /// let patient = client.with_options(|options| options.max_retries = 5)?;
    /// # let _ = patient;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] when the options are wrong.
    pub fn with_options(&self, change: impl FnOnce(&mut ClientOptions)) -> Result<Self, Error> {
        let mut options = self.core.options.clone();
        change(&mut options);
        options.check()?;
        let before = &self.core.options;
        let same_caller = options.base_url == before.base_url
            && options.credentials == before.credentials
            && options.tenant == before.tenant;
        let same_limits = options.budget == before.budget
            && options.breaker == before.breaker
            && options.cache == before.cache;
        let mut line = self.core.line.clone();
        if options.credentials != before.credentials || options.base_url != before.base_url {
            // Other tokens than before, which are nobody's business but this client's.
            line.keeper = Keeper::of(&options, None);
        }
        if !(same_caller && same_limits) {
            line.shared = Arc::new(Shared::new(&options));
        }
        Ok(Self { core: Arc::new(Core { options, line, connections: Arc::clone(&self.core.connections) }) })
    }

    /// What calls are made with.
    pub fn options(&self) -> &ClientOptions {
        &self.core.options
    }

    /// Calls an operation of the table with arguments that have no type, and answers with bytes: what resources and bindings stand on.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn call(
        &self,
        operation: &'static Operation,
        arguments: &Arguments,
        options: &CallOptions,
    ) -> Result<Envelope, Error> {
        Ok(crate::drive::native::call(self, operation, arguments, options).await?.envelope)
    }

    /// Closes the client and every one that shares its connections: calls under way end with [`Error::Cancelled`], later ones with [`Error::Config`], and
    /// idle connections are closed. Streams that are open already go on. Dropping the last client does the same for its connections.
    pub fn close(&self) {
        let taken = match self.core.connections.transport.write() {
            Ok(mut transport) => transport.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        };
        drop(taken);
        self.core.connections.identity.end();
    }

    pub(crate) fn line(&self) -> &Line {
        &self.core.line
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.core.connections.identity
    }

    pub(crate) fn transport(&self) -> Result<Arc<dyn Transport>, Error> {
        let transport = match self.core.connections.transport.read() {
            Ok(transport) => transport.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        transport.ok_or_else(|| Error::config("the client is closed; make a new one"))
    }

    /// Resolves when the client is closed.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + '_ {
        self.core.connections.identity.closed()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base_url", &crate::engine::redact::url(&self.core.options.base_url))
            .field("credentials", &self.core.options.credentials)
            .field("transport", &self.transport().ok())
            .finish_non_exhaustive()
    }
}
