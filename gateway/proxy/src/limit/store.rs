//! Counters of many keys, in shards, each under its own lock. A check takes the locks of all its keys, in the order of the shards, so that it is one step.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::decision::{Decision, Tightest};
use super::quota::{Inner, Key};
use super::window::{Bucket, Count, WINDOWS};

/// Keys of one check, at most.
pub(super) const MOST: usize = 4;

const SHARDS: usize = 64;

/// Of so many in turn, the one that was not seen for longest makes way.
const LOOKED_AT: usize = 16;

/// What a key used of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The window: `minute`.
    pub policy: String,
    /// What it may use.
    pub limit: u32,
    /// What it used, sliding.
    pub used: u64,
}

/// The counters of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: u128,
    /// When it was last seen, milliseconds.
    seen: u64,
    pub(super) counts: [Count; 4],
    bucket: Bucket,
    per_second: u32,
    /// In the shard's list of what is to be sent.
    listed: bool,
}

/// What other nodes are to be told of a key: index of the window, requests of it, requests of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) id: u128,
    pub(super) counts: [(u64, u32, u32); 4],
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<u128, u32, BuildHasherDefault<Already>>,
    entries: Vec<Entry>,
    hand: usize,
    unsent: Vec<u32>,
}

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn write_u128(&mut self, id: u128) {
        self.0 = id as u64;
    }
}

#[derive(Debug)]
pub(super) struct Store {
    shards: Vec<Mutex<Shard>>,
    most: usize,
}

impl Store {
    pub(super) fn new(keys: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, most: keys.div_ceil(SHARDS).max(1) }
    }

    /// The high bits choose: the low ones are the map's.
    fn shard(id: u128) -> usize {
        usize::try_from((id >> 96) % SHARDS as u128).unwrap_or(0)
    }

    fn lock(&self, index: usize) -> Option<MutexGuard<'_, Shard>> {
        Some(self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn len(&self) -> usize {
        (0..SHARDS).filter_map(|index| self.lock(index)).map(|shard| shard.entries.len()).sum()
    }

    /// Decides; counts where all let it pass and it is to be `counted`.
    pub(super) fn check(&self, at: u64, keys: &[Key<'_>], cost: u32, counted: bool) -> Decision {
        let keys = keys.get(..MOST).unwrap_or(keys);
        let mut order = [usize::MAX; MOST];
        for (place, key) in order.iter_mut().zip(keys) {
            *place = Self::shard(key.id);
        }
        order.sort_unstable();
        let mut held: [Option<(usize, MutexGuard<'_, Shard>)>; MOST] = [const { None }; MOST];
        let mut last = usize::MAX;
        for (place, index) in held.iter_mut().zip(order) {
            if index != usize::MAX && index != last {
                *place = self.lock(index).map(|shard| (index, shard));
                last = index;
            }
        }
        let mut decision = Decision { allowed: true, quotas: [const { None }; MOST], tightest: None };
        for (number, key) in keys.iter().enumerate() {
            let index = Self::shard(key.id);
            let Some((_, shard)) = held.iter_mut().flatten().find(|(held, _)| *held == index) else {
                continue;
            };
            let most = self.most;
            if let Some(entry) = shard.entry(key.id, at, most) {
                entry.seen = at;
                entry.look(at, number, &key.quota.0, cost, &mut decision);
            }
            if let Some(place) = decision.quotas.get_mut(number) {
                *place = Some(Arc::clone(&key.quota.0));
            }
        }
        if decision.allowed && counted {
            for key in keys {
                let index = Self::shard(key.id);
                if let Some((_, shard)) = held.iter_mut().flatten().find(|(held, _)| *held == index) {
                    shard.count(key, at, cost);
                }
            }
            if let Some(tightest) = &mut decision.tightest {
                tightest.left = tightest.left.saturating_sub(u64::from(cost));
            }
        }
        decision
    }

    pub(super) fn usage(&self, at: u64, key: Key<'_>) -> Vec<Usage> {
        let quota = &key.quota.0;
        let mut counts = [Count::default(); 4];
        if let Some(shard) = self.lock(Self::shard(key.id))
            && let Some(entry) = shard.slots.get(&key.id).and_then(|slot| shard.entries.get(*slot as usize))
        {
            counts = entry.counts;
        }
        let windows = quota.limits.iter().zip(&quota.policies).zip(counts.iter_mut().zip(WINDOWS));
        windows
            .filter_map(|((limit, policy), (count, (_, length)))| {
                count.roll(at, length);
                let used = count.used(at, length);
                limit.map(|limit| Usage { policy: policy.clone(), limit, used })
            })
            .collect()
    }

    /// Takes what other nodes were not told yet, at most `most` keys.
    pub(super) fn take_unsent(&self, most: usize) -> Vec<Delta> {
        let mut taken = Vec::new();
        for index in 0..SHARDS {
            let Some(mut shard) = self.lock(index) else { continue };
            while taken.len() < most {
                let Some(slot) = shard.unsent.pop() else { break };
                let Some(entry) = shard.entries.get_mut(slot as usize) else { continue };
                if std::mem::take(&mut entry.listed) {
                    taken.push(Delta { id: entry.id, counts: entry.counts.each_mut().map(Count::take) });
                }
            }
        }
        taken
    }

    /// Takes back what could not be told.
    pub(super) fn give_back(&self, delta: &Delta) {
        self.with(delta.id, |entry| {
            for (count, (index, now, before)) in entry.counts.iter_mut().zip(delta.counts) {
                if count.index == index {
                    count.unsent = count.unsent.saturating_add(now);
                    count.unsent_before = count.unsent_before.saturating_add(before);
                } else if count.index == index + 1 {
                    count.unsent_before = count.unsent_before.saturating_add(now);
                }
            }
            true
        });
    }

    /// What all nodes counted together, without what is unsent here: of each window its index, its requests and those of the one before. Unless Redis decides
    /// (`exact`), a count that is known here stays: a Redis that lost its memory says less than there was.
    pub(super) fn merge(&self, id: u128, totals: &[(u64, u32, u32)], exact: bool) {
        self.with(id, |entry| {
            for (place, (count, (index, now, before))) in entry.counts.iter_mut().zip(totals).enumerate() {
                let known = count.now;
                if *index > count.index {
                    *count = Count { index: *index, now: *now, before: *before, unsent: 0, unsent_before: 0 };
                } else if *index == count.index {
                    let least = if exact { (0, 0) } else { (count.now, count.before) };
                    count.now = now.saturating_add(count.unsent).max(least.0);
                    count.before = before.saturating_add(count.unsent_before).max(least.1);
                    if place == 0 && entry.per_second > 0 {
                        // What others let pass is missing from the bucket here as well.
                        let others = count.now.saturating_sub(known);
                        entry.bucket.take(entry.seen, entry.per_second, others);
                    }
                } else if *index + 1 == count.index {
                    let least = if exact { 0 } else { count.before };
                    count.before = now.saturating_add(count.unsent_before).max(least);
                }
            }
            false
        });
    }

    /// Changes an entry, and lists it to be sent where `change` says so.
    fn with(&self, id: u128, change: impl FnOnce(&mut Entry) -> bool) {
        let Some(mut shard) = self.lock(Self::shard(id)) else { return };
        let Some(slot) = shard.slots.get(&id).copied() else { return };
        let Some(entry) = shard.entries.get_mut(slot as usize) else { return };
        if change(entry) && !std::mem::replace(&mut entry.listed, true) {
            shard.unsent.push(slot);
        }
    }
}

impl Count {
    const fn take(&mut self) -> (u64, u32, u32) {
        let taken = (self.index, self.unsent, self.unsent_before);
        self.unsent = 0;
        self.unsent_before = 0;
        taken
    }
}

impl Shard {
    /// The entry of a key, made where there is none.
    fn entry(&mut self, id: u128, at: u64, most: usize) -> Option<&mut Entry> {
        if let Some(slot) = self.slots.get(&id) {
            return self.entries.get_mut(*slot as usize);
        }
        let fresh = Entry {
            id,
            seen: at,
            counts: WINDOWS.map(|(_, length)| Count { index: at / length, ..Count::default() }),
            bucket: Bucket::default(),
            per_second: 0,
            listed: false,
        };
        let slot = if self.entries.len() < most {
            self.entries.push(fresh);
            self.entries.len() - 1
        } else {
            let slot = self.idlest()?;
            let entry = self.entries.get_mut(slot)?;
            self.slots.remove(&entry.id);
            *entry = fresh;
            slot
        };
        self.slots.insert(id, u32::try_from(slot).ok()?);
        self.entries.get_mut(slot)
    }

    /// The next entry to make way.
    fn idlest(&mut self) -> Option<usize> {
        let all = self.entries.len();
        let looked_at = (0..LOOKED_AT.min(all)).filter_map(|step| (self.hand + step).checked_rem(all));
        let idlest =
            looked_at.min_by_key(|slot| self.entries.get(*slot).map_or(u64::MAX, |entry| entry.seen));
        self.hand = (self.hand + LOOKED_AT).checked_rem(all).unwrap_or(0);
        idlest
    }

    fn count(&mut self, key: &Key<'_>, at: u64, cost: u32) {
        let Some(slot) = self.slots.get(&key.id).copied() else { return };
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        let quota = &key.quota.0;
        for (count, limit) in entry.counts.iter_mut().zip(quota.limits) {
            if limit.is_some() {
                count.add(cost);
            }
        }
        entry.per_second = 0;
        if let (Some(per_second), true) = (quota.limits[0], quota.burst > 0) {
            entry.per_second = per_second;
            entry.bucket.take(at, per_second, cost);
        }
        if !std::mem::replace(&mut entry.listed, true) {
            self.unsent.push(slot);
        }
    }
}

impl Entry {
    /// What each window says, into the decision.
    fn look(&mut self, at: u64, number: usize, quota: &Inner, cost: u32, decision: &mut Decision) {
        for (window, ((count, (_, length)), limit)) in
            self.counts.iter_mut().zip(WINDOWS).zip(quota.limits).enumerate()
        {
            count.roll(at, length);
            let Some(limit) = limit else { continue };
            let burst = window == 0 && quota.burst > 0;
            let (left, most) = if burst {
                let capacity = limit.saturating_add(quota.burst);
                (self.bucket.left(at, limit, capacity), capacity)
            } else {
                (u64::from(limit).saturating_sub(count.used(at, length)), limit)
            };
            let refused = u64::from(cost) > left;
            let when = match (refused, burst) {
                (true, true) => self.bucket.fits_at(at, limit, most, cost),
                (true, false) => count.fits_at(at, length, limit, cost),
                (false, _) => (count.index + 1) * length,
            };
            let (limit, wait) = (most, when.saturating_sub(at));
            let one = Tightest { quota: number, window, limit, left, wait };
            let tighter = match decision.tightest {
                None => true,
                Some(_) if refused && decision.allowed => true,
                Some(other) if refused => one.wait > other.wait,
                Some(_) if !decision.allowed => false,
                Some(other) => one.left * u64::from(other.limit) < other.left * u64::from(one.limit),
            };
            decision.allowed &= !refused;
            if tighter {
                decision.tightest = Some(one);
            }
        }
    }
}
