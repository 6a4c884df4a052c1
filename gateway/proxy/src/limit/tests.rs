//! The counter against an exact log, the store against its bounds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use proptest::prelude::*;

use super::window::{Bucket, Count};
use super::{Limiter, Quota};
use crate::config::Rates;

const LENGTH: u64 = 1_000;

fn quota(rates: Rates) -> Quota {
    Quota::new("free", "", &rates).unwrap().unwrap()
}

fn minute(limit: u32) -> Quota {
    quota(Rates { per_minute: Some(limit), ..Rates::default() })
}

proptest! {
    #[test]
    fn it_is_off_from_an_exact_log_by_no_more_than_it_says(gaps in prop::collection::vec((0_u64..400, 1_u32..5), 1..300), limit in 1_u32..60) {
        let mut count = Count::default();
        let mut log: VecDeque<(u64, u32)> = VecDeque::new();
        let mut aligned = (0, 0);
        let mut at = 0;
        for (gap, cost) in gaps {
            at += gap;
            count.roll(at, LENGTH);
            let used = count.used(at, LENGTH);
            let exact: u64 = log.iter().filter(|(then, _)| then + LENGTH > at).map(|(_, cost)| u64::from(*cost)).sum();
            let gone = at % LENGTH;
            let bound = (u64::from(count.before) * gone.max(LENGTH - gone)).div_ceil(LENGTH);
            prop_assert!(used.abs_diff(exact) <= bound, "{used} for {exact}, at most {bound} apart");
            let fits = count.fits_at(at, LENGTH, limit, cost);
            prop_assert_eq!(fits == at, used + u64::from(cost) <= u64::from(limit));
            if fits == at {
                count.add(cost);
                log.push_back((at, cost));
                if aligned.0 != at / LENGTH {
                    aligned = (at / LENGTH, 0);
                }
                aligned.1 += u64::from(cost);
                prop_assert!(aligned.1 <= u64::from(limit));
                let within: u64 = log.iter().filter(|(then, _)| then + LENGTH > at).map(|(_, cost)| u64::from(*cost)).sum();
                prop_assert!(within <= 2 * u64::from(limit));
            } else if cost <= limit {
                // It says to the millisecond when it would fit.
                for (moment, expected) in [(fits - 1, false), (fits, true)] {
                    let mut then = count;
                    then.roll(moment, LENGTH);
                    prop_assert_eq!(then.used(moment, LENGTH) + u64::from(cost) <= u64::from(limit), expected);
                }
            }
        }
    }

    #[test]
    fn a_burst_is_a_bucket_that_fills_at_the_rate(gaps in prop::collection::vec((0_u64..600, 1_u32..4), 1..200), rate in 1_u32..40, burst in 1_u32..40) {
        let capacity = rate + burst;
        let mut bucket = Bucket::default();
        let mut exact = f64::from(capacity);
        let mut at = 1_000;
        for (gap, cost) in gaps {
            at += gap;
            exact = (exact + gap as f64 * f64::from(rate) / 1_000.0).min(f64::from(capacity));
            prop_assert!((bucket.left(at, rate, capacity) as f64 - exact).abs() < 1.001);
            let fits = bucket.fits_at(at, rate, capacity, cost);
            if fits == at {
                prop_assert!(bucket.left(at, rate, capacity) >= u64::from(cost));
                bucket.take(at, rate, cost);
                exact -= f64::from(cost);
            } else if cost <= capacity {
                prop_assert!(bucket.left(fits, rate, capacity) >= u64::from(cost));
                prop_assert!(bucket.left(fits - 1, rate, capacity) < u64::from(cost));
            }
        }
    }

    #[test]
    fn every_window_of_every_caller_holds_against_an_exact_log(
        steps in prop::collection::vec((0_usize..3, prop_oneof![4 => 0_u64..300, 2 => 0_u64..20_000, 1 => 0_u64..900_000], 1_u32..4), 1..200),
        limits in (2_u32..8, 4_u32..20, 6_u32..40),
    ) {
        let limiter = Limiter::default();
        let quota = quota(Rates { per_second: Some(limits.0), per_minute: Some(limits.1), per_hour: Some(limits.2), ..Rates::default() });
        let windows = [(1_000, limits.0), (60_000, limits.1), (3_600_000, limits.2)].map(|(length, limit)| (length, u64::from(limit)));
        let mut logs: [Vec<(u64, u64)>; 3] = Default::default();
        let mut gone = 0;
        for (caller, gap, cost) in steps {
            gone += gap;
            let at = limiter.made.1 + gone;
            let log = &mut logs[caller];
            let count = |log: &[(u64, u64)], within: std::ops::Range<u64>| -> u64 {
                log.iter().filter(|(then, _)| within.contains(then)).map(|(_, cost)| cost).sum()
            };
            // Of each window: what came within its length, how far off the count may be, and what there may be.
            let exact = windows.map(|(length, limit)| {
                let start = at - at % length;
                let before = count(log, start - length..start);
                let off = (before * (at - start).max(length - (at - start))).div_ceil(length);
                (count(log, at + 1 - length..at + 1), off, limit)
            });
            let cost_of = u64::from(cost);
            let allowed = limiter.check(limiter.made.0 + Duration::from_millis(gone), &[quota.key(&[&[caller as u8]])], cost).allowed();
            if allowed {
                for (used, off, limit) in exact {
                    prop_assert!(used + cost_of <= limit + off, "{used} and {cost} pass a limit of {limit}, at most {off} off");
                }
                log.push((at, cost_of));
                for (length, limit) in windows {
                    prop_assert!(count(log, at - at % length..at + 1) <= limit);
                    prop_assert!(count(log, at + 1 - length..at + 1) <= 2 * limit);
                }
            } else {
                let reason = exact.iter().any(|(used, off, limit)| used + off + cost_of > *limit);
                prop_assert!(reason, "{cost} are refused where {exact:?} leave room");
            }
        }
    }

    #[test]
    fn nodes_that_tell_each_other_in_any_order_and_sometimes_in_vain_know_all_in_the_end(
        steps in prop::collection::vec((0_usize..3, 0_usize..4, 1_u32..3), 1..120),
    ) {
        let now = Instant::now();
        let nodes = [(); 3].map(|()| Limiter { made: (now, 86_400_000 * 20_000), ..Limiter::default() });
        let quota = quota(Rates { per_day: Some(1_000), ..Rates::default() });
        let key = quota.key(&[b"usr_1"]);
        // What Redis knows, of the day.
        let mut shared = 0;
        let mut exchange = |node: &Limiter, arrives: bool| {
            for delta in node.store.take_unsent(10) {
                if arrives {
                    let (index, now, _) = delta.counts[3];
                    shared += now;
                    node.store.merge(delta.id, &[(0, 0, 0), (0, 0, 0), (0, 0, 0), (index, shared, 0)], false);
                } else {
                    node.store.give_back(&delta);
                }
            }
        };
        let mut passed = 0;
        for (node, what, cost) in steps {
            match what {
                0 => exchange(&nodes[node], true),
                1 => exchange(&nodes[node], false),
                _ => {
                    prop_assert!(nodes[node].check(now, &[key], cost).allowed());
                    passed += u64::from(cost);
                }
            }
        }
        for node in nodes.iter().chain(&nodes) {
            // A key is told of when it is asked for.
            prop_assert!(node.check(now, &[key], 1).allowed());
            passed += 1;
            exchange(node, true);
        }
        prop_assert_eq!(u64::from(shared), passed);
        prop_assert_eq!(nodes[2].usage(now, key)[0].used, passed);
    }

    #[test]
    fn one_that_is_refused_by_one_key_is_counted_by_none(costs in prop::collection::vec(1_u32..4, 1..80), limits in (1_u32..40, 1_u32..40)) {
        let limiter = Limiter::default();
        let now = limiter.made.0;
        let (one, two) = (minute(limits.0), minute(limits.1));
        let keys = [one.key(&[b"one"]), two.key(&[b"two"])];
        let mut passed = 0;
        for cost in costs {
            let decision = limiter.check(now, &keys, cost);
            let fits = passed + cost <= limits.0.min(limits.1);
            prop_assert_eq!(decision.allowed(), fits);
            if fits {
                passed += cost;
            }
            for key in keys {
                prop_assert_eq!(limiter.usage(now, key)[0].used, u64::from(passed));
            }
        }
    }
}

#[test]
fn all_windows_hold_at_once_and_the_tightest_speaks() {
    let limiter = Limiter::default();
    let quota = quota(Rates { per_minute: Some(3), per_day: Some(5), ..Rates::default() });
    let key = quota.key(&[b"usr_1"]);
    // The beginning of a minute that is not the last of its day.
    let start = limiter.made.0 + Duration::from_millis(60_000 - limiter.made.1 % 60_000);
    let check = |seconds: u64| limiter.check(start + Duration::from_secs(seconds), &[key], 1);
    let first = check(0);
    assert_eq!(
        (first.allowed(), first.remaining(), first.policy()),
        (true, Some(2), Some(("minute", "free")))
    );
    assert!(check(0).allowed() && check(0).allowed());
    let refused = check(1);
    assert!(!refused.allowed());
    // Of 3 in the minute before, 2 are left when a third of the next one has gone.
    assert_eq!(refused.reset(), 79);
    assert!(!check(78).allowed());
    assert!(check(80).allowed());
    assert!(check(120).allowed());
    let refused = check(200);
    assert_eq!((refused.allowed(), refused.policy()), (false, Some(("day", "free"))));
}

#[test]
fn callers_are_told_how_they_stand() {
    let limiter = Limiter::default();
    let quota = quota(Rates { per_minute: Some(60), per_day: Some(10_000), ..Rates::default() });
    let decision = limiter.check(limiter.made.0, &[quota.key(&[b"usr_1"])], 60);
    let mut headers = HeaderMap::new();
    decision.tell(&mut headers);
    assert_eq!(headers["ratelimit-policy"], "\"minute\";q=60;w=60, \"day\";q=10000;w=86400");
    let reset = decision.reset();
    assert_eq!(headers["ratelimit"], format!("\"minute\";r=0;t={reset}"));
    assert_eq!(headers["x-ratelimit-limit"], "60");
    assert_eq!(headers["x-ratelimit-remaining"], "0");
    assert_eq!(headers["x-ratelimit-reset"], reset.to_string());
    let refused = limiter.check(limiter.made.0, &[quota.key(&[b"usr_1"])], 1);
    let answer = refused.refusal().answer("req_1", "/");
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], refused.reset().to_string());
    assert_eq!(answer.headers()["ratelimit"], format!("\"minute\";r=0;t={}", refused.reset()));
}

#[test]
fn memory_is_bounded_and_the_idle_make_way() {
    let limiter = Limiter::new(640);
    let quota = minute(100);
    let busy = quota.key(&[b"busy"]);
    for turn in 0..20_000_u32 {
        let now = limiter.made.0 + Duration::from_millis(u64::from(turn / 1_000));
        let _ = limiter.check(now, &[quota.key(&[&turn.to_le_bytes()])], 1);
        if turn % 50 == 0 && turn < 2_500 {
            let _ = limiter.check(now, &[busy], 1);
        }
    }
    assert_eq!(limiter.len(), 640);
    let _ = limiter.check(limiter.made.0, &[busy], 1);
    assert_eq!(limiter.len(), 640);
}

#[test]
fn what_is_unsent_is_told_once_and_comes_back_when_it_was_not() {
    let limiter = Limiter::default();
    let now = limiter.made.0;
    let quota = minute(100);
    let key = quota.key(&[b"usr_1"]);
    let _ = limiter.check(now, &[key], 7);
    let taken = limiter.store.take_unsent(10);
    assert_eq!((taken.len(), taken[0].counts[1].1), (1, 7));
    assert!(limiter.store.take_unsent(10).is_empty());
    limiter.store.give_back(&taken[0]);
    let _ = limiter.check(now, &[key], 1);
    let taken = limiter.store.take_unsent(10);
    assert_eq!(taken[0].counts[1].1, 8);
    let index = taken[0].counts[1].0;
    // Others counted 30 as well.
    limiter.store.merge(key.id, &[(0, 0, 0), (index, 38, 0), (0, 0, 0), (0, 0, 0)], false);
    assert_eq!(limiter.usage(now, key)[0].used, 38);
}

#[test]
fn threads_never_pass_more_than_the_limit() {
    let limiter = Arc::new(Limiter::default());
    let quota = minute(1_000);
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let keys = [quota.key(&[b"a"]), quota.key(&[b"b"]), quota.key(&[b"c"])];
                    (0..2_000).filter(|_| limiter.check(limiter.made.0, &keys, 1).allowed()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1_000);
}
