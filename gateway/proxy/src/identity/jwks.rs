//! Public keys: a JWKS document (RFC 7517), from a file or a URL. One from a URL is fetched when it is first needed, and again for a key that is not known,
//! but not more than once a minute, and by one request at a time: the others wait for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

use super::Fetch;

/// How long a document is kept before it may be fetched again.
pub(super) const REFETCH: Duration = Duration::from_secs(60);

/// The keys of an issuer.
pub struct Jwks {
    url: Option<String>,
    keys: ArcSwap<Keys>,
    /// When it was last fetched, or tried to be.
    tried: tokio::sync::Mutex<Option<Instant>>,
}

/// Keys, by name and without.
#[derive(Default)]
pub(super) struct Keys {
    named: HashMap<String, Vec<Key>>,
    unnamed: Vec<Key>,
}

pub(super) struct Key {
    pub(super) key: DecodingKey,
    /// What it is for, where it says it.
    algorithm: Option<String>,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Jwks").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Key {
    /// Whether it is for an algorithm: of its family, and not for another by its own word.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        let own = format!("{algorithm:?}");
        self.key.family() == algorithm.family() && self.algorithm.as_ref().is_none_or(|known| *known == own)
    }
}

impl Keys {
    /// Reads a document. Keys of a kind that is not known, for encryption, or that are secrets are passed over: there is no HMAC beside public keys.
    pub(super) fn read(document: &[u8]) -> Result<Self, String> {
        let document: Value =
            serde_json::from_slice(document).map_err(|error| format!("no JSON: {error}"))?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or("no `keys`")?;
        let mut keys = Self::default();
        for value in listed.iter().take(1000) {
            let Ok(jwk) = serde_json::from_value::<Jwk>(value.clone()) else { continue };
            let other_use = jwk
                .common
                .public_key_use
                .as_ref()
                .is_some_and(|for_what| *for_what != PublicKeyUse::Signature);
            let Ok(key) = DecodingKey::from_jwk(&jwk) else { continue };
            if other_use || key.family() == AlgorithmFamily::Hmac {
                continue;
            }
            let algorithm = value.get("alg").and_then(Value::as_str).map(str::to_owned);
            let key = Key { key, algorithm };
            match jwk.common.key_id {
                Some(name) => keys.named.entry(name).or_default().push(key),
                None => keys.unnamed.push(key),
            }
        }
        if keys.named.is_empty() && keys.unnamed.is_empty() {
            return Err("no key for signatures in it".to_owned());
        }
        Ok(keys)
    }

    /// The key that a token names; without a name, the only one for its algorithm.
    pub(super) fn find(&self, name: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        match name {
            Some(name) => self.named.get(name)?.iter().find(|key| key.is_for(algorithm)),
            None => {
                let all = self.named.values().flatten().chain(&self.unnamed);
                let mut fitting = all.filter(|key| key.is_for(algorithm));
                fitting.next().filter(|_| fitting.next().is_none())
            }
        }
    }
}

impl Jwks {
    /// Those of a document that is there.
    ///
    /// # Errors
    /// It is none, or has no key for signatures.
    pub fn of(document: &[u8]) -> Result<Self, String> {
        Ok(Self {
            url: None,
            keys: ArcSwap::from_pointee(Keys::read(document)?),
            tried: tokio::sync::Mutex::new(None),
        })
    }

    /// Those of a URL, fetched when they are needed.
    pub fn at(url: &str) -> Self {
        Self { url: Some(url.to_owned()), keys: ArcSwap::default(), tried: tokio::sync::Mutex::new(None) }
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        self.keys.load_full()
    }

    /// Fetches the document anew, if that may be done again by now; whether the keys may have changed since `before`.
    pub(super) async fn refresh(&self, before: &Arc<Keys>, fetch: Option<&dyn Fetch>, now: Instant) -> bool {
        let (Some(url), Some(fetch)) = (&self.url, fetch) else { return false };
        let mut tried = self.tried.lock().await;
        if !Arc::ptr_eq(&self.keys(), before) {
            return true;
        }
        if tried.is_some_and(|at| now.saturating_duration_since(at) < REFETCH) {
            return false;
        }
        *tried = Some(now);
        let fetched = match fetch.fetch(url).await {
            Ok(document) => Keys::read(&document),
            Err(error) => Err(error),
        };
        match fetched {
            Ok(keys) => {
                self.keys.store(Arc::new(keys));
                true
            }
            Err(error) => {
                tracing::warn!(url, error, "JWKS cannot be fetched; the keys that are known stay");
                false
            }
        }
    }
}
