//! A connection that is no HTTP any more (WebSocket): bytes both ways until one side ends it, or both are silent for too long.

use std::time::{Duration, Instant};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Joins two connections once both are handed over, and keeps `held` until they end.
pub(crate) fn spawn(client: OnUpgrade, target: OnUpgrade, idle: Duration, held: impl Send + 'static) {
    tokio::spawn(async move {
        let (client, target) = match tokio::try_join!(client, target) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "an upgrade came to nothing");
                return;
            }
        };
        let (mut client_in, mut client_out) = tokio::io::split(TokioIo::new(client));
        let (mut target_in, mut target_out) = tokio::io::split(TokioIo::new(target));
        let last = std::sync::Mutex::new(Instant::now());
        let there = pump(&mut client_in, &mut target_out, &last);
        let back = pump(&mut target_in, &mut client_out, &last);
        tokio::select! {
            _ = async { tokio::join!(there, back) } => {}
            () = silence(&last, idle) => tracing::debug!("an upgraded connection was silent for too long"),
        }
        drop(held);
    });
}

async fn pump(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    last: &std::sync::Mutex<Instant>,
) {
    let mut buffer = bytes::BytesMut::with_capacity(8 << 10);
    while let Ok(count) = from.read_buf(&mut buffer).await {
        if count == 0 || to.write_all_buf(&mut buffer).await.is_err() || to.flush().await.is_err() {
            break;
        }
        *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        buffer.clear();
    }
    // The other direction may go on: a side that has said all may still listen.
    let _ = to.shutdown().await;
}

async fn silence(last: &std::sync::Mutex<Instant>, idle: Duration) {
    if idle.is_zero() {
        return std::future::pending().await;
    }
    loop {
        let deadline = *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) + idle;
        if deadline <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(deadline.into()).await;
    }
}
