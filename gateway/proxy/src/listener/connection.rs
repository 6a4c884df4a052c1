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
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::lent::Lent;
use super::plain::{self, Left, Prefixed};
use super::streams::{self, Streams};
use super::sturdy::Sturdy;
use super::{Seat, malformed, preface};
use crate::Body;
use crate::pipeline::{self, Peer};

/// The smallest buffer that hyper takes.
const SMALLEST_HEAD: usize = 8192;
/// Streams of a client that it may have reset before they were looked at.
const RESET_AT_ONCE: usize = 20;
/// How long a client that says nothing may take to answer whether it is there.
const PONG: Duration = Duration::from_secs(20);
/// Streams of a connection that it may have made us reset by what is no HTTP/2.
const RESET_BY_US: usize = 64;

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
    let peer = Arc::new(Peer::new(peer.to_canonical(), secure, config));
    let patience = config.body_timeout.0;
    let Some(certificate) = &seat.settings.certificate else {
        let stream = Sturdy::new(stream, patience).greeted_until(Instant::now() + limit);
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
    let stream = Sturdy::new(stream, patience).greeted_until(Instant::now() + limit);
    // Boxed: a connection that waits has room for its own kind only.
    if http2 { Box::pin(two(&seat, stream, peer)).await } else { Box::pin(one(&seat, stream, peer)).await }
}

/// The service that hyper calls for each request. A request is boxed: hyper keeps room for one on each connection, and most connections wait.
macro_rules! answering {
    ($seat:ident, $peer:ident, $finish:expr) => {{
        let (shared, pool) = (Arc::clone(&$seat.shared), Arc::clone(&$seat.pool));
        service_fn(move |request: Request<Incoming>| {
            let (shared, pool, peer) = (Arc::clone(&shared), Arc::clone(&pool), Arc::clone(&$peer));
            async move {
                let answer = Box::pin(pipeline::answer(&shared, &pool, &peer, request.map(Body::from)));
                Ok::<_, Infallible>($finish(answer.await))
            }
        })
    }};
}

/// What one HTTP/1.1 connection may ask for.
macro_rules! bounded1 {
    ($builder:expr, $config:ident) => {{
        let head = usize::try_from($config.max_head.0).unwrap_or(usize::MAX).max(SMALLEST_HEAD);
        $builder.timer(Lent::default()).header_read_timeout(Some($config.head_timeout.0)).max_buf_size(head);
    }};
}

/// What one HTTP/2 connection may ask for. Heads may be twice as large as they should be, so that most that are too large get a problem document for an answer;
/// h2 answers larger ones itself, and ends the connection of those that do not end. Streams that the client opens and resets at once, before they were looked at, end the connection when there are too
/// many (CVE-2023-44487), and so do those that it makes us reset (CVE-2025-8671).
macro_rules! bounded2 {
    ($builder:expr, $config:ident) => {{
        $builder
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from($config.max_head.0.saturating_mul(2)).unwrap_or(u32::MAX))
            .max_concurrent_streams($config.max_streams)
            .max_pending_accept_reset_streams(RESET_AT_ONCE)
            .max_local_error_reset_streams(RESET_BY_US)
            .keep_alive_interval(Some($config.head_timeout.0))
            .keep_alive_timeout($config.head_timeout.0.min(PONG))
            .enable_connect_protocol();
    }};
}

/// The ordinary requests of a connection; what is left of it once there is another, if there is.
async fn ordinary<S: AsyncRead + AsyncWrite + Unpin>(
    seat: &Seat,
    stream: S,
    peer: &Arc<Peer>,
) -> Option<Prefixed<S>> {
    match plain::serve(seat, stream, peer).await {
        Left::Ended => None,
        Left::Answered(mut stream) => {
            malformed::settle(&mut stream).await;
            None
        }
        Left::Unusual(stream, first) => Some(Prefixed::new(first, stream)),
    }
}

/// HTTP/1.1 only.
async fn one(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    if let Some(stream) = ordinary(seat, stream, &peer).await {
        // Boxed, as is the next: a connection with nothing but ordinary requests has no room for it.
        Box::pin(one_by_hyper(seat, stream, peer)).await;
    }
}

async fn one_by_hyper(
    seat: &Seat,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Arc<Peer>,
) {
    let config = &seat.settings.config;
    let known = Arc::clone(&peer);
    let service = answering!(seat, peer, std::convert::identity);
    let (stream, rest) = malformed::guard(stream);
    let mut builder = http1::Builder::new();
    bounded1!(builder, config);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let result = run(seat, connection, |connection| connection.graceful_shutdown()).await;
    rest.end(result.as_ref().err(), |refusal| pipeline::unreadable(&seat.shared, &known, refusal)).await;
}

/// HTTP/2 only.
async fn two(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    let config = &seat.settings.config;
    let service = answering!(seat, peer, streams::watched);
    let streams = Streams::new(config.body_timeout.0);
    let mut builder = http2::Builder::new(streams.clone());
    bounded2!(builder, config);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = run(seat, connection, |connection| connection.graceful_shutdown()) => {}
        () = streams.abused() => {}
    }
}

/// HTTP/1.1 or HTTP/2, as the first bytes say.
async fn either(seat: &Seat, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Arc<Peer>) {
    if let Some(stream) = ordinary(seat, stream, &peer).await {
        Box::pin(either_by_hyper(seat, stream, peer)).await;
    }
}

async fn either_by_hyper(
    seat: &Seat,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Arc<Peer>,
) {
    let config = &seat.settings.config;
    let known = Arc::clone(&peer);
    let service = answering!(seat, peer, streams::watched);
    let (stream, rest) = malformed::guard(stream);
    let streams = Streams::new(config.body_timeout.0);
    let mut builder = auto::Builder::new(streams.clone());
    bounded1!(builder.http1(), config);
    bounded2!(builder.http2(), config);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let result = tokio::select! {
        result = run(seat, connection, |connection| connection.graceful_shutdown()) => result,
        () = streams.abused() => Ok(()),
    };
    let error = result.as_ref().err().and_then(|error| error.downcast_ref());
    rest.end(error, |refusal| pipeline::unreadable(&seat.shared, &known, refusal)).await;
}

/// Runs a connection; told to stop, it ends with the answers under way.
async fn run<C, E>(seat: &Seat, connection: C, end: impl Fn(Pin<&mut C>)) -> Result<(), E>
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
    if let Err(error) = &result {
        tracing::debug!(%error, "a client's connection ended");
    }
    result
}
