//! A service at work: its targets, and picking one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use tokio::sync::Notify;

use super::balance::{self, Budget};
use super::health::may_eject;
use super::policy::{Policy, Spec};
use super::sticky::{self, Signer};
use super::target::{Target, TargetStatus};
use crate::config::{Balance, HashBy};

/// What a request is balanced by.
#[derive(Debug, Clone, Copy)]
pub struct PickBy<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// Whether the client's connection is TLS; a sticky cookie is then for TLS only.
    pub secure: bool,
    /// Who calls.
    pub caller: Option<&'a str>,
    /// The path, normalised.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// The request's headers, cookies among them.
    pub headers: &'a HeaderMap,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer's head came.
    Answered(StatusCode),
    /// No connection, no answer, none in time, or none that could be understood.
    Failed,
    /// The client went away first; it says nothing of the target.
    Cancelled,
}

impl Outcome {
    /// Whether the target did what it is there for. 502, 503 and 504 are a gateway's way of saying that nobody is there.
    const fn good(self) -> bool {
        match self {
            Self::Answered(status) => !matches!(status.as_u16(), 502..=504),
            Self::Failed => false,
            Self::Cancelled => true,
        }
    }
}

/// What requests see: replaced as a whole.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) policy: Arc<Policy>,
    pub(super) targets: Vec<Arc<Target>>,
    /// Whether their priorities differ.
    ranked: bool,
    /// Of sticky cookies.
    signer: Option<Signer>,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    name: Arc<str>,
    set: ArcSwap<Set>,
    /// What discovery found last; guards changes of the set as well.
    found: Mutex<Vec<Spec>>,
    /// For the algorithm that needs it, and for ejections.
    turn: Mutex<()>,
    start: AtomicUsize,
    budget: Budget,
    /// Signs sticky cookies where no key is written down.
    key: [u8; 32],
    /// Another configuration: background work begins anew.
    pub(super) changed: Notify,
    /// Discovery gave an answer, or there is nothing to discover.
    settled: AtomicBool,
}

/// What is shown of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Whether any of its targets can take requests.
    pub available: bool,
    /// Its targets.
    pub targets: Vec<TargetStatus>,
}

impl Service {
    /// One with the targets that the policy names; those to discover come with [`Self::run`]. `key` signs its cookies where the policy has none.
    pub fn new(name: impl Into<Arc<str>>, policy: Policy, key: [u8; 32], now: Instant) -> Self {
        let name = name.into();
        let budget = Budget::new(policy.budget);
        let settled = policy.discover.is_none();
        let signer = signer(&policy, &key, &name);
        let set = Set { signer, ..Set::new(Arc::new(policy), &[], &[], now) };
        Self {
            key,
            name,
            set: ArcSwap::from_pointee(set),
            found: Mutex::new(Vec::new()),
            turn: Mutex::new(()),
            start: AtomicUsize::new(0),
            budget,
            changed: Notify::new(),
            settled: AtomicBool::new(settled),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Another configuration. Targets that are still there keep their state; what was discovered stays until there is a new answer, unless it is discovered
    /// in another way from now on.
    pub fn apply(&self, policy: Policy, now: Instant) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load_full();
        if *old.policy == policy {
            return;
        }
        if old.policy.discover != policy.discover {
            found.clear();
            self.settled.store(policy.discover.is_none(), Relaxed);
        }
        if policy.active.is_none() {
            old.targets.iter().for_each(|target| target.unasked());
        }
        self.budget.configure(policy.budget);
        let signer = signer(&policy, &self.key, &self.name);
        self.set.store(Arc::new(Set { signer, ..Set::new(Arc::new(policy), &found, &old.targets, now) }));
        drop(found);
        self.changed.notify_waiters();
    }

    /// What discovery found: all targets beside those of the configuration.
    pub(super) fn discovered(&self, specs: Vec<Spec>, now: Instant) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        self.settled.store(true, Relaxed);
        if *found == specs {
            return;
        }
        *found = specs;
        let old = self.set.load_full();
        let signer = old.signer.clone();
        self.set
            .store(Arc::new(Set { signer, ..Set::new(Arc::clone(&old.policy), &found, &old.targets, now) }));
        tracing::info!(service = %self.name, targets = found.len(), "targets discovered");
    }

    pub(super) fn set(&self) -> Arc<Set> {
        self.set.load_full()
    }

    /// Whether the first answer of discovery is there, or nothing is to be discovered.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Relaxed)
    }

    /// The target of a request. `tried` were asked before for it, and are asked again only where there is no other. None where none can take requests.
    pub fn pick(self: &Arc<Self>, now: Instant, by: &PickBy<'_>, tried: &[Arc<Target>]) -> Option<Picked> {
        if tried.is_empty() {
            self.budget.first();
        }
        let set = self.set.load();
        let fresh = |target: &Target| !tried.iter().any(|other| std::ptr::eq(&raw const **other, target));
        // Best first; the rest is for bad days: outliers rather than nobody, one that was tried rather than nobody.
        let picked = self
            .choose(&set, now, by, |target| !target.ejected(now) && fresh(target))
            .or_else(|| self.choose(&set, now, by, fresh))
            .or_else(|| self.choose(&set, now, by, |target| !target.ejected(now)))
            .or_else(|| self.choose(&set, now, by, |_| true));
        let (target, cookie) = picked?;
        target.begin();
        Some(Picked { service: Arc::clone(self), target, cookie })
    }

    fn choose(
        &self,
        set: &Set,
        now: Instant,
        by: &PickBy<'_>,
        ok: impl Fn(&Target) -> bool,
    ) -> Option<(Arc<Target>, Option<HeaderValue>)> {
        let able = |target: &Target| target.weight() > 0 && target.well() && ok(target);
        let rank = if set.ranked {
            set.targets.iter().filter(|target| able(target)).map(|target| target.priority()).min()?
        } else {
            u16::MAX
        };
        let able = |target: &Target| able(target) && target.priority() <= rank;
        let targets = set.targets.as_slice();
        let one = match &set.policy.balance {
            Balance::RoundRobin => self.in_turn(targets, able),
            Balance::LeastConnections => balance::least(targets, self.start.fetch_add(1, Relaxed), able),
            Balance::Fastest => balance::fastest(targets, now, able),
            Balance::Hash(what) => match value(what, by) {
                Some(value) => balance::hashed(targets, value, able),
                None => self.in_turn(targets, able),
            },
            Balance::Sticky(config) => {
                let time = unix();
                let known = sticky::cookie(by.headers, &config.cookie)
                    .and_then(|cookie| set.signer.as_ref()?.read(cookie, time))
                    .and_then(|id| targets.iter().find(|target| target.id() == id && able(target)));
                if known.is_none() {
                    let target = self.in_turn(targets, able)?;
                    let signer = set.signer.as_ref();
                    let cookie =
                        signer.and_then(|signer| signer.cookie(config, target.id(), time, by.secure));
                    return Some((Arc::clone(target), cookie));
                }
                known
            }
        };
        one.map(|target| (Arc::clone(target), None))
    }

    fn in_turn<'a>(
        &self,
        targets: &'a [Arc<Target>],
        able: impl Fn(&Target) -> bool,
    ) -> Option<&'a Arc<Target>> {
        if let [only] = targets {
            return able(only).then_some(only);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        balance::weighted(targets, able)
    }

    /// Whether one more try may be made of a request whose first one failed; it is paid for (retry budget).
    pub fn may_retry(&self) -> bool {
        self.budget.second()
    }

    fn report(&self, target: &Target, outcome: Outcome, latency: Duration, now: Instant) {
        let set = self.set.load();
        let passive = &set.policy.passive;
        if outcome == Outcome::Cancelled || !target.report(outcome.good(), latency, now, passive) {
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if target.ejected(now) {
            return;
        }
        let (mut all, mut out, mut others) = (0, 0, 0);
        for other in set.targets.iter().filter(|other| other.weight() > 0) {
            let ejected = other.ejected(now);
            all += 1;
            out += usize::from(ejected);
            others += usize::from(!ejected && other.well() && !std::ptr::eq(&raw const **other, target));
        }
        if may_eject(all, out, others, passive) {
            target.eject(now, passive);
            tracing::warn!(service = %self.name, target = %target.key(), "target left out");
        }
    }

    /// What metrics and the API show.
    pub fn status(&self, now: Instant) -> ServiceStatus {
        let set = self.set.load();
        ServiceStatus {
            name: self.name.to_string(),
            available: set.targets.iter().any(|target| target.weight() > 0 && target.well()),
            targets: set.targets.iter().map(|target| target.status(now)).collect(),
        }
    }

    /// Its targets now.
    pub fn targets(&self) -> Vec<Arc<Target>> {
        self.set.load().targets.clone()
    }
}

impl Set {
    fn new(policy: Arc<Policy>, found: &[Spec], old: &[Arc<Target>], now: Instant) -> Self {
        let mut targets: Vec<Arc<Target>> = Vec::new();
        for spec in policy.targets.iter().chain(found) {
            let key = spec.key();
            if targets.iter().any(|target| **target.key() == *key) {
                continue;
            }
            if let Some(known) = old.iter().find(|target| **target.key() == *key && target.url() == &spec.url)
            {
                known.update(spec);
                targets.push(Arc::clone(known));
            } else {
                targets.push(Arc::new(Target::new(spec, now)));
            }
        }
        let ranked =
            targets.windows(2).any(|pair| matches!(pair, [one, other] if one.priority() != other.priority()));
        Self { policy, targets, ranked, signer: None }
    }
}

fn signer(policy: &Policy, key: &[u8], name: &str) -> Option<Signer> {
    Signer::new(policy.key.as_ref().map_or(key, sticky::Key::bytes), name)
}

/// What a request is hashed by, if it has it.
fn value(what: &HashBy, by: &PickBy<'_>) -> Option<u64> {
    let bytes = match what {
        HashBy::Address => {
            return Some(match by.client {
                IpAddr::V4(address) => balance::hash(&address.octets()),
                IpAddr::V6(address) => balance::hash(&address.octets()),
            });
        }
        HashBy::Caller => by.caller?.as_bytes(),
        HashBy::Path => by.path.as_bytes(),
        HashBy::Header(name) => by.headers.get(name)?.as_bytes(),
        HashBy::Query(name) => by
            .query?
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_bytes())?,
        HashBy::Cookie(name) => sticky::cookie(by.headers, name)?.as_bytes(),
    };
    Some(balance::hash(bytes))
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A target that takes a request: it counts as in flight until this is dropped, after the answer's last byte.
#[derive(Debug)]
pub struct Picked {
    service: Arc<Service>,
    target: Arc<Target>,
    cookie: Option<HeaderValue>,
}

impl Picked {
    /// The target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// `Set-Cookie` for the answer, where the client is to stay with this target.
    pub fn cookie(&self) -> Option<&HeaderValue> {
        self.cookie.as_ref()
    }

    /// What became of it, once the answer's head is there or cannot come any more. Without it the request counts neither way.
    pub fn report(&self, outcome: Outcome, latency: Duration, now: Instant) {
        self.service.report(&self.target, outcome, latency, now);
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.target.end();
    }
}

/// All services, by name. They outlive snapshots.
#[derive(Debug)]
pub struct Services {
    key: [u8; 32],
    services: RwLock<BTreeMap<Arc<str>, Arc<Service>>>,
}

impl Services {
    /// With the key of sticky cookies that have none of their own: any 32 random bytes.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key, services: RwLock::new(BTreeMap::new()) }
    }

    /// The service of that name with this configuration, and whether it is new: then its [`Service::run`] is to be started.
    pub fn of(&self, name: &str, policy: Policy, now: Instant) -> (Arc<Service>, bool) {
        let mut services = self.services.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(service) = services.get(name) {
            service.apply(policy, now);
            return (Arc::clone(service), false);
        }
        let name: Arc<str> = Arc::from(name);
        let service = Arc::new(Service::new(Arc::clone(&name), policy, self.key, now));
        services.insert(name, Arc::clone(&service));
        (service, true)
    }

    /// The service of that name, if there is one.
    pub fn find(&self, name: &str) -> Option<Arc<Service>> {
        self.services.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Forgets those that no configuration names any more, and tells which.
    pub fn keep(&self, names: &BTreeSet<String>) -> Vec<Arc<Service>> {
        let mut services = self.services.write().unwrap_or_else(PoisonError::into_inner);
        let gone =
            services.iter().filter(|(name, _)| !names.contains(&***name)).map(|(_, one)| Arc::clone(one));
        let gone: Vec<_> = gone.collect();
        services.retain(|name, _| names.contains(&**name));
        gone
    }

    /// All, by name.
    pub fn list(&self) -> Vec<Arc<Service>> {
        self.services.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
