//! Connections: where they come in, how many at once, and how they end.
//!
//! Each worker is a thread with a runtime, a socket (`SO_REUSEPORT`) and connections to targets of its own: a request stays on the core that accepted it.
//! On shutdown a worker first takes what its socket still holds, then closes it, tells all clients that the connection ends with the answer under way, and
//! waits until they are gone or the drain's time is over.

mod certificate;
mod connection;
mod lent;
mod malformed;
mod preface;
mod streams;
mod sturdy;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::Config;
use crate::config::Listener;
use crate::forward::Pool;
use crate::proxy::Shared;
use certificate::Certificate;

/// How often idle connections to targets are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// Addresses that are taken, by this process alone: before there is anybody who could answer, if need be.
#[derive(Debug)]
pub struct Sockets(Vec<Bound>);

/// A proxy at its addresses. Nothing is accepted before [`Listening::serve`].
#[derive(Debug)]
pub struct Listening {
    shared: Arc<Shared>,
    listeners: Vec<Bound>,
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
        let written =
            if config.listeners.is_empty() { vec![Listener::default()] } else { config.listeners.clone() };
        written.into_iter().map(bind_one).collect::<io::Result<_>>().map(Self)
    }

    /// The addresses, in the configuration's order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().map(|bound| bound.address).collect()
    }

    /// A proxy at these addresses.
    pub(crate) fn of(self, shared: &Arc<Shared>) -> Listening {
        Listening { shared: Arc::clone(shared), listeners: self.0 }
    }
}

fn bind_one(config: Listener) -> io::Result<Bound> {
    let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", config.address));
    let certificate = match &config.tls {
        Some(tls) => Some(Certificate::read(tls).map_err(|message| about(io::Error::other(message)))?),
        None => None,
    };
    let mut address: SocketAddr = config
        .address
        .parse()
        .map_err(|_| about(io::Error::new(io::ErrorKind::InvalidInput, "no address and port")))?;
    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => usize::from(workers),
    };
    let mut sockets = Vec::with_capacity(workers);
    for worker in 0..workers {
        let socket = listen(address, worker == 0).map_err(about)?;
        // Port 0 is decided by the first.
        address = socket.local_addr().map_err(about)?;
        sockets.push(socket);
    }
    let slots = Arc::new(Semaphore::new(usize::try_from(config.max_connections).unwrap_or(usize::MAX >> 3)));
    Ok(Bound { address, sockets, settings: Arc::new(Settings { config, certificate, slots }) })
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

    /// Serves until `shutdown` is ready, then lets what is under way end.
    ///
    /// # Errors
    ///
    /// A worker's thread or runtime that cannot be made.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let mut workers = Vec::new();
        for bound in self.listeners {
            for socket in bound.sockets {
                let worker = Worker {
                    shared: Arc::clone(&self.shared),
                    settings: Arc::clone(&bound.settings),
                    counts: Arc::clone(&self.shared.counts),
                    stopped: stopped.clone(),
                };
                let (done, end) = tokio::sync::oneshot::channel();
                let name = format!("proxy-{}", workers.len());
                std::thread::Builder::new().name(name).spawn(move || {
                    let _ = done.send(worker.run(socket));
                })?;
                workers.push(end);
            }
        }
        shutdown.await;
        stop.send_replace(true);
        for worker in workers {
            worker.await.map_err(|_| io::Error::other("a worker ended early"))??;
        }
        Ok(())
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
        let seat = Seat {
            shared: Arc::clone(&self.shared),
            pool: Arc::clone(&pool),
            settings: Arc::clone(&self.settings),
            stopped: self.stopped.clone(),
        };
        let tasks = tokio_util::task::TaskTracker::new();
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                pool.sweep(Instant::now());
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
        tasks.close();
        if tokio::time::timeout(self.settings.config.drain_timeout.0, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections were closed before their requests ended");
        }
        sweeper.abort();
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
