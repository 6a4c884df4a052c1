//! The proxy itself: the snapshot that holds at the moment, what outlives it, and the two ways in: over sockets ([`Proxy::serve`]), or without
//! ([`Proxy::handle`]).

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::{Request, Response};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::breaker::Breakers;
use crate::config::Fault;
use crate::forward::{Asking, Fetcher, Pool};
use crate::identity::Memory;
use crate::limit::Link;
use crate::listener::{self, Listening};
use crate::observe::{Recorder, Seen};
use crate::pipeline::{self, Peer};
use crate::snapshot::{Lasting, Snapshot};
use crate::upstream::{Asker, Service, Services};
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
    pub(crate) lasting: Lasting,
    pub(crate) fetcher: Fetcher,
    /// The connections of requests that came without a socket.
    pool: Arc<Pool>,
    background: Mutex<Background>,
    applying: Mutex<()>,
}

/// What runs beside requests: questions of health, discovery.
#[derive(Default)]
struct Background {
    runtime: Option<Handle>,
    tasks: HashMap<Arc<str>, (Arc<Service>, Vec<AbortHandle>)>,
    recorder: Option<AbortHandle>,
    link: Option<(Arc<Link>, AbortHandle)>,
}

impl Drop for Background {
    fn drop(&mut self) {
        self.tasks.values().flat_map(|(_, tasks)| tasks).for_each(AbortHandle::abort);
        self.recorder.iter().chain(self.link.iter().map(|(_, task)| task)).for_each(AbortHandle::abort);
    }
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
        let lasting = Lasting {
            services: Services::new(sticky_key()),
            breakers: Breakers::default(),
            limiter: Arc::default(),
            recorder: Arc::default(),
            cache: Arc::default(),
            memory: Memory::default(),
        };
        let snapshot = Snapshot::new(config, None, &lasting)?;
        let proxy = Self(Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            host,
            lasting,
            fetcher: Fetcher::default(),
            pool: Arc::new(Pool::default()),
            background: Mutex::default(),
            applying: Mutex::default(),
        }));
        proxy.tend();
        Ok(proxy)
    }

    /// Puts a configuration in the place of the one before. Requests under way end as they began. Addresses of listeners are those that [`Proxy::bind`]
    /// found; all else holds from the next request on.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration; then the one before stays.
    pub fn apply(&self, config: Config) -> Result<(), Vec<Fault>> {
        // One at a time: what outlives snapshots is brought to one configuration before the next.
        let _turn = self.0.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = Snapshot::new(config, Some(&self.0.snapshot.load()), &self.0.lasting)?;
        self.0.snapshot.store(Arc::new(snapshot));
        self.tend();
        Ok(())
    }

    /// Starts what runs beside requests for services that are new, and stops it for those that are gone. Without a runtime it is put off until there is one.
    fn tend(&self) {
        let mut background = self.0.background.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(runtime) = Handle::try_current() {
            background.runtime.get_or_insert(runtime);
        }
        let Some(runtime) = background.runtime.clone() else { return };
        let lasting = &self.0.lasting;
        background
            .recorder
            .get_or_insert_with(|| runtime.spawn(Arc::clone(&lasting.recorder).run()).abort_handle());
        let link = self.0.snapshot.load().link.clone();
        if background.link.as_ref().map(|(link, _)| Arc::as_ptr(link)) != link.as_ref().map(Arc::as_ptr) {
            if let Some((_, task)) = background.link.take() {
                task.abort();
            }
            background.link = link.map(|link| {
                let task = runtime.spawn(Arc::clone(&lasting.limiter).run(Arc::clone(&link))).abort_handle();
                (link, task)
            });
        }
        let services = lasting.services.list();
        background.tasks.retain(|_, (service, tasks)| {
            let stays = services.iter().any(|known| Arc::ptr_eq(known, service));
            if !stays {
                tasks.iter().for_each(AbortHandle::abort);
            }
            stays
        });
        for service in services {
            if background.tasks.contains_key(service.name()) {
                continue;
            }
            let asker = Asking::new(&self.0, Arc::clone(service.name()));
            let run =
                runtime.spawn(Arc::clone(&service).run(Arc::clone(&asker) as Arc<dyn Asker>)).abort_handle();
            let mut tasks = vec![run];
            let snapshot = self.0.snapshot.load();
            if let Some(upstream) = snapshot.upstream(service.name())
                && let Some(path) = &upstream.written.breaker.probe_path
            {
                let probe = Arc::clone(&service).probe(asker, Arc::clone(&upstream.breaker), path.clone());
                tasks.push(runtime.spawn(probe).abort_handle());
            }
            background.tasks.insert(Arc::clone(service.name()), (service, tasks));
        }
    }

    /// The configuration that holds at the moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.snapshot.load().config)
    }

    /// What was seen of requests: metrics, analytics.
    pub fn recorder(&self) -> &Arc<Recorder> {
        &self.0.lasting.recorder
    }

    /// What has a state of its own, as it is now: services and their targets, breakers, limits.
    pub fn seen(&self) -> Seen {
        let lasting = &self.0.lasting;
        let now = Instant::now();
        Seen {
            services: lasting.services.list().iter().map(|service| service.status(now)).collect(),
            breakers: lasting.breakers.list(now),
            limit_keys: lasting.limiter.len(),
            limit_link: self.0.snapshot.load().link.as_ref().map(|link| link.status()),
            cache: lasting.cache.size(),
            ..Seen::default()
        }
    }

    /// Takes the addresses of all listeners; nothing is accepted before [`Listening::serve`].
    ///
    /// # Errors
    ///
    /// An address that cannot be taken, or a certificate that cannot be read.
    pub fn bind(&self) -> io::Result<Listening> {
        self.tend();
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

/// A key that this process alone has: callers keep their targets until it ends.
fn sticky_key() -> [u8; 32] {
    let mut key = [0; 32];
    if let Err(error) = getrandom::fill(&mut key) {
        // Cookies could be forged then, which leads to nothing but another target.
        tracing::warn!(%error, "no random key for sticky cookies");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_little_room() {
        let proxy = Proxy::new(Config::default(), None).unwrap();
        let request = proxy.handle(Request::new(Body::empty()), ([127, 0, 0, 1], 1).into());
        // It is moved as a whole, and each connection keeps room for one.
        let size = size_of_val(&request);
        assert!(size <= 9 << 10, "{size} bytes");
    }
}
