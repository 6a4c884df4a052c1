//! `serve`: opens everything, says where it is, serves, and stops in order.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{CliError, keys, lock, print};
use crate::config::Config;
use crate::data_plane::{DataPlane, File, Plan};
use crate::{Gateway, http};

/// Serves until a signal.
pub(super) async fn serve(config: Config) -> Result<(), CliError> {
    let file = config.proxy.as_deref().map(File::read).transpose().map_err(CliError::Proxy)?;
    let plan = Plan::new(file, &config);
    // The addresses first: a first start that then fails must not have made a key that nobody saw.
    let sockets = plan.bind().map_err(CliError::Listen)?;
    let _lock = lock::take(&config.data_dir)?;
    let gateway = Arc::new(Gateway::open(config).await?);
    let service = http::Service::new(Arc::clone(&gateway))
        .map_err(|error| CliError::failed("compiling the contract's schemas")(error.into()))?;
    let data_plane = DataPlane::new(plan, service).map_err(CliError::Proxy)?;
    let first_key = keys::first(&gateway).await?;
    // From here on a signal ends it in order.
    let stop = stop_signal(Arc::clone(&gateway))
        .map_err(|error| CliError::failed("listening to signals")(error.into()))?;
    let listening = data_plane.proxy().at(sockets);
    if let Some(address) = listening.addresses().first().copied() {
        gateway.listening(address);
        print(&greeting(&gateway, address, first_key.as_deref()));
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    }
    tokio::select! {
        ended = listening.serve(stop) => ended.map_err(|error| CliError::failed("serving")(error.into()))?,
        () = data_plane.watch() => {}
        () = gateway.housekeeping() => {}
    }
    gateway.close().await;
    tracing::info!("stopped");
    Ok(())
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
        // The server takes what runs on its workers with it when it ends: sockets say goodbye first.
        gateway.realtime.closed(Duration::from_secs(1)).await;
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
