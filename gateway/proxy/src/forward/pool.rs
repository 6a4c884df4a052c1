//! Connections to targets that wait for the next request. One pool belongs to one runtime: a worker's connections never change threads, so that nothing is
//! handed from one core to another on the way of a request.
//!
//! An HTTP/1.1 connection has no task of its own. Whoever uses it drives it; while it waits here nobody does, and what happened to it meanwhile is seen
//! when it is taken out.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http1::Http1;
use super::http2::Http2;

/// Connections that wait.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<u64, VecDeque<Idle>, Plain>>,
    shared: Mutex<HashMap<u64, Http2, Plain>>,
    /// Open connections, waiting or in use.
    open: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Http1>,
    since: Instant,
    keep: Duration,
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<AtomicUsize>);

impl Pool {
    /// The connection to an endpoint that was used last.
    pub(crate) fn take(&self, endpoint: u64, now: Instant) -> Option<Box<Http1>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.get_mut(&endpoint)?;
        while let Some(entry) = waiting.pop_back() {
            if now.saturating_duration_since(entry.since) < entry.keep {
                return Some(entry.connection);
            }
        }
        None
    }

    /// Keeps a connection from now on for the next request, beside at most `most` others, for so long.
    pub(crate) fn put(
        &self,
        endpoint: u64,
        connection: Box<Http1>,
        (most, keep): (usize, Duration),
        now: Instant,
    ) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle.entry(endpoint).or_default();
        if waiting.len() < most {
            waiting.push_back(Idle { connection, since: now, keep });
        }
    }

    /// The HTTP/2 connection to an endpoint.
    pub(crate) fn shared(&self, endpoint: u64) -> Option<Http2> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = shared.get(&endpoint)?;
        if connection.is_closed() {
            shared.remove(&endpoint);
            return None;
        }
        Some(connection.clone())
    }

    /// Keeps an HTTP/2 connection for all requests that follow.
    pub(crate) fn share(&self, endpoint: u64, connection: Http2) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint, connection);
    }

    /// Keeps an HTTP/2 connection for nobody any more; it ends with the requests that are under way.
    pub(crate) fn unshare(&self, endpoint: u64) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).remove(&endpoint);
    }

    /// Closes what has waited too long, and what the other side closed.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, waiting| {
            waiting.retain_mut(|entry| {
                now.saturating_duration_since(entry.since) < entry.keep && entry.connection.still_open()
            });
            !waiting.is_empty()
        });
        drop(idle);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, connection| !connection.is_closed());
    }

    /// Counts one more open connection.
    pub(crate) fn opened(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.open))
    }

    /// Open connections, waiting or in use.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).values().map(VecDeque::len).sum()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keys are numbers that were counted up: no hash needs to mix them.
#[derive(Debug, Default, Clone, Copy)]
struct Plain;

impl std::hash::BuildHasher for Plain {
    type Hasher = PlainHasher;

    fn build_hasher(&self) -> PlainHasher {
        PlainHasher(0)
    }
}

#[derive(Debug)]
struct PlainHasher(u64);

impl std::hash::Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        // hashbrown looks at the highest bits as well.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
