//! What the calls of one client share: the gates that they ask before they send, and the answers that are kept.

use std::sync::Mutex;

use bytes::Bytes;

use super::cache::{Cache, Key, Stored};
use super::gates::{Gates, lock};
use crate::engine::message::Headers;
use crate::engine::options::ClientOptions;

/// The state that all calls of a client share: retry budget, breaker, pacing, cache. Behind an `Arc` in the client.
#[derive(Debug, Default)]
pub struct Shared {
    pub(crate) gates: Gates,
    cache: Option<Mutex<Cache>>,
}

impl Shared {
    /// Fresh state, sized by the options.
    pub fn new(options: &ClientOptions) -> Self {
        Self {
            gates: Gates::new(options.budget, options.breaker),
            cache: options.cache.map(|options| Mutex::new(Cache::new(options))),
        }
    }

    /// Are answers kept at all?
    pub(crate) const fn caches(&self) -> bool {
        self.cache.is_some()
    }

    /// Is any answer kept?
    pub(crate) fn has_stored(&self) -> bool {
        self.cache.as_ref().is_some_and(|cache| !lock(cache).is_empty())
    }

    /// The stored answer of a request.
    pub(crate) fn stored(&self, key: &Key) -> Option<Stored> {
        lock(self.cache.as_ref()?).get(key)
    }

    /// Keeps an answer.
    pub(crate) fn store(&self, key: Key, status: u16, headers: &Headers, body: &Bytes) {
        if let Some(cache) = &self.cache {
            lock(cache).put(key, status, headers, body);
        }
    }
}
