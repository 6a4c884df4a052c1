//! The proxy itself: the snapshot that holds at the moment, what outlives it, and the two ways in: over sockets ([`Proxy::serve`]), or without
//! ([`Proxy::handle`]).

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::{Request, Response};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::breaker::{Breakers, Status as BreakerStatus};
use crate::config::{self, Fault, Level};
use crate::explain::{self, Explained};
use crate::forward::{Asking, Fetcher, Pool};
use crate::identity::Memory;
use crate::limit::{Decision, Link, RoutePolicy, Usage};
use crate::listener::{Changes, Counts, Listening, Sockets};
use crate::observe::{Recorder, Seen};
use crate::pipeline::{self, Peer};
use crate::reread;
use crate::snapshot::{self, Lasting, Snapshot};
use crate::upstream::{Asker, Service, ServiceStatus, Services};
use crate::{Body, Caller, Config, Exchange, Host};

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
/// // Until the future is ready; `tokio::signal::ctrl_c()` is one that is.
/// proxy.serve(std::future::pending()).await?;
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
    /// What is open at the listeners.
    pub(crate) counts: Arc<Counts>,
    /// The connections of requests that came without a socket.
    pool: Arc<Pool>,
    background: Mutex<Background>,
    pub(crate) listeners: Changes,
    applying: Mutex<()>,
}

/// What runs beside requests: questions of health, discovery.
#[derive(Default)]
struct Background {
    runtime: Option<Handle>,
    tasks: HashMap<Arc<str>, Tended>,
    recorder: Option<AbortHandle>,
    files: Option<AbortHandle>,
    link: Option<(Arc<Link>, AbortHandle)>,
}

/// What runs for one service.
struct Tended {
    service: Arc<Service>,
    /// Discovery and questions of health; they follow the configuration by themselves.
    run: AbortHandle,
    /// The question that an open breaker's service is asked: for which path.
    probe: Option<(String, AbortHandle)>,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.run.abort();
        self.probe.iter().for_each(|(_, task)| task.abort());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.recorder
            .iter()
            .chain(&self.files)
            .chain(self.link.iter().map(|(_, task)| task))
            .for_each(AbortHandle::abort);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

impl Shared {
    /// Compiles anew what is written, since files that it names have changed. What is new in them holds from the next request on.
    pub(crate) fn reread(&self) -> Result<(), Vec<Fault>> {
        let _turn = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot.load_full();
        let snapshot = Snapshot::new(Config::clone(&before.config), Some(&before), &self.lasting)?;
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Whether a caller may call, as often as a route and their tier say; nothing where nobody is counted.
    pub(crate) async fn admit(
        &self,
        snapshot: &Snapshot,
        route: &RoutePolicy,
        exchange: &Exchange,
    ) -> Option<Decision> {
        let (limiter, tiers) = (&self.lasting.limiter, &snapshot.tiers);
        match snapshot.link.as_ref().filter(|link| link.is_exact()) {
            Some(link) => Box::pin(limiter.admit_exact(link, tiers, route, exchange)).await,
            None => limiter.admit(tiers, route, exchange),
        }
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
            counts: Arc::default(),
            pool: Arc::new(Pool::default()),
            background: Mutex::default(),
            listeners: Changes::default(),
            applying: Mutex::default(),
        }));
        proxy.tend();
        Ok(proxy)
    }

    /// Puts a configuration in the place of the one before: it holds from the next request on, and requests under way end as they began. While
    /// [`Listening::serve`] runs, listeners that are new are listened on, and those that are gone are not any more.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the configuration, or an address that cannot be taken; then the one before stays.
    pub fn apply(&self, config: Config) -> Result<(), Vec<Fault>> {
        // One at a time: what outlives snapshots is brought to one configuration before the next.
        let _turn = self.0.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.0.snapshot.load_full();
        let change = self.0.listeners.prepare(&before.config, &config)?;
        let snapshot = Snapshot::new(config, Some(&before), &self.0.lasting)?;
        self.0.snapshot.store(Arc::new(snapshot));
        change.into_iter().for_each(|change| self.0.listeners.carry_out(change));
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
        background
            .files
            .get_or_insert_with(|| runtime.spawn(reread::run(Arc::downgrade(&self.0))).abort_handle());
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
        let stays = |tended: &Tended| services.iter().any(|known| Arc::ptr_eq(known, &tended.service));
        background.tasks.retain(|_, tended| stays(tended));
        let snapshot = self.0.snapshot.load();
        for service in services {
            let name = service.name();
            let asker = || Asking::new(&self.0, Arc::clone(name)) as Arc<dyn Asker>;
            let tended = background.tasks.entry(Arc::clone(name)).or_insert_with(|| Tended {
                service: Arc::clone(&service),
                run: runtime.spawn(Arc::clone(&service).run(asker())).abort_handle(),
                probe: None,
            });
            let upstream = snapshot.upstream(name);
            let wanted = upstream.and_then(|upstream| upstream.written.breaker.probe_path.as_ref());
            if tended.probe.as_ref().map(|(path, _)| path) == wanted {
                continue;
            }
            if let Some((_, task)) = tended.probe.take() {
                task.abort();
            }
            if let (Some(upstream), Some(path)) = (upstream, wanted) {
                let breaker = Arc::clone(&upstream.breaker);
                let task = runtime.spawn(Arc::clone(&service).probe(asker(), breaker, path.clone()));
                tended.probe = Some((path.clone(), task.abort_handle()));
            }
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
            connections: (self.0.counts.clients() as u64, self.0.counts.waiting() as u64),
        }
    }

    /// All that is wrong with a configuration, warnings among it. Nothing is carried out, and nothing keeps a trace of it.
    pub fn check(config: &Config) -> Vec<Fault> {
        let mut faults = config::check(config);
        let known = |fault: &Fault, faults: &[Fault]| {
            faults.iter().any(|known| known.place.starts_with(&fault.place) && known.level == Level::Error)
        };
        for fault in snapshot::faults(config) {
            if !known(&fault, &faults) {
                faults.push(fault);
            }
        }
        faults
    }

    /// How a service is now.
    pub fn service(&self, name: &str) -> Option<ServiceStatus> {
        Some(self.0.lasting.services.find(name)?.status(Instant::now()))
    }

    /// All breakers, by name.
    pub fn breakers(&self) -> Vec<BreakerStatus> {
        self.0.lasting.breakers.list(Instant::now())
    }

    /// One breaker: a service's name, or `service/route`.
    pub fn breaker(&self, name: &str) -> Option<BreakerStatus> {
        Some(self.0.lasting.breakers.find(name)?.status(Instant::now()))
    }

    /// Opens a breaker by hand, for so long or until it is reset, and tells how it is then.
    pub fn open_breaker(&self, name: &str, length: Option<Duration>) -> Option<BreakerStatus> {
        let breaker = self.0.lasting.breakers.find(name)?;
        let now = Instant::now();
        breaker.open(now, length);
        Some(breaker.status(now))
    }

    /// Closes a breaker by hand, and tells how it is then.
    pub fn reset_breaker(&self, name: &str) -> Option<BreakerStatus> {
        let breaker = self.0.lasting.breakers.find(name)?;
        let now = Instant::now();
        breaker.reset(now);
        Some(breaker.status(now))
    }

    /// What a caller used of its tier, or an address without credentials; nothing where nothing is limited.
    pub fn usage(&self, caller: Option<&Caller>, client: IpAddr) -> Vec<Usage> {
        let snapshot = self.0.snapshot.load();
        let key = snapshot.tiers.key(caller, client, |key| self.0.lasting.limiter.usage(Instant::now(), key));
        key.unwrap_or_default()
    }

    /// Which route a request would take, and why. Without a host it is one for `localhost`.
    pub fn explain(&self, head: http::request::Parts) -> Explained {
        explain::explain(&self.0.snapshot.load(), head)
    }

    /// Takes the addresses of all listeners; nothing is accepted before [`Listening::serve`].
    ///
    /// # Errors
    ///
    /// An address that cannot be taken, or a certificate that cannot be read.
    pub fn bind(&self) -> io::Result<Listening> {
        Ok(self.at(Sockets::bind(&self.config())?))
    }

    /// The same at addresses that were taken before.
    pub fn at(&self, sockets: Sockets) -> Listening {
        self.tend();
        sockets.of(&self.0)
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_takes_little_room() {
        let proxy = Proxy::new(Config::default(), None).unwrap();
        let request = proxy.handle(Request::new(Body::empty()), ([127, 0, 0, 1], 1).into());
        // It is moved as a whole, and each connection keeps room for one.
        let size = size_of_val(&request);
        assert!(size <= 5 << 10, "{size} bytes");
    }

    #[test]
    fn what_cannot_be_carried_out_is_found_without_being_tried() {
        for (part, bad) in [
            ("limits", json!({ "tiers": { "a": { "burst": 5 } } })),
            (
                "services",
                json!({ "a": { "targets": ["https://127.0.0.1:1"], "tls": { "ca": "/nowhere.pem" } } }),
            ),
            (
                "services",
                json!({ "a": { "targets": ["http://127.0.0.1:1"], "breaker": { "failures": 0.0 } } }),
            ),
            ("routes", json!([{ "name": "a", "respond": {}, "limit": { "all": { "burst": 1 } } }])),
            ("observe", json!({ "analytics": { "step": "10ms" } })),
            ("routes", json!([{ "name": "a", "service": "nobody" }])),
        ] {
            let config: Config = serde_json::from_value(json!({ part: bad })).unwrap();
            let errors =
                Proxy::check(&config).into_iter().filter(|fault| fault.level == Level::Error).count();
            assert_eq!(errors, 1, "{bad}");
            assert!(Proxy::new(config, None).is_err(), "{bad}");
        }
        assert_eq!(Proxy::check(&Config::default()), []);
    }
}
