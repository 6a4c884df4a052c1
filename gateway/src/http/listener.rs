//! Connections: how many, how slow, and how they end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Service;
use crate::config::LimitsConfig;

/// Streams of one HTTP/2 connection at once.
const STREAMS: u32 = 256;

/// How long to wait before accepting again when the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves connections (HTTP/1.1 and cleartext HTTP/2) until `shutdown` is ready. Then it accepts no more, tells its clients,
/// lets the requests in flight end, and returns when they did or `drain_timeout` has passed.
pub async fn serve(listener: TcpListener, service: Service, shutdown: impl Future<Output = ()> + Send) {
    let limits = service.gateway().config.limits.clone();
    let builder = builder(&limits);
    let graceful = GracefulShutdown::new();
    let free =
        Arc::new(Semaphore::new(usize::try_from(limits.max_connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            // Waiting connections stay in the kernel's queue until one ends. The semaphore is never closed.
            let permit = Arc::clone(&free).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, stream, peer) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            (permit, accepted) = accepted => match accepted {
                Ok((stream, peer)) => (permit, stream, peer.ip()),
                Err(error) => {
                    // A connection that was reset while it waited is nobody's fault; anything else will not pass at once.
                    if !matches!(error.kind(), std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset) {
                        tracing::warn!(%error, "accepting a connection failed");
                        tokio::time::sleep(PAUSE).await;
                    }
                    continue;
                }
            },
        };
        // Answers are written whole; waiting to fill a segment would only delay them.
        stream.set_nodelay(true).ok();
        let open = service.gateway().metrics.connection_opened();
        let service = service.clone();
        let asked = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&asked);
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            begun.store(true, Ordering::Relaxed);
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.answer(request.map(Body::new), peer).await) }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), answer).into_owned();
        let connection = graceful.watch(connection);
        let patience = limits.header_timeout;
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // hyper's own limit begins when it knows which HTTP it is; until the first request this one stands in for it.
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = tokio::time::sleep(patience) => match asked.load(Ordering::Relaxed) {
                    true => connection.await,
                    false => {
                        tracing::debug!(%peer, "a connection brought no request in time");
                        Ok(())
                    }
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
            drop((permit, open));
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to drain was over");
    }
}

fn builder(limits: &LimitsConfig) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // hyper answers a head beyond its buffer without a body. Ours is checked first, with a problem: so hyper's is larger.
    let buffer = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX).saturating_mul(2).max(16 * 1024);
    // Of header fields hyper takes 100, without being told; to be told so would cost it an allocation for every head.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(buffer);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(buffer).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}
