//! `serve`: opens everything, says where it is, serves, and stops in order.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{CliError, keys, lock, print};
use crate::config::Config;
use crate::data_plane::{self, DataPlane};
use crate::{Gateway, http};

/// Serves until a signal.
pub(super) async fn serve(config: Config) -> Result<(), CliError> {
    let front = config.proxy.as_deref().map(data_plane::File::read).transpose().map_err(CliError::Proxy)?;
    // The address first: a first start that then fails must not have made a key that nobody saw.
    let listener = match &front {
        Some(file) if file.has_listeners() => None,
        _ => Some(listen(config.listen).await?),
    };
    let _lock = lock::take(&config.data_dir)?;
    let address = listener.as_ref().map_or(Ok(config.listen), TcpListener::local_addr);
    let address = address.map_err(|source| CliError::Listen { address: config.listen, source })?;
    let gateway = Arc::new(Gateway::open(config).await?);
    let service = http::Service::new(Arc::clone(&gateway))
        .map_err(|error| CliError::failed("compiling the contract's schemas")(error.into()))?;
    let first_key = keys::first(&gateway).await?;
    // From here on a signal ends it in order.
    let stop = stop_signal(Arc::clone(&gateway))
        .map_err(|error| CliError::failed("listening to signals")(error.into()))?;
    let housekeeping = gateway.housekeeping();
    let greet = |address| {
        gateway.listening(address);
        print(&greeting(&gateway, address, first_key.as_deref()));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    };
    match (front, listener) {
        (Some(file), listener) => {
            // The data plane takes the address anew, once for each of its workers.
            drop(listener);
            let front = DataPlane::new(file, service, address).map_err(CliError::Proxy)?;
            let listening = front.bind().map_err(|error| CliError::failed("listening")(error.into()))?;
            greet(listening.addresses().first().copied().unwrap_or(address));
            tokio::select! {
                ended = listening.serve(stop) => ended.map_err(|error| CliError::failed("serving")(error.into()))?,
                () = front.watch() => {}
                () = housekeeping => {}
            }
        }
        (None, Some(listener)) => {
            greet(address);
            tokio::select! {
                () = http::serve(listener, service, stop) => {}
                () = housekeeping => {}
            }
        }
        // Without a data plane there is a listener.
        (None, None) => {}
    }
    gateway.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|source| CliError::Listen { address, source })
}

fn greeting(gateway: &Gateway, address: SocketAddr, first_key: Option<&str>) -> String {
    let url = format!("http://{}", reachable(address));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Waypost gateway {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "  API        {url}");
    if gateway.config.docs {
        let _ = writeln!(text, "  Reference  {url}/docs");
    }
    let _ = writeln!(text, "  Data       {}", gateway.config.data_dir.display());
    if let Some(key) = first_key {
        let _ = writeln!(text, "\n  Your first API key. It may do everything and will not be shown again:\n");
        let _ = writeln!(text, "    {key}\n");
        let _ = writeln!(text, "  Try it:\n\n    curl {url}/v1/auth/me -H 'X-API-Key: {key}'");
    }
    let _ = writeln!(text, "\nlistening on http://{address}");
    text
}

/// An address that a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Ready at the first SIGTERM or SIGINT. The second ends the process at once: whoever sends it does not want to wait.
fn stop_signal(gateway: Arc<Gateway>) -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals::new()?;
    let (send, first) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let name = signals.next().await;
        gateway.draining();
        tracing::info!(
            signal = name,
            in_flight = gateway.metrics.in_flight(),
            "stopping; requests in flight may finish"
        );
        // The receiver is held by the server until it is told.
        let _server_is_gone = send.send(());
        let name = signals.next().await;
        tracing::warn!(signal = name, "stopping at once");
        std::process::exit(130);
    });
    Ok(async {
        // An error means that the task above is gone, and then nobody could stop the server any more.
        let _stop = first.await;
    })
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        // Without the handler the process ends at Ctrl-C by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_machine_is_shown_as_one_that_can_be_opened() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()).to_string(), "192.0.2.1:80");
    }
}
