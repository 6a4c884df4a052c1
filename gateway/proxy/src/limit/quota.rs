//! What was written of limits, checked: quotas of tiers and of routes, and the keys that they are counted by.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::store::MOST;
use super::window::WINDOWS;
use crate::config::{self, Fault, Rates};
use crate::{Caller, Exchange};

/// How many requests in each window, under a name.
#[derive(Debug, Clone)]
pub struct Quota(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    /// A tier's or a route's name.
    pub(super) name: String,
    pub(super) limits: [Option<u32>; 4],
    pub(super) burst: u32,
    /// What each window is called in headers.
    pub(super) policies: [String; 4],
    pub(super) header: HeaderValue,
}

impl Quota {
    /// `prefix` sets its windows apart from those of others in the same headers; empty for a tier. Nothing where nothing is limited.
    ///
    /// # Errors
    /// A limit of nothing at all, and a burst without a limit of a second.
    pub fn new(name: &str, prefix: &str, rates: &Rates) -> Result<Option<Self>, Fault> {
        let limits = [rates.per_second, rates.per_minute, rates.per_hour, rates.per_day];
        if let Some((index, _)) = limits.iter().enumerate().find(|(_, limit)| **limit == Some(0)) {
            let window = WINDOWS.get(index).map_or("second", |(window, _)| window);
            return Err(Fault::at(
                format!("per_{window}"),
                "lets nobody call; leave it out, or refuse callers by `access`",
            ));
        }
        if rates.burst > 0 && rates.per_second.is_none() {
            return Err(Fault::at("burst", "is beyond the limit of a second, and `per_second` is absent"));
        }
        if limits.iter().all(Option::is_none) {
            return Ok(None);
        }
        let policies = WINDOWS.map(|(window, _)| format!("{prefix}{window}"));
        let mut header = String::new();
        for ((limit, policy), (_, length)) in limits.iter().zip(&policies).zip(WINDOWS) {
            if let Some(limit) = limit {
                let separator = if header.is_empty() { "" } else { ", " };
                header.push_str(&format!("{separator}\"{policy}\";q={limit};w={}", length / 1_000));
            }
        }
        let header =
            HeaderValue::try_from(header).map_err(|_| Fault::new("has a name that no header takes"))?;
        Ok(Some(Self(Arc::new(Inner {
            name: name.to_owned(),
            limits,
            burst: rates.burst,
            policies,
            header,
        }))))
    }

    /// The limit of its smallest window: what one request may cost at most if it is ever to pass.
    pub fn smallest(&self) -> u32 {
        self.0.limits.iter().flatten().copied().min().unwrap_or(u32::MAX)
    }

    /// The key of somebody: parts that together name them, and what is counted of them.
    pub fn key(&self, who: &[&[u8]]) -> Key<'_> {
        let mut hasher = SipHasher13::new();
        for part in who {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        Key { id: hasher.finish128().as_u128(), quota: self }
    }
}

/// Somebody's counters: 128 bits of a hash, so that names are neither kept nor sent, with the quota that holds for them.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    pub(super) id: u128,
    pub(super) quota: &'a Quota,
}

/// The quotas of tiers.
#[derive(Debug, Clone, Default)]
pub struct Tiers {
    enabled: bool,
    tiers: BTreeMap<String, Option<Quota>>,
}

impl Tiers {
    /// From what was written.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn new(limits: &config::Limits) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut tiers = BTreeMap::new();
        for (name, rates) in &limits.tiers {
            match Quota::new(name, "", rates) {
                Ok(quota) => {
                    tiers.insert(name.clone(), quota);
                }
                Err(fault) => faults.push(fault.under(name.clone()).under("tiers")),
            }
        }
        if let Some(redis) = &limits.redis {
            if redis.urls.is_empty() {
                faults.push(Fault::at("urls", "is empty; write redis://127.0.0.1:6379").under("redis"));
            }
            if redis.sync.0.is_zero() {
                faults.push(Fault::at("sync", "is none; write 100ms").under("redis"));
            }
        }
        if faults.is_empty() { Ok(Self { enabled: limits.enabled, tiers }) } else { Err(faults) }
    }

    /// Asks something of the counters that a caller, or an address without credentials, has under its tier; nothing where that is not limited.
    pub fn key<R>(
        &self,
        caller: Option<&Caller>,
        client: IpAddr,
        ask: impl FnOnce(Key<'_>) -> R,
    ) -> Option<R> {
        let address = network(client);
        let (kind, who) = who(caller, &address);
        Some(ask(self.of(caller)?.key(&[b"tier", kind, who])))
    }

    /// The quota of a caller: of their tier, `free` where they name none or one that is not known; `anonymous` of nobody.
    pub fn of(&self, caller: Option<&Caller>) -> Option<&Quota> {
        let tier = match caller {
            Some(caller) => {
                caller.tier.as_deref().filter(|tier| self.tiers.contains_key(*tier)).unwrap_or("free")
            }
            None => "anonymous",
        };
        self.tiers.get(tier)?.as_ref()
    }
}

/// An address as it is counted by.
fn network(client: IpAddr) -> [u8; 8] {
    match client.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        // One who has a /64 has all of its addresses.
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
    }
    .to_be_bytes()
}

/// Who is counted: a caller, or else an address.
fn who<'a>(caller: Option<&'a Caller>, address: &'a [u8]) -> (&'static [u8], &'a [u8]) {
    match caller {
        Some(caller) => (b"caller", caller.name.as_bytes()),
        None => (b"address", address),
    }
}

/// The limits of one route.
#[derive(Debug, Clone)]
pub struct RoutePolicy {
    route: Arc<str>,
    cost: u32,
    each: Option<Quota>,
    all: Option<Quota>,
    exempt: bool,
}

impl RoutePolicy {
    /// From what was written.
    ///
    /// # Errors
    /// What [`Quota::new`] says.
    pub fn new(route: &str, config: &config::RouteLimit) -> Result<Self, Fault> {
        let quota = |rates: &Option<Rates>, prefix: &str| {
            rates.as_ref().map_or(Ok(None), |rates| Quota::new(route, prefix, rates))
        };
        Ok(Self {
            route: Arc::from(route),
            cost: config.cost,
            each: quota(&config.each, "route-").map_err(|fault| fault.under("each"))?,
            all: quota(&config.all, "all-").map_err(|fault| fault.under("all"))?,
            exempt: config.exempt,
        })
    }

    /// What one request counts.
    pub const fn cost(&self) -> u32 {
        self.cost
    }

    /// The same for a request that counts as `cost` requests, and as `most` at most.
    #[must_use]
    pub fn times(&self, cost: u32, most: u32) -> Self {
        Self { cost: self.cost.saturating_mul(cost).min(most), ..self.clone() }
    }

    pub(super) fn keys<'a>(
        &'a self,
        tiers: &'a Tiers,
        exchange: &Exchange,
    ) -> Option<[Option<Key<'a>>; MOST]> {
        if !tiers.enabled || self.exempt {
            return None;
        }
        let caller = exchange.caller.as_deref();
        let address = network(exchange.client);
        let (kind, who) = who(caller, &address);
        let route = self.route.as_bytes();
        let keys = [
            tiers.of(caller).map(|quota| quota.key(&[b"tier", kind, who])),
            self.each.as_ref().map(|quota| quota.key(&[b"each", route, kind, who])),
            self.all.as_ref().map(|quota| quota.key(&[b"all", route])),
            None,
        ];
        keys.iter().any(Option::is_some).then_some(keys)
    }

    pub(super) fn with_keys<R>(
        &self,
        tiers: &Tiers,
        exchange: &Exchange,
        check: impl FnOnce(&[Key<'_>]) -> R,
    ) -> Option<R> {
        let keys = self.keys(tiers, exchange)?;
        let mut present = keys.iter().flatten();
        Some(match (present.next(), present.next(), present.next()) {
            (Some(one), None, _) => check(&[*one]),
            (Some(one), Some(two), None) => check(&[*one, *two]),
            (Some(one), Some(two), Some(three)) => check(&[*one, *two, *three]),
            (None, ..) => return None,
        })
    }
}
