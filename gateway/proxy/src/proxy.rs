//! The proxy itself: the snapshot that holds at the moment, what outlives it, and the two ways in: over sockets ([`Proxy::serve`]), or without
//! ([`Proxy::handle`]).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};

use crate::config::Fault;
use crate::forward::Pool;
use crate::listener::{self, Listening};
use crate::pipeline::{self, Peer};
use crate::snapshot::Snapshot;
use crate::{Body, Config, Host};

/// A reverse proxy. A clone is the same proxy.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use waypost_proxy::{Config, Proxy};
///
/// let config: Config = serde_json::from_str(
///     r#"{ "services": { "orders": { "targets": ["http://127.0.0.1:9001"] } },
///          "routes": [{ "name": "orders", "match": { "path": "/api/orders/*" }, "service": "orders" }] }"#,
/// )?;
/// let proxy = Proxy::new(config, None).map_err(|faults| faults[0].clone())?;
/// proxy.serve(async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Shared>);

/// What all workers share.
pub(crate) struct Shared {
    /// What holds at the moment.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// The program around the proxy.
    pub(crate) host: Option<Arc<dyn Host>>,
    /// The connections of requests that came without a socket.
    pool: Arc<Pool>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

impl Proxy {
    /// A proxy with its first configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration.
    pub fn new(config: Config, host: Option<Arc<dyn Host>>) -> Result<Self, Vec<Fault>> {
        let snapshot = Snapshot::new(config, None)?;
        Ok(Self(Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            host,
            pool: Arc::new(Pool::default()),
        })))
    }

    /// Puts a configuration in the place of the one before. Requests under way end as they began. Addresses of listeners are those that [`Proxy::bind`]
    /// found; all else holds from the next request on.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration; then the one before stays.
    pub fn apply(&self, config: Config) -> Result<(), Vec<Fault>> {
        let snapshot = Snapshot::new(config, Some(&self.0.snapshot.load()))?;
        self.0.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// The configuration that holds at the moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.snapshot.load().config)
    }

    /// Takes the addresses of all listeners; nothing is accepted before [`Listening::serve`].
    ///
    /// # Errors
    ///
    /// An address that cannot be taken, or a certificate that cannot be read.
    pub fn bind(&self) -> io::Result<Listening> {
        listener::bind(&self.0)
    }

    /// Serves on all listeners until `shutdown` is ready, then lets what is under way end.
    ///
    /// # Errors
    ///
    /// As of [`Proxy::bind`].
    pub async fn serve(&self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.bind()?.serve(shutdown).await
    }

    /// Answers one request as if it had come over a connection from `peer`. All calls have to come from one runtime, to which the connections to targets
    /// belong.
    pub async fn handle(&self, request: Request<Body>, peer: SocketAddr) -> Response<Body> {
        pipeline::answer(&self.0, &self.0.pool, &Peer::plain(peer), request).await
    }
}
