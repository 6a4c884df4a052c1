//! The gateway's state: one value, shared by every request, that the generated traits are implemented on.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use ::http::HeaderMap;

use crate::analytics::Keeper;
use crate::api_keys::Usage;
use crate::audit::Noted;
use crate::auth::{Auth, AuthError};
use crate::config::Config;
use crate::control::{self, Control};
use crate::data_plane::DataPlane;
use crate::events::Bus;
use crate::generated::OPERATIONS;
use crate::http::{Caller, Error};
use crate::oauth::{KeyError, OAuth};
use crate::outbound::Outbound;
use crate::realtime::Hub;
use crate::secrets::{Secrets, SecretsError};
use crate::store::{Store, StoreError, System};
use crate::system::Probes;
use crate::telemetry::Metrics;

/// How often what is kept in memory is written.
const FLUSH: Duration = Duration::from_secs(10);

/// How often other processes' changes of the data plane's configuration are looked for.
const FOLLOW: Duration = Duration::from_secs(2);

/// How long sockets have to say goodbye when the gateway closes.
const GOODBYE: Duration = Duration::from_secs(5);

/// How often what has expired is removed.
const PRUNE: Duration = Duration::from_secs(15 * 60);

/// Everything that a handler needs. Opened once, shared by `Arc`.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) events: Arc<Bus>,
    pub(crate) realtime: Hub,
    pub(crate) secrets: Secrets,
    pub(crate) auth: Auth,
    pub(crate) api_key_usage: Usage,
    pub(crate) refusals: Noted,
    pub(crate) metrics: Metrics,
    pub(crate) serving: Serving,
    pub(crate) probes: Probes,
    pub(crate) outbound: Outbound,
    pub(crate) oauth: OAuth,
    pub(crate) control: Control,
    pub(crate) analytics: Keeper,
    /// It holds the gateway; so the gateway does not hold it.
    data_plane: OnceLock<Weak<DataPlane>>,
}

/// Since when and where the gateway serves, and whether it is about to stop.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) started: Instant,
    pub(crate) address: OnceLock<SocketAddr>,
    pub(crate) draining: AtomicBool,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database could not be opened or migrated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key is missing, unreadable or of the wrong form.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Passwords or tokens cannot be made with this configuration.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// There is no client to ask others with: the system has no certificates, say.
    #[error("the client for addresses of others cannot be made: {0}")]
    Outbound(#[from] reqwest::Error),
    /// The keys for access tokens cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl Gateway {
    /// Opens the data directory of `config`: the master key, the database (migrated), the caches.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        let secrets = Secrets::open(&config)?;
        let store = Store::open(&config.store(), secrets.sealer().clone()).await?;
        let auth = Auth::new(&config, &secrets)?;
        let outbound = Outbound::new(&config.outbound)?;
        let oauth = OAuth::open(&config, &store, &secrets, &outbound).await?;
        let revision = control::storage::revision(store.system(System::DataPlane)).await?;
        let events = Arc::new(Bus::open(&store).await?);
        let control = Control::new(control::storage::parts(store.system(System::DataPlane)).await?, revision);
        Ok(Self {
            auth,
            secrets,
            store,
            events,
            realtime: Hub::default(),
            api_key_usage: Usage::default(),
            refusals: Noted::default(),
            metrics: Metrics::new(OPERATIONS.iter().map(|operation| operation.id)),
            serving: Serving {
                started: Instant::now(),
                address: OnceLock::new(),
                draining: AtomicBool::new(false),
            },
            probes: Probes::default(),
            outbound,
            oauth,
            control,
            analytics: Keeper::new(),
            data_plane: OnceLock::new(),
            config: Arc::new(config),
        })
    }

    /// The effective configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The bus: who in this process is told of events. [`Gateway::housekeeping`] keeps it running.
    pub fn events(&self) -> &Arc<Bus> {
        &self.events
    }

    /// The store, for tools and tests that look under the surface.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Finds out who calls: `Authorization: Bearer` (a token of `auth_login`) or `X-API-Key`.
    /// Without either the caller is `Anonymous`; with a bad one, or with both, it is an error and never `Anonymous`.
    pub async fn authenticate(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Error> {
        crate::auth::authenticate(self, headers, peer).await
    }

    /// Who issues tokens: the configured address, or else where it listens. `iss` of every access token of a grant, and what pages of browsers belong to.
    pub(crate) fn issuer(&self) -> String {
        match &self.config.oauth.issuer {
            Some(issuer) => issuer.clone(),
            None => format!("http://{}", self.serving.address.get().unwrap_or(&self.config.listen)),
        }
    }

    /// Publishes a new key for access tokens of grants; it signs from ten minutes later on. Done by itself every `tokens.key_lifetime`.
    ///
    /// # Errors
    /// The database, or no randomness.
    pub async fn rotate_signing_key(&self) -> Result<(), KeyError> {
        self.oauth.tokens.keys.rotate(&self.store, &self.secrets).await.map(drop)
    }

    /// Takes over keys that another process made, and makes the next one if it is time. Done by itself with the other housekeeping.
    ///
    /// # Errors
    /// The database, or a key that cannot be opened.
    pub async fn reload_signing_keys(&self) -> Result<(), KeyError> {
        self.oauth.tokens.keys.refresh(&self.store, &self.secrets).await
    }

    /// How many password hashes have been computed: what tells whether two ways of being refused are the same work.
    pub fn password_hashes(&self) -> u64 {
        self.auth.passwords.computed()
    }

    /// The data plane that stands in front of this gateway; none where a gateway is asked without one.
    pub fn data_plane(&self) -> Option<Arc<DataPlane>> {
        self.data_plane.get()?.upgrade()
    }

    /// Tells it what stands in front of it. Used by [`DataPlane::new`] only.
    pub(crate) fn behind(&self, data_plane: &Arc<DataPlane>) {
        // There is one for the life of a gateway.
        let _first = self.data_plane.set(Arc::downgrade(data_plane));
    }

    /// Says in health reports that requests come in at this address.
    pub fn listening(&self, address: SocketAddr) {
        // Of several listeners the first is shown.
        let _shown = self.serving.address.set(address);
    }

    /// Says in health reports that the gateway is about to stop, so that balancers send no more, and ends streams of events and WebSockets.
    pub fn draining(&self) {
        self.serving.draining.store(true, Ordering::Relaxed);
        self.events.close();
        self.realtime.close();
    }

    /// Tells of events, writes what is kept in memory and removes what has expired, for as long as it is polled.
    pub async fn housekeeping(&self) {
        tokio::join!(self.events.run(&self.store), self.keep_house());
    }

    async fn keep_house(&self) {
        let mut flush = tokio::time::interval(FLUSH);
        let mut prune = tokio::time::interval(PRUNE);
        let mut follow = tokio::time::interval(FOLLOW);
        flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        prune.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        follow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = flush.tick() => self.flush().await,
                _ = follow.tick() => self.follow().await,
                _ = prune.tick() => self.prune().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "housekeeping failed; it will be tried again");
            }
        }
    }

    /// Takes over what other processes changed.
    async fn follow(&self) -> Result<(), StoreError> {
        self.auth.follow(&self.store).await?;
        self.follow_config().await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        // A key that another process made begins to sign ten minutes later: until then every process has it.
        if let Err(error) = self.reload_signing_keys().await {
            tracing::error!(%error, "the keys for access tokens could not be looked after; the present ones stay");
        }
        self.api_key_usage.flush(&self.store).await?;
        self.refusals.flush(&self.store).await?;
        self.keep_analytics().await
    }

    async fn prune(&self) -> Result<(), StoreError> {
        self.prune_analytics().await?;
        let retention = i64::try_from(self.config.events.retention.as_micros()).unwrap_or(i64::MAX);
        self.events.expire(&self.store, self.store.now().saturating_sub(retention)).await?;
        let answers = self.store.prune(self.store.now()).await?;
        tracing::debug!(answers, "removed recorded answers that have expired");
        self.auth.known.sweep(self.store.now());
        loop {
            let mut tx = self.store.begin_system(System::Housekeeping).await?;
            let now = tx.now();
            let mut more = crate::auth::storage::prune(tx.connection(), now).await?;
            more |= crate::oauth::prune(tx.connection(), now).await?;
            more |= crate::browser::forget_expired(tx.connection(), now).await? >= 1_000;
            more |=
                crate::audit::prune(&mut tx, now.saturating_sub(micros(self.config.audit.retention))).await?;
            crate::auth::changes::prune(&mut tx).await?;
            tx.commit_empty().await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Writes what is kept in memory and closes the database. Call it when no request is in flight any more.
    pub async fn close(&self) {
        // A socket that is open would be cut off.
        self.realtime.close();
        self.realtime.closed(GOODBYE).await;
        if let Err(error) = self.flush().await {
            tracing::warn!(%error, "the last uses of API keys, or the last refusals, could not be written");
        }
        self.end_analytics().await;
        self.store.close().await;
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
