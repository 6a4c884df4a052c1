//! The conditional cache: answers of safe reads that carry an `ETag` are kept, the next request asks with `If-None-Match` whether they still
//! hold, and a 304 is answered from here. The server is asked every time, so nothing stale is ever served.
//!
//! An answer is found again only by the very request that it answered: URL and every header, credentials among them. The key is a hash, so no
//! credential is kept here. Of 128 bits, and no cryptographic one: who found two requests of one key would be asked for the other's entity tag.

use std::hash::{DefaultHasher, Hasher as _};

use crate::engine::message::{Headers, Request};
use bytes::Bytes;

/// How much the conditional cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Answers (256).
    pub entries: usize,
    /// Bytes of all bodies together (4 MiB). An answer of more than an eighth of it is not kept.
    pub bytes: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { entries: 256, bytes: 4 * 1024 * 1024 }
    }
}

/// Which request an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64, u64);

impl Key {
    /// The key of a request: its URL and all headers but those that differ from call to call and select nothing.
    pub fn of(request: &Request) -> Self {
        let (mut first, mut second) = (DefaultHasher::new(), DefaultHasher::new());
        second.write_u8(1);
        let mut add = |part: &str| {
            // The length keeps ("a", "bc") apart from ("ab", "c").
            for hash in [&mut first, &mut second] {
                hash.write_usize(part.len());
                hash.write(part.as_bytes());
            }
        };
        add(&request.url);
        for (name, value) in request.headers.iter() {
            if !matches!(name, "traceparent" | "tracestate" | "x-request-id" | "user-agent") {
                add(name);
                add(value);
            }
        }
        Self(first.finish(), second.finish())
    }
}

/// A stored answer.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its entity tag, as the server wrote it.
    pub etag: String,
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Stored {
    /// The headers of the answer that a 304 confirms: the stored ones, brought up to date (RFC 9111, section 3.2), but for those that
    /// describe the 304's own, missing body.
    pub fn refreshed(&self, confirmation: &Headers) -> Headers {
        let mut newer = confirmation.clone();
        for name in ["content-length", "content-type", "content-encoding", "transfer-encoding"] {
            newer.remove(name);
        }
        let mut headers = self.headers.clone();
        headers.merge(&newer);
        headers
    }
}

/// The stored answers of one client; the least recently used one makes room.
#[derive(Debug)]
pub struct Cache {
    options: CacheOptions,
    /// Searched one by one: the keys are hashes, so the first half tells them apart, and a few hundred are looked through in less than a request's noise.
    entries: Vec<(Key, u64, Stored)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    /// An empty cache.
    pub fn new(options: CacheOptions) -> Self {
        Self { options, entries: Vec::new(), bytes: 0, clock: 0 }
    }

    /// The answer that is kept for a request. Cheap: its body is shared.
    pub fn get(&mut self, key: &Key) -> Option<Stored> {
        self.clock += 1;
        let (_, used, stored) = self.entries.iter_mut().find(|(kept, ..)| kept == key)?;
        *used = self.clock;
        Some(stored.clone())
    }

    /// Keeps an answer, if it may be kept: it has an entity tag, the server did not forbid it, and it fits.
    pub fn put(&mut self, key: Key, status: u16, headers: &Headers, body: &Bytes) {
        self.remove(&key);
        let forbidden =
            headers.get_all("cache-control").any(|value| value.to_ascii_lowercase().contains("no-store"));
        let unmatched = headers.get_all("vary").any(|value| value.contains('*'));
        let Some(etag) = headers.get("etag").filter(|_| !forbidden && !unmatched && status == 200) else {
            return;
        };
        if body.len() > self.options.bytes / 8 || self.options.entries == 0 {
            return;
        }
        while self.entries.len() >= self.options.entries || self.bytes + body.len() > self.options.bytes {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, used, _)| *used).map(|(key, ..)| *key)
            else {
                break;
            };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += body.len();
        let stored = Stored { etag: etag.to_owned(), status, headers: headers.clone(), body: body.clone() };
        self.entries.push((key, self.clock, stored));
    }

    /// Is nothing kept?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets an answer.
    pub fn remove(&mut self, key: &Key) {
        if let Some(place) = self.entries.iter().position(|(kept, ..)| kept == key) {
            let (.., stored) = self.entries.swap_remove(place);
            self.bytes = self.bytes.saturating_sub(stored.body.len());
        }
    }
}
