//! Answers that need not be asked for again: a shared cache (RFC 9111) with stale-while-revalidate and stale-if-error (RFC 5861).
//!
//! Promises:
//! - An answer is kept only where the answer, the request and the route all allow it: never with `no-store`, `private`, `Vary: *`, a `Set-Cookie` (unless it is
//!   `public`), and for callers with credentials only under a key of their own ([`CacheRule::per_caller`]).
//! - The key has host, path and query; what `Vary` names is compared.
//! - Of those who ask for the same thing at once, one asks the service (single flight); the others wait for its answer, but not for ever.
//! - Memory is bounded by bytes. An answer that is too large flows through and is not kept; a client never waits for the cache.
//! - An unsafe request that succeeds makes what is kept under its URL unusable.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `control` | `Cache-Control`, as data |
//! | `rules` | what may be kept, for how long, and whether it may be used: pure |
//! | `flight` | one who asks for all |
//! | `tee` | keeping what flows by |

mod control;
mod flight;
mod rules;
mod tee;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use tokio::sync::watch;

pub use flight::Flight;

use crate::config::{CacheRule, CacheStore};
use crate::{Body, Exchange};
use control::Control;
use rules::{Kept, Usable};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How long those who ask for the same thing wait for the one who asks.
const PATIENCE: Duration = Duration::from_secs(10);

/// A place in the store: of a URL, which headers tell its answers apart; of an answer, the answer.
#[derive(Debug, Clone)]
enum Held {
    /// Answers of an older generation are not found any more.
    Url {
        generation: u64,
        vary: Arc<[HeaderName]>,
    },
    Answer(Arc<Kept>),
}

type Store = moka::sync::Cache<u128, Held>;

/// The cache. It outlives snapshots.
#[derive(Debug)]
pub struct Cache {
    store: ArcSwap<Store>,
    config: Mutex<CacheStore>,
    flights: Mutex<HashMap<u128, watch::Receiver<()>>>,
}

/// What a request finds.
#[derive(Debug)]
pub enum Entered {
    /// The answer.
    Answer(Response<Body>),
    /// The answer, a little old; whoever gets the flight asks for a new one in the background.
    Stale(Response<Body>, Option<Flight>),
    /// The service is to be asked, and its answer given to the flight.
    Ask(Flight),
    /// The cache has no part in it.
    Bypass,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(&CacheStore::default())
    }
}

impl Cache {
    /// With room for so many bytes.
    pub fn new(config: &CacheStore) -> Self {
        Self {
            store: ArcSwap::from_pointee(store(config)),
            config: Mutex::new(config.clone()),
            flights: Mutex::default(),
        }
    }

    /// Another size; what is kept goes if it differs.
    pub fn apply(&self, config: &CacheStore) {
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if known.max_size != config.max_size {
            self.store.store(Arc::new(store(config)));
        }
        known.clone_from(config);
    }

    /// Answers that are kept, and their bytes; both lag a little.
    pub fn size(&self) -> (u64, u64) {
        let store = self.store.load();
        (store.entry_count(), store.weighted_size())
    }

    fn largest(&self) -> u64 {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).max_answer.0
    }

    /// What is there for a request of a route that keeps answers. Waits while somebody else asks for the same.
    pub async fn enter(
        self: &Arc<Self>,
        rule: &Arc<CacheRule>,
        exchange: &Exchange,
        head: &Parts,
    ) -> Entered {
        let Some(asked) = Asked::new(rule, exchange, head) else { return Entered::Bypass };
        let mut waited = false;
        loop {
            let now = unix();
            let kept = self.find(&asked, &head.headers);
            let usable = kept.as_ref().map_or(Usable::No, |kept| kept.usable(now, &asked.control));
            match (kept, usable) {
                (Some(kept), Usable::Fresh) => return Entered::Answer(kept.answer(now, head, "hit")),
                (Some(kept), Usable::WhileRevalidating) => {
                    let answer = kept.answer(now, head, "hit; detail=stale");
                    let flight = self
                        .lead(&asked)
                        .map(|lead| Flight::new(self, rule, asked, head, Some(kept), Some(lead)));
                    return Entered::Stale(answer, flight);
                }
                (kept, _) if asked.control.only_if_cached => {
                    let mut answer = Response::new(Body::empty());
                    *answer.status_mut() = StatusCode::GATEWAY_TIMEOUT;
                    let why = if kept.is_some() { "waypost; fwd=stale" } else { "waypost; fwd=uri-miss" };
                    answer.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(why));
                    return Entered::Answer(answer);
                }
                // A client that asks whether its own copy is still good gets the service's word for it.
                (None, _) if conditional(&head.headers) => return Entered::Bypass,
                (kept, _) => match self.lead(&asked) {
                    Some(lead) => {
                        return Entered::Ask(Flight::new(self, rule, asked, head, kept, Some(lead)));
                    }
                    None if waited => return Entered::Ask(Flight::new(self, rule, asked, head, kept, None)),
                    None => {
                        waited = true;
                        self.wait(&asked).await;
                    }
                },
            }
        }
    }

    /// What is kept for a request, however old: for routes that answer so while their service is not asked.
    pub fn last(&self, rule: &Arc<CacheRule>, exchange: &Exchange, head: &Parts) -> Option<Response<Body>> {
        let asked = Asked::new(rule, exchange, head)?;
        Some(self.find(&asked, &head.headers)?.answer(unix(), head, "hit; detail=fallback"))
    }

    /// After an answer to an unsafe request: what is kept under its URL is not used any more (RFC 9111, section 4.4).
    pub fn invalidate(&self, exchange: &Exchange, head: &Parts, status: StatusCode) {
        let safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        if !safe && (status.is_success() || status.is_redirection()) {
            // With and without the query: `POST /orders?notify=1` changes `/orders` as well.
            self.store.load().invalidate(&url(exchange, head.uri.query()));
            self.store.load().invalidate(&url(exchange, None));
        }
    }

    fn find(&self, asked: &Asked, headers: &HeaderMap) -> Option<Arc<Kept>> {
        let store = self.store.load();
        let Some(Held::Url { generation, vary }) = store.get(&asked.url) else { return None };
        match store.get(&asked.variant(generation, &vary, headers)) {
            Some(Held::Answer(kept)) => Some(kept),
            _ => None,
        }
    }

    fn keep(&self, asked: &Asked, headers: &HeaderMap, kept: Kept) {
        let store = self.store.load();
        let names: Arc<[HeaderName]> = rules::vary(&kept.headers).into();
        let generation = match store.get(&asked.url) {
            Some(Held::Url { generation, vary }) if vary == names => generation,
            _ => {
                let generation = fastrand::u64(..);
                store.insert(asked.url, Held::Url { generation, vary: Arc::clone(&names) });
                generation
            }
        };
        store.insert(asked.variant(generation, &names, headers), Held::Answer(Arc::new(kept)));
    }

    /// The right to ask for all, where nobody has it.
    fn lead(self: &Arc<Self>, asked: &Asked) -> Option<flight::Lead> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.contains_key(&asked.id) {
            return None;
        }
        let (sender, receiver) = watch::channel(());
        flights.insert(asked.id, receiver);
        Some(flight::Lead::new(Arc::clone(self), asked.id, sender))
    }

    async fn wait(&self, asked: &Asked) {
        let flight = self.flights.lock().unwrap_or_else(PoisonError::into_inner).get(&asked.id).cloned();
        if let Some(mut flight) = flight {
            // It ends by being dropped.
            let _ = tokio::time::timeout(PATIENCE, flight.changed()).await;
        }
    }

    fn landed(&self, id: u128) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn store(config: &CacheStore) -> Store {
    moka::sync::Cache::builder()
        .max_capacity(config.max_size.0)
        .weigher(|_, held: &Held| match held {
            Held::Url { vary, .. } => u32::try_from(128 + vary.len() * 32).unwrap_or(u32::MAX),
            Held::Answer(kept) => u32::try_from(kept.size()).unwrap_or(u32::MAX),
        })
        .build()
}

/// A request that the cache may have a part in.
#[derive(Debug, Clone)]
struct Asked {
    /// The URL's place.
    url: u128,
    /// Whose answers these are, where callers are told apart.
    whose: u128,
    /// What flights are told apart by.
    id: u128,
    control: Control,
    credentials: bool,
    cookies: bool,
}

impl Asked {
    fn new(rule: &CacheRule, exchange: &Exchange, head: &Parts) -> Option<Self> {
        let control = Control::of(&head.headers);
        let get = matches!(head.method, Method::GET | Method::HEAD);
        if !get || control.no_store || head.headers.contains_key(header::RANGE) {
            return None;
        }
        let shown = head.headers.get(header::AUTHORIZATION);
        let credentials = exchange.caller.is_some() || shown.is_some();
        if credentials && !rule.per_caller {
            return None;
        }
        let url = url(exchange, head.uri.query());
        let whose = match (&exchange.caller, shown) {
            (Some(caller), _) => {
                hash(&[b"caller", caller.name.as_bytes(), caller.tenant.as_deref().unwrap_or("").as_bytes()])
            }
            (None, Some(shown)) => hash(&[b"shown", shown.as_bytes()]),
            (None, None) => 0,
        };
        // Which headers matter is not known before an answer; these are what answers differ by as a rule.
        let by = |name: HeaderName| head.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let id = hash(&[
            &url.to_be_bytes(),
            &whose.to_be_bytes(),
            head.method.as_str().as_bytes(),
            by(header::ACCEPT),
            by(header::ACCEPT_ENCODING),
            by(header::ACCEPT_LANGUAGE),
        ]);
        let cookies = head.headers.contains_key(header::COOKIE);
        Some(Self { url, whose, id, control, credentials, cookies })
    }

    /// The place of the answer to a request with these headers.
    fn variant(&self, generation: u64, vary: &[HeaderName], headers: &HeaderMap) -> u128 {
        let mut hasher = SipHasher13::new();
        hasher.write_u128(self.url);
        hasher.write_u128(self.whose);
        hasher.write_u64(generation);
        for name in vary {
            for value in headers.get_all(name) {
                hasher.write(value.as_bytes());
                hasher.write_u8(0);
            }
            hasher.write_u8(1);
        }
        hasher.finish128().as_u128()
    }
}

fn url(exchange: &Exchange, query: Option<&str>) -> u128 {
    let version = exchange.version.as_deref().unwrap_or("");
    hash(&[
        b"url",
        &[u8::from(exchange.secure)],
        exchange.host.as_bytes(),
        version.as_bytes(),
        exchange.path.as_bytes(),
        query.map_or(&b""[..], str::as_bytes),
        &[u8::from(query.is_some())],
    ])
}

fn hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

fn conditional(headers: &HeaderMap) -> bool {
    [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// Seconds of the Unix time.
fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// An answer's body, whole.
fn whole(bytes: &Bytes) -> Body {
    Body::full(bytes.clone())
}
