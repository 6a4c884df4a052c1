//! One client's connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::lent::Lent;
use super::sturdy::Sturdy;
use super::{Seat, preface};
use crate::Body;
use crate::pipeline::{self, Peer};

/// The smallest buffer that hyper takes.
const SMALLEST_HEAD: usize = 8192;

/// Serves a connection until it ends.
pub(super) async fn serve(seat: Seat, mut stream: TcpStream, peer: SocketAddr) {
    let config = &seat.settings.config;
    let limit = config.head_timeout.0;
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut peer = peer.ip();
    if config.proxy_protocol {
        match tokio::time::timeout(limit, preface::read(&mut stream)).await {
            Ok(Ok(said)) => peer = said.map_or(peer, |said| said.ip()),
            Ok(Err(error)) => {
                return tracing::debug!(%error, "a connection without a PROXY header was closed");
            }
            Err(_) => return,
        }
    }
    let secure = seat.settings.certificate.is_some();
    let mut peer = Peer::new(peer.to_canonical(), secure, config.body_timeout.0);
    peer.redirect_https = config.redirect_https;
    let peer = Arc::new(peer);
    let patience = config.body_timeout.0;
    let Some(certificate) = &seat.settings.certificate else {
        let stream = Sturdy::new(stream, patience);
        return if config.h2c {
            Box::pin(either(&seat, stream, peer)).await;
        } else {
            Box::pin(one(&seat, stream, peer)).await;
        };
    };
    let acceptor = TlsAcceptor::from(certificate.current(Instant::now()));
    let stream = match tokio::time::timeout(limit, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => return,
    };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = Sturdy::new(stream, patience);
    // Boxed: a connection that waits has room for its own kind only.
    if http2 { Box::pin(two(&seat, stream, peer)).await } else { Box::pin(one(&seat, stream, peer)).await }
}

/// The service that hyper calls for each request. A request is boxed: hyper keeps room for one on each connection, and most connections wait.
macro_rules! answering {
    ($seat:ident, $peer:ident) => {
        service_fn(|request: Request<Incoming>| {
            let (shared, pool, peer) =
                (Arc::clone(&$seat.shared), Arc::clone(&$seat.pool), Arc::clone(&$peer));
            async move {
                let answer = Box::pin(pipeline::answer(&shared, &pool, &peer, request.map(Body::from)));
                Ok::<_, Infallible>(answer.await)
            }
        })
    };
}

/// HTTP/1.1 only.
async fn one(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    let config = &seat.settings.config;
    let head = usize::try_from(config.max_head.0).unwrap_or(usize::MAX).max(SMALLEST_HEAD);
    let service = answering!(seat, peer);
    let connection = http1::Builder::new()
        .timer(Lent::default())
        .header_read_timeout(Some(config.head_timeout.0))
        .max_buf_size(head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    run(seat, connection, |connection| connection.graceful_shutdown()).await;
}

/// HTTP/2 only.
async fn two(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    let (shared, pool) = (Arc::clone(&seat.shared), Arc::clone(&seat.pool));
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, pool, peer) = (Arc::clone(&shared), Arc::clone(&pool), Arc::clone(&peer));
        async move {
            let answer = Box::pin(pipeline::answer(&shared, &pool, &peer, request.map(Body::from)));
            Ok::<_, Infallible>(answer.await)
        }
    });
    let config = &seat.settings.config;
    let head = u32::try_from(config.max_head.0).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(head)
        .keep_alive_interval(Some(config.head_timeout.0))
        .keep_alive_timeout(Duration::from_secs(20))
        .serve_connection(TokioIo::new(stream), service);
    run(seat, connection, |connection| connection.graceful_shutdown()).await;
}

/// HTTP/1.1 or HTTP/2, as the first bytes say.
async fn either(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    let (shared, pool) = (Arc::clone(&seat.shared), Arc::clone(&seat.pool));
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, pool, peer) = (Arc::clone(&shared), Arc::clone(&pool), Arc::clone(&peer));
        async move {
            let answer = Box::pin(pipeline::answer(&shared, &pool, &peer, request.map(Body::from)));
            Ok::<_, Infallible>(answer.await)
        }
    });
    let config = &seat.settings.config;
    let head = usize::try_from(config.max_head.0).unwrap_or(usize::MAX);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(Lent::default())
        .header_read_timeout(Some(config.head_timeout.0))
        .max_buf_size(head.max(SMALLEST_HEAD));
    builder.http2().timer(TokioTimer::new()).max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    run(seat, connection, |connection| connection.graceful_shutdown()).await;
}

/// Runs a connection; told to stop, it ends with the answers under way.
async fn run<C, E>(seat: &Seat, connection: C, end: impl Fn(Pin<&mut C>))
where
    C: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let mut stopped = seat.stopped.clone();
    let result = {
        let stop = pin!(stopped.wait_for(|stopped| *stopped));
        let mut stop = Some(stop);
        // Asked once, it wakes the task when it is time: until then a look at whether anything changed is enough.
        let mut asked = false;
        std::future::poll_fn(|context| {
            if let Some(waiting) = &mut stop
                && (!std::mem::replace(&mut asked, true) || seat.stopped.has_changed().unwrap_or(true))
                && waiting.as_mut().poll(context).is_ready()
            {
                end(connection.as_mut());
                stop = None;
            }
            connection.as_mut().poll(context)
        })
        .await
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a client's connection ended");
    }
}
