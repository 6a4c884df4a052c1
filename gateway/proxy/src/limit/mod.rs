//! How often a caller may call. Several windows hold at once (second, minute, hour, day), for several keys at once (the caller's tier, the caller at one
//! route, a route for all): a request passes only where all of them let it, and one that is refused is counted by none.
//!
//! **The count is a sliding one of two windows**: the requests of this window, and of the one before as large a part as still lies within a window's length:
//! `now + before * (1 - f)`, where `f` is how far this window has gone. Against an exact log of requests it is off by at most `before * max(f, 1 - f)` (rounded
//! up), which is what it does not know: when within the last window its requests came. So of a limit `L`, never more than `L` pass in one aligned window, and
//! never more than `2 L` in any window's length; both are held by property tests.
//!
//! **A burst** makes the limit of a second a bucket of `per_second + burst` requests that fills at `per_second`.
//!
//! Memory is bounded: there is room for [`KEYS`] keys, and beyond it the one of a few that was not seen for longest makes way for a new one.
//!
//! **Several nodes** share counters in Redis (`redis`): each decides by itself and tells the others what it counted; between two such exchanges nodes together
//! may exceed a limit by what they let pass in that time. Or Redis decides (`exact`). While it is gone each node goes on by itself, and catches up after.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `window` | the counting: pure |
//! | `quota` | what was written, checked: tiers, limits of routes |
//! | `store` | counters of many keys, in shards |
//! | `decision` | what a decision says, as headers and as a refusal |
//! | `redis` | sharing |

mod decision;
mod quota;
mod redis;
#[cfg(test)]
mod redis_tests;
mod store;
#[cfg(test)]
mod tests;
mod window;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use decision::Decision;
pub use quota::{Key, Quota, RoutePolicy, Tiers};
pub use redis::{Link, LinkStatus};
pub use store::Usage;

use crate::Exchange;
use store::Store;

/// Keys that are counted at once, at most; each takes about 150 bytes.
pub const KEYS: usize = 1 << 18;

/// Counts and decides. It outlives snapshots.
#[derive(Debug)]
pub struct Limiter {
    store: Store,
    /// One moment by both clocks: decisions are made by the monotonic one, windows are cut by the other, alike on all nodes.
    made: (Instant, u64),
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(KEYS)
    }
}

impl Limiter {
    /// With room for so many keys.
    pub fn new(keys: usize) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix = u64::try_from(unix.as_millis()).unwrap_or(0);
        Self { store: Store::new(keys), made: (Instant::now(), unix) }
    }

    /// Milliseconds of the Unix time.
    fn at(&self, now: Instant) -> u64 {
        let (instant, unix) = self.made;
        let since = now.saturating_duration_since(instant).as_millis();
        unix.saturating_add(u64::try_from(since).unwrap_or(0))
    }

    /// Whether a request that counts `cost` may pass; if so it is counted. At most [`store::MOST`] keys; further ones are not looked at.
    pub fn check(&self, now: Instant, keys: &[Key<'_>], cost: u32) -> Decision {
        self.store.check(self.at(now), keys, cost, true)
    }

    /// The keys of a request, and whether it may pass; nothing where it is not counted.
    pub fn admit(&self, tiers: &Tiers, route: &RoutePolicy, exchange: &Exchange) -> Option<Decision> {
        route.with_keys(tiers, exchange, |keys| self.check(exchange.at, keys, route.cost()))
    }

    /// The same, decided by Redis where the link is for that and Redis answers in time.
    pub async fn admit_exact(
        &self,
        link: &Link,
        tiers: &Tiers,
        route: &RoutePolicy,
        exchange: &Exchange,
    ) -> Option<Decision> {
        let keys = route.keys(tiers, exchange)?;
        let keys: Vec<Key<'_>> = keys.iter().flatten().copied().collect();
        Some(link.check(self, exchange.at, &keys, route.cost()).await)
    }

    /// What a key used of its quota; nothing is counted.
    pub fn usage(&self, now: Instant, key: Key<'_>) -> Vec<Usage> {
        self.store.usage(self.at(now), key)
    }

    /// Keys that are counted now.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether nothing is counted now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shares its counters, and catches up after Redis was gone; the future runs until it is dropped.
    pub async fn run(self: Arc<Self>, link: Arc<Link>) {
        link.run(&self).await;
    }
}
