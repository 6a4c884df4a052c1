//! Counters of many keys, in shards, each under its own lock. A check takes the locks of all its keys, in the order of the shards, so that it is one step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
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

/// The counters of one key. With many keys the time of a decision is the time to fetch this from memory: it is two lines of the cache, side by side.
#[derive(Debug, Clone, Copy)]
#[repr(align(128))]
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

const _: () = assert!(size_of::<Entry>() == 128, "two lines of the cache");

/// What other nodes are to be told of a key: index of the window, requests of it, requests of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) id: u128,
    pub(super) counts: [(u64, u32, u32); 4],
}

#[derive(Debug, Default)]
struct Shard {
    /// Where each key's entry is. Keys are hashes already, and stand in the entries.
    slots: HashTable<u32>,
    entries: Vec<Entry>,
    hand: usize,
    unsent: Vec<u32>,
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
        let mut slots = [None; MOST];
        for (number, (key, place)) in keys.iter().zip(&mut slots).enumerate() {
            let index = Self::shard(key.id);
            let Some((_, shard)) = held.iter_mut().flatten().find(|(held, _)| *held == index) else {
                continue;
            };
            *place = shard.slot(key.id, at, self.most);
            if let Some(entry) = place.and_then(|slot| shard.entries.get_mut(slot as usize)) {
                entry.seen = at;
                entry.look(at, number, &key.quota.0, cost, &mut decision);
            }
            if let Some(place) = decision.quotas.get_mut(number) {
                *place = Some(Arc::clone(&key.quota.0));
            }
        }
        if decision.allowed && counted {
            for (key, slot) in keys.iter().zip(slots) {
                let index = Self::shard(key.id);
                if let Some((_, shard)) = held.iter_mut().flatten().find(|(held, _)| *held == index)
                    && let Some(slot) = slot
                {
                    shard.count(slot, key, at, cost);
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
            && let Some(entry) = shard.find(key.id).and_then(|slot| shard.entries.get(slot as usize))
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
                let own = u64::from(count.index);
                if own == index {
                    count.unsent = count.unsent.saturating_add(now);
                    count.unsent_before = count.unsent_before.saturating_add(before);
                } else if own == index + 1 {
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
                let Ok(index) = u32::try_from(*index) else { continue };
                let known = count.now;
                if index > count.index {
                    *count = Count { index, now: *now, before: *before, unsent: 0, unsent_before: 0 };
                } else if index == count.index {
                    let least = if exact { (0, 0) } else { (count.now, count.before) };
                    count.now = now.saturating_add(count.unsent).max(least.0);
                    count.before = before.saturating_add(count.unsent_before).max(least.1);
                    if place == 0 && entry.per_second > 0 {
                        // What others let pass is missing from the bucket here as well.
                        let others = count.now.saturating_sub(known);
                        entry.bucket.take(entry.seen, entry.per_second, others);
                    }
                } else if index.checked_add(1) == Some(count.index) {
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
        let Some(slot) = shard.find(id) else { return };
        let Some(entry) = shard.entries.get_mut(slot as usize) else { return };
        if change(entry) && !std::mem::replace(&mut entry.listed, true) {
            shard.unsent.push(slot);
        }
    }
}

impl Count {
    const fn take(&mut self) -> (u64, u32, u32) {
        let taken = (self.index as u64, self.unsent, self.unsent_before);
        self.unsent = 0;
        self.unsent_before = 0;
        taken
    }
}

/// Half of a hash is one.
#[expect(clippy::cast_possible_truncation, reason = "that half is wanted")]
const fn half(id: u128) -> u64 {
    id as u64
}

impl Shard {
    /// Where the entry of a key is.
    fn find(&self, id: u128) -> Option<u32> {
        let is = |slot: &u32| self.entries.get(*slot as usize).is_some_and(|entry| entry.id == id);
        self.slots.find(half(id), is).copied()
    }

    /// The same; made where there is none.
    fn slot(&mut self, id: u128, at: u64, most: usize) -> Option<u32> {
        if let Some(slot) = self.find(id) {
            return Some(slot);
        }
        let fresh = Entry {
            id,
            seen: at,
            counts: WINDOWS
                .map(|(_, length)| Count { index: Count::index_of(at, length), ..Count::default() }),
            bucket: Bucket::default(),
            per_second: 0,
            listed: false,
        };
        let slot = if self.entries.len() < most {
            self.entries.push(fresh);
            u32::try_from(self.entries.len() - 1).ok()?
        } else {
            let slot = u32::try_from(self.idlest()?).ok()?;
            let entry = self.entries.get_mut(slot as usize)?;
            if let Ok(old) = self.slots.find_entry(half(entry.id), |other| *other == slot) {
                old.remove();
            }
            *entry = fresh;
            slot
        };
        let entries = &self.entries;
        let hash = |slot: &u32| entries.get(*slot as usize).map_or(0, |entry| half(entry.id));
        self.slots.insert_unique(half(id), slot, hash);
        Some(slot)
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

    fn count(&mut self, slot: u32, key: &Key<'_>, at: u64, cost: u32) {
        // Another key of the same request may have taken its place.
        let Some(entry) = self.entries.get_mut(slot as usize).filter(|entry| entry.id == key.id) else {
            return;
        };
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
                (false, _) => count.end(length),
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
