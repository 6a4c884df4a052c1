//! Whose turn it is. Each way chooses among those targets that `ok` lets through; none allocates.

mod budget;

use std::cmp::Ordering;
use std::hash::Hasher as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use siphasher::sip::SipHasher13;

use super::target::Target;

pub(super) use budget::Budget;

/// The value of some bytes: the same in every process, so that nodes agree on whose target is whose.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Smooth weighted round robin, nginx's algorithm: of weights 5, 1, 1 the first is taken five times of seven, and not in a row. Under the service's lock.
pub(super) fn weighted(targets: &[Arc<Target>], ok: impl Fn(&Target) -> bool) -> Option<&Arc<Target>> {
    let mut total = 0;
    let mut best: Option<(&Arc<Target>, i64)> = None;
    for target in targets.iter().filter(|target| ok(target)) {
        let weight = i64::from(target.weight());
        let current = target.current.fetch_add(weight, Relaxed) + weight;
        total += weight;
        if best.is_none_or(|(_, most)| current > most) {
            best = Some((target, current));
        }
    }
    let (target, _) = best?;
    target.current.fetch_sub(total, Relaxed);
    Some(target)
}

/// The fewest requests in flight for its weight. Of equals, the first from `start` on, which turns.
pub(super) fn least(
    targets: &[Arc<Target>],
    start: usize,
    ok: impl Fn(&Target) -> bool,
) -> Option<&Arc<Target>> {
    let (before, from) = targets.split_at_checked(start.checked_rem(targets.len())?)?;
    let mut best: Option<(&Arc<Target>, u64, u64)> = None;
    for target in from.iter().chain(before).filter(|target| ok(target)) {
        let (load, weight) = (u64::from(target.in_flight()) + 1, u64::from(target.weight()));
        if best.is_none_or(|(_, least, of)| load * of < least * weight) {
            best = Some((target, load, weight));
        }
    }
    best.map(|(target, ..)| target)
}

/// The better of two at random: the power of two choices over the expected wait (peak-EWMA).
pub(super) fn fastest(
    targets: &[Arc<Target>],
    now: Instant,
    ok: impl Fn(&Target) -> bool,
) -> Option<&Arc<Target>> {
    if targets.is_empty() {
        return None;
    }
    let first = at_random(targets, |target| ok(target))?;
    let Some(second) = at_random(targets, |target| ok(target) && !std::ptr::eq(target, &raw const **first))
    else {
        return Some(first);
    };
    Some(if second.load(now) < first.load(now) { second } else { first })
}

fn at_random(targets: &[Arc<Target>], ok: impl Fn(&Target) -> bool) -> Option<&Arc<Target>> {
    for _ in 0..3 {
        let target = targets.get(fastrand::usize(..targets.len()))?;
        if ok(target) {
            return Some(target);
        }
    }
    let (before, from) = targets.split_at_checked(fastrand::usize(..targets.len()))?;
    from.iter().chain(before).find(|target| ok(target))
}

/// How far above its share a hashed target's requests in flight may go before its values overflow to their next choice.
const OVER: f64 = 1.25;

/// Weighted rendezvous hashing with bounded loads: every target has a score for the value, and the highest one that is not full takes it. When a target leaves,
/// only its own values move, each to its next choice; when one is full, only what is beyond goes there.
pub(super) fn hashed(
    targets: &[Arc<Target>],
    value: u64,
    ok: impl Fn(&Target) -> bool,
) -> Option<&Arc<Target>> {
    let (mut in_flight, mut weights) = (1.0, 0.0);
    for target in targets.iter().filter(|target| ok(target)) {
        in_flight += f64::from(target.in_flight());
        weights += f64::from(target.weight());
    }
    let full = |target: &Target| {
        let share = (OVER * in_flight * f64::from(target.weight()) / weights).ceil();
        f64::from(target.in_flight()) + 1.0 > share
    };
    targets
        .iter()
        .filter(|target| ok(target) && !full(target))
        .map(|target| (target, score(value, target)))
        .max_by(|(_, one), (_, other)| one.partial_cmp(other).unwrap_or(Ordering::Equal))
        .map(|(target, _)| target)
}

/// Chances are as weights: `-w / ln(u)` of a uniform `u` is the highest for each target in that part of the values.
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
fn score(value: u64, target: &Target) -> f64 {
    // The finaliser of splitmix64.
    let mut mixed = value ^ target.id();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let uniform = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(target.weight()) / uniform.ln()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::policy::Spec;
    use super::*;
    use crate::config::{PassiveHealth, Target as Written, WeightedTarget};

    fn targets(weights: &[u16]) -> Vec<Arc<Target>> {
        let now = Instant::now();
        let written = |(index, weight): (usize, &u16)| {
            Written::Weighted(WeightedTarget { url: format!("http://10.0.0.{index}:80"), weight: *weight })
        };
        weights
            .iter()
            .enumerate()
            .map(|one| Arc::new(Target::new(&Spec::new(&written(one)).unwrap(), now)))
            .collect()
    }

    fn heavy(target: &Target) -> bool {
        target.weight() > 0
    }

    #[test]
    fn it_goes_round_as_nginx_does() {
        let targets = targets(&[5, 1, 1]);
        let order: Vec<_> =
            (0..7).map(|_| weighted(&targets, heavy).unwrap().key().as_bytes()[14] - b'0').collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn each_round_gives_every_target_exactly_its_weight(weights in prop::collection::vec(0_u16..20, 1..8)) {
            let targets = targets(&weights);
            let round: u32 = weights.iter().map(|weight| u32::from(*weight)).sum();
            for _ in 0..3 {
                let mut taken = HashMap::new();
                for _ in 0..round {
                    *taken.entry(Arc::clone(weighted(&targets, heavy).unwrap().key())).or_insert(0_u32) += 1;
                }
                for target in &targets {
                    prop_assert_eq!(taken.get(target.key()).copied().unwrap_or(0), target.weight());
                }
            }
        }

        #[test]
        fn when_a_target_leaves_only_its_values_move(weights in prop::collection::vec(1_u16..9, 2..9), gone in any::<prop::sample::Index>()) {
            let before = targets(&weights);
            let gone = Arc::clone(gone.get(&before));
            for value in 0..500_u64 {
                let value = hash(&value.to_le_bytes());
                let first = hashed(&before, value, heavy).unwrap();
                let then = hashed(&before, value, |target| !std::ptr::eq(target, &raw const *gone)).unwrap();
                if Arc::ptr_eq(first, &gone) {
                    prop_assert!(!Arc::ptr_eq(then, &gone));
                } else {
                    prop_assert!(Arc::ptr_eq(first, then));
                }
            }
        }

        #[test]
        fn a_hashed_target_is_never_far_above_its_share(weights in prop::collection::vec(1_u16..5, 1..8), values in prop::collection::vec(0_u64..4, 1..200)) {
            let targets = targets(&weights);
            let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (count, value) in values.iter().enumerate() {
                let target = hashed(&targets, hash(&value.to_le_bytes()), heavy).unwrap();
                target.begin();
                let share = OVER * (count as f64 + 1.0) * f64::from(target.weight()) / all;
                prop_assert!(f64::from(target.in_flight()) <= share.ceil());
            }
        }

        #[test]
        fn least_connections_keeps_requests_in_flight_by_weight(weights in prop::collection::vec(1_u16..6, 1..6), ends in prop::collection::vec(any::<usize>(), 0..100)) {
            let targets = targets(&weights);
            let mut held: Vec<Arc<Target>> = Vec::new();
            for (turn, end) in ends.into_iter().enumerate() {
                let target = Arc::clone(least(&targets, turn, heavy).unwrap());
                let load = |target: &Target| f64::from(target.in_flight() + 1) / f64::from(target.weight());
                prop_assert!(targets.iter().all(|other| load(&target) <= load(other)));
                target.begin();
                held.push(target);
                if end % 3 == 0 {
                    held.swap_remove(end % held.len()).end();
                }
            }
        }
    }

    #[test]
    fn hashed_shares_are_as_weights() {
        let targets = targets(&[1, 2, 5]);
        let mut taken = HashMap::new();
        for value in 0..40_000_u64 {
            let target = hashed(&targets, hash(&value.to_le_bytes()), heavy).unwrap();
            *taken.entry(target.weight()).or_insert(0_u32) += 1;
        }
        for (weight, expected) in [(1, 5_000), (2, 10_000), (5, 25_000)] {
            assert!(taken[&weight].abs_diff(expected) < expected / 20, "{weight}: {}", taken[&weight]);
        }
    }

    #[test]
    fn the_fast_get_more_than_the_slow_and_a_failing_one_is_not_fast() {
        let targets = targets(&[1, 1, 1]);
        let now = Instant::now();
        let policy = PassiveHealth::default();
        targets[0].report(true, Duration::from_millis(5), now, &policy);
        targets[1].report(true, Duration::from_millis(80), now, &policy);
        targets[2].report(false, Duration::from_millis(1), now, &policy);
        let mut taken = [0; 3];
        for _ in 0..3_000 {
            let target = fastest(&targets, now, heavy).unwrap();
            taken[targets.iter().position(|other| Arc::ptr_eq(other, target)).unwrap()] += 1;
        }
        // The worst of three is taken only against itself, and it never is.
        assert!(taken[0] > 1_700 && taken[1] > 700 && taken[2] == 0, "{taken:?}");
    }

    #[test]
    fn none_is_chosen_where_none_is_ok() {
        let targets = targets(&[0, 0]);
        assert!(weighted(&targets, heavy).is_none() && least(&targets, 7, heavy).is_none());
        assert!(fastest(&targets, Instant::now(), heavy).is_none() && hashed(&targets, 1, heavy).is_none());
        assert!(least(&[], 1, heavy).is_none() && fastest(&[], Instant::now(), heavy).is_none());
    }
}
