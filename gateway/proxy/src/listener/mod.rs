//! Connections: where they come in, how many at once, and how they end.
//!
//! Each worker is a thread with a runtime, a socket (`SO_REUSEPORT`) and connections to targets of its own: a request stays on the core that accepted it.
//! On shutdown a worker first takes what its socket still holds, then closes it, tells all clients that the connection ends with the answer under way, and
//! waits until they are gone or the drain's time is over. So does a listener that a new configuration does not name any more (`change`).

mod certificate;
mod change;
mod connection;
mod lent;
mod malformed;
mod plain;
mod preface;
mod reply;
mod spare;
mod streams;
mod sturdy;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::Config;
use crate::config::Listener;
use crate::forward::Pool;
use crate::proxy::Shared;
use certificate::Certificate;
pub(crate) use change::{Change, Changes};

/// How often idle connections to targets are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// Who connected last is about to ask. So long after the last connection was taken, all are told that they end.
const SETTLE: Duration = Duration::from_millis(50);

/// Addresses that are taken, by this process alone: before there is anybody who could answer, if need be.
#[derive(Debug)]
pub struct Sockets(Vec<Bound>);

/// A proxy at its addresses. Nothing is accepted before [`Listening::serve`].
#[derive(Debug)]
pub struct Listening {
    shared: Arc<Shared>,
    listeners: Vec<Bound>,
    /// What configurations change from now on.
    changes: UnboundedReceiver<Change>,
}

/// What is open at the moment.
#[derive(Debug, Default)]
pub struct Counts {
    clients: AtomicUsize,
    workers: std::sync::Mutex<Vec<(Arc<Pool>, Handle)>>,
}

#[derive(Debug)]
struct Bound {
    address: SocketAddr,
    sockets: Vec<std::net::TcpListener>,
    settings: Arc<Settings>,
}

/// What holds for all connections of a listener.
#[derive(Debug)]
struct Settings {
    config: Listener,
    certificate: Option<Certificate>,
    slots: Arc<Semaphore>,
}

impl Counts {
    /// Connections of clients.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Connections to targets, waiting or in use.
    pub fn targets(&self) -> usize {
        self.pools().iter().map(|pool| pool.open()).sum()
    }

    /// Connections to targets that wait for the next request.
    pub fn waiting(&self) -> usize {
        self.pools().iter().map(|pool| pool.waiting()).sum()
    }

    /// Tasks of all workers: one for each client's connection, upgraded connection and HTTP/2 connection or stream, and what every worker has of its own.
    pub fn tasks(&self) -> usize {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|(_, runtime)| runtime.metrics().num_alive_tasks()).sum()
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|(pool, _)| Arc::clone(pool)).collect()
    }
}

impl Sockets {
    /// Takes the addresses of all listeners of a configuration.
    ///
    /// # Errors
    ///
    /// An address that cannot be taken (another process has it, say), or a certificate that cannot be read.
    pub fn bind(config: &Config) -> io::Result<Self> {
        written(config).into_iter().map(bind_one).collect::<io::Result<_>>().map(Self)
    }

    /// The addresses, in the configuration's order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|bound| bound.address).collect()
    }

    /// A proxy at these addresses.
    pub(crate) fn of(self, shared: &Arc<Shared>) -> Listening {
        Listening { shared: Arc::clone(shared), listeners: self.0, changes: shared.listeners.take() }
    }
}

fn written(config: &Config) -> Vec<Listener> {
    if config.listeners.is_empty() { vec![Listener::default()] } else { config.listeners.clone() }
}

fn bind_one(config: Listener) -> io::Result<Bound> {
    let mut bound = Bound::successor(config)?;
    let config = &bound.settings.config;
    for worker in 0..workers(config) {
        let socket = listen(bound.address, worker == 0).map_err(|error| about(config, &error))?;
        // Port 0 is decided by the first.
        bound.address = socket.local_addr().map_err(|error| about(config, &error))?;
        bound.sockets.push(socket);
    }
    Ok(bound)
}

fn workers(config: &Listener) -> usize {
    match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => usize::from(workers),
    }
}

/// The sockets of a listener that was there, as many as its successor needs; its own where there was none.
fn succeed(
    mut sockets: Vec<std::net::TcpListener>,
    config: &Listener,
) -> io::Result<Vec<std::net::TcpListener>> {
    let Some(first) = sockets.first() else { return Ok(bind_one(config.clone())?.sockets) };
    let address = first.local_addr()?;
    sockets.truncate(workers(config));
    while sockets.len() < workers(config) {
        sockets.push(listen(address, false)?);
    }
    Ok(sockets)
}

impl Bound {
    /// One without sockets: it takes over those of the listener that was there.
    fn successor(config: Listener) -> io::Result<Self> {
        let certificate = match &config.tls {
            Some(tls) => {
                Some(Certificate::read(tls).map_err(|message| about(&config, &io::Error::other(message)))?)
            }
            None => None,
        };
        let no_address =
            |_| about(&config, &io::Error::new(io::ErrorKind::InvalidInput, "no address and port"));
        let address = config.address.parse().map_err(no_address)?;
        let slots = usize::try_from(config.max_connections).unwrap_or(usize::MAX >> 3);
        let settings = Settings { config, certificate, slots: Arc::new(Semaphore::new(slots)) };
        Ok(Self { address, sockets: Vec::new(), settings: Arc::new(settings) })
    }
}

/// An error, and the listener that it is of.
fn about(config: &Listener, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", config.address))
}

/// The first socket takes the address for this process and shares it only then: another process of the same user is refused, and does not get a part of the
/// connections unnoticed. (Elsewhere than on Linux an address that is to be shared has to be taken so.)
fn listen(address: SocketAddr, first: bool) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(!(first && cfg!(target_os = "linux")))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.set_reuse_port(true)?;
    socket.listen(4096)?;
    Ok(socket.into())
}

impl Listening {
    /// The addresses, in the configuration's order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|bound| bound.address).collect()
    }

    /// What is open; it may be asked while connections are served.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.shared.counts)
    }

    /// Serves until `shutdown` is ready, then lets what is under way end. Configurations that are applied meanwhile may add listeners and take them away.
    ///
    /// # Errors
    ///
    /// A worker's thread or runtime that cannot be made.
    pub async fn serve(mut self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let mut serving = Vec::new();
        for bound in std::mem::take(&mut self.listeners) {
            serving.push(self.start(bound)?);
        }
        let mut leaving = Vec::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let change = tokio::select! {
                () = &mut shutdown => break,
                Some(change) = self.changes.recv() => change,
            };
            let mut gone = Vec::new();
            for listener in &change.gone {
                if let Some(index) = serving.iter().position(|one: &Serving| one.written == *listener) {
                    gone.push(serving.swap_remove(index));
                }
            }
            for mut bound in change.added {
                let config = &bound.settings.config;
                if bound.sockets.is_empty() {
                    let old = gone.iter_mut().find(|old| old.written.address == config.address);
                    let sockets = old.map(|old| std::mem::take(&mut old.sockets)).unwrap_or_default();
                    match succeed(sockets, config) {
                        Ok(sockets) => bound.sockets = sockets,
                        Err(error) => {
                            tracing::error!(%error, "a listener is missing");
                            continue;
                        }
                    }
                }
                tracing::info!(address = config.address, "listening");
                serving.push(self.start(bound)?);
            }
            for old in gone {
                tracing::info!(address = old.written.address, "listening no more, as it was written before");
                leaving.push(old.stop());
            }
        }
        leaving.extend(serving.into_iter().map(Serving::stop));
        for worker in leaving.into_iter().flatten() {
            worker.await.map_err(|_| io::Error::other("a worker ended early"))??;
        }
        Ok(())
    }

    /// Starts the workers of a listener.
    fn start(&self, bound: Bound) -> io::Result<Serving> {
        let (stop, stopped) = watch::channel(false);
        let (mut workers, mut sockets) = (Vec::new(), Vec::new());
        for socket in bound.sockets {
            sockets.push(socket.try_clone()?);
            let worker = Worker {
                shared: Arc::clone(&self.shared),
                settings: Arc::clone(&bound.settings),
                counts: Arc::clone(&self.shared.counts),
                stopped: stopped.clone(),
            };
            let (done, end) = oneshot::channel();
            let name = format!("proxy-{}", workers.len());
            std::thread::Builder::new().name(name).spawn(move || {
                let _ = done.send(worker.run(socket));
            })?;
            workers.push(end);
        }
        Ok(Serving { written: bound.settings.config.clone(), sockets, stop, workers })
    }
}

/// A listener at work.
struct Serving {
    written: Listener,
    /// For a successor.
    sockets: Vec<std::net::TcpListener>,
    stop: watch::Sender<bool>,
    workers: Vec<oneshot::Receiver<io::Result<()>>>,
}

impl Serving {
    /// Lets it end; its workers tell when they have.
    fn stop(self) -> Vec<oneshot::Receiver<io::Result<()>>> {
        self.stop.send_replace(true);
        self.workers
    }
}

struct Worker {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
    counts: Arc<Counts>,
    stopped: watch::Receiver<bool>,
}

/// What a connection needs of its worker.
#[derive(Debug, Clone)]
struct Seat {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    settings: Arc<Settings>,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    fn run(self, socket: std::net::TcpListener) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.work(socket))
    }

    async fn work(mut self, socket: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(socket)?;
        let pool = Arc::new(Pool::default());
        let worker = (Arc::clone(&pool), Handle::current());
        self.counts.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        let (end, ended) = watch::channel(false);
        let seat = Seat {
            shared: Arc::clone(&self.shared),
            pool: Arc::clone(&pool),
            settings: Arc::clone(&self.settings),
            stopped: ended,
        };
        let tasks = tokio_util::task::TaskTracker::new();
        let swept = Arc::clone(&pool);
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                swept.sweep(Instant::now());
            }
        });
        loop {
            let slot = tokio::select! {
                slot = Arc::clone(&self.settings.slots).acquire_owned() => slot,
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
            };
            let Ok(slot) = slot else { break };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
            };
            match accepted {
                Ok((stream, peer)) => self.seat(&seat, &tasks, slot, stream, peer),
                Err(error) => {
                    // Out of descriptors, most likely: others have to end before one more can be taken.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        while let (Ok(slot), Some(Ok((stream, peer)))) = (
            Arc::clone(&self.settings.slots).try_acquire_owned(),
            futures_util::FutureExt::now_or_never(listener.accept()),
        ) {
            self.seat(&seat, &tasks, slot, stream, peer);
        }
        drop(listener);
        tokio::time::sleep(SETTLE).await;
        end.send_replace(true);
        tasks.close();
        if tokio::time::timeout(self.settings.config.drain_timeout.0, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections were closed before their requests ended");
        }
        sweeper.abort();
        let mut workers = self.counts.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|(known, _)| !Arc::ptr_eq(known, &pool));
        Ok(())
    }

    fn seat(
        &self,
        seat: &Seat,
        tasks: &tokio_util::task::TaskTracker,
        slot: tokio::sync::OwnedSemaphorePermit,
        stream: TcpStream,
        peer: SocketAddr,
    ) {
        let (seat, counts) = (seat.clone(), Arc::clone(&self.counts));
        counts.clients.fetch_add(1, Ordering::Relaxed);
        tasks.spawn(async move {
            let _slot = slot;
            let _one = Leaving(counts);
            connection::serve(seat, stream, peer).await;
        });
    }
}

/// Counts a client's connection as closed when it is dropped.
struct Leaving(Arc<Counts>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
