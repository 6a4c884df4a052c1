//! Rate limits: how often a caller may call. Pure; `now` is passed in.
//!
//! A window is a sliding one made of two counters: what was counted in the present interval, and what of the interval before
//! it still lies within the window, taken as evenly spread. It needs a few bytes a caller, never allows more than the limit
//! and a rounding, and gives back what was used bit by bit. All windows of a tier hold at once: a call that one of them refuses
//! is counted by none.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use crate::config::Rates;

/// The windows of a tier, shortest first.
#[derive(Debug, Clone)]
pub struct Plan {
    windows: Vec<Window>,
    policy: Option<HeaderValue>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    name: &'static str,
    limit: u32,
    length: Duration,
}

impl Plan {
    /// From the configuration; a plan without windows limits nothing.
    pub fn new(rates: &Rates) -> Self {
        let windows: Vec<_> = [
            ("second", rates.per_second, 1),
            ("minute", rates.per_minute, 60),
            ("hour", rates.per_hour, 3_600),
            ("day", rates.per_day, 86_400),
        ]
        .into_iter()
        .filter_map(|(name, limit, seconds)| {
            Some(Window { name, limit: limit?, length: Duration::from_secs(seconds) })
        })
        .collect();
        let policy: Vec<_> = windows
            .iter()
            .map(|w| format!("\"{}\";q={};w={}", w.name, w.limit, w.length.as_secs()))
            .collect();
        let policy = if policy.is_empty() { None } else { HeaderValue::try_from(policy.join(", ")).ok() };
        Self { windows, policy }
    }

    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        self.windows.is_empty()
    }

    /// The `RateLimit-Policy` header.
    pub fn policy(&self) -> Option<&HeaderValue> {
        self.policy.as_ref()
    }
}

/// What one caller has used, a counter pair a window of the plan.
#[derive(Debug, Clone, Default)]
pub struct Used {
    counters: Vec<Counter>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    /// Of the window that it counts for.
    length: Duration,
    interval: u64,
    present: u32,
    previous: u32,
}

/// What a caller has left after a call, by the window that is nearest to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// `minute`.
    pub window: &'static str,
    /// Calls that the window allows.
    pub limit: u32,
    /// Calls that are left.
    pub remaining: u32,
    /// Seconds until there is more: until one call is possible where none is left, else until the interval ends.
    pub reset: u64,
    /// Whether this call may go on. If not, `reset` is the time to wait.
    pub allowed: bool,
}

impl Used {
    /// Takes `cost` calls at `now` if every window allows it. `None` if the plan limits nothing.
    /// A cost above a limit is taken as the limit: such a call is possible, and takes all of it.
    pub fn take(&mut self, plan: &Plan, cost: u32, now: Duration) -> Option<Quota> {
        // Under another plan than before the windows are others, and start afresh.
        let lengths = || plan.windows.iter().map(|window| window.length);
        if !self.counters.iter().map(|counter| counter.length).eq(lengths()) {
            self.counters = lengths().map(|length| Counter { length, ..Counter::default() }).collect();
        }
        let pairs = || plan.windows.iter().zip(&self.counters);
        let refused = pairs()
            .map(|(window, counter)| (window, counter.at(window, now)))
            .filter(|(window, counter)| counter.estimate(window, now) + cost.min(window.limit) > window.limit)
            .map(|(window, counter)| Quota {
                window: window.name,
                limit: window.limit,
                remaining: window.limit.saturating_sub(counter.estimate(window, now)),
                reset: seconds(counter.wait(window, cost.min(window.limit), now)),
                allowed: false,
            })
            .max_by_key(|quota| quota.reset);
        if refused.is_some() {
            return refused;
        }
        let mut tightest: Option<Quota> = None;
        for (window, counter) in plan.windows.iter().zip(&mut self.counters) {
            *counter = counter.at(window, now);
            counter.present = counter.present.saturating_add(cost.min(window.limit));
            let remaining = window.limit.saturating_sub(counter.estimate(window, now));
            if tightest.is_none_or(|tightest| remaining < tightest.remaining) {
                let wait = match remaining {
                    0 => counter.wait(window, 1, now),
                    _ => window.length - offset(window, now),
                };
                let (window, limit) = (window.name, window.limit);
                tightest = Some(Quota { window, limit, remaining, reset: seconds(wait), allowed: true });
            }
        }
        tightest
    }

    /// Whether forgetting it would change nothing.
    fn is_spent(&self, now: Duration) -> bool {
        self.counters.iter().all(|counter| interval(counter.length, now).saturating_sub(counter.interval) > 1)
    }
}

impl Counter {
    /// The counter as it stands at `now`.
    fn at(self, window: &Window, now: Duration) -> Self {
        let interval = interval(window.length, now);
        match interval.saturating_sub(self.interval) {
            0 => self,
            1 => Self { interval, present: 0, previous: self.present, ..self },
            _ => Self { interval, present: 0, previous: 0, ..self },
        }
    }

    /// Calls within the window that ends now, rounded up. The counter stands at `now`.
    fn estimate(&self, window: &Window, now: Duration) -> u32 {
        let left = window.length - offset(window, now);
        let share = u128::from(self.previous) * left.as_micros();
        let share = share.div_ceil(window.length.as_micros().max(1));
        self.present.saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
    }

    /// How long until `cost` calls fit. The counter stands at `now`.
    fn wait(&self, window: &Window, cost: u32, now: Duration) -> Duration {
        let left = window.length - offset(window, now);
        let allowed = window.limit.saturating_sub(cost);
        if self.present <= allowed && self.previous > 0 {
            // In this interval, when no more of the one before counts than there is room for.
            let room = allowed - self.present;
            let share = window.length.mul_f64(f64::from(room.min(self.previous)) / f64::from(self.previous));
            return left.saturating_sub(share);
        }
        if self.present <= allowed {
            return Duration::ZERO;
        }
        // In the next interval, when enough of this one has passed out of the window.
        let share = window.length.mul_f64(f64::from(allowed) / f64::from(self.present.max(1)));
        left + (window.length - share)
    }
}

fn interval(length: Duration, now: Duration) -> u64 {
    now.as_secs() / length.as_secs().max(1)
}

/// How far the present interval has gone.
fn offset(window: &Window, now: Duration) -> Duration {
    let start = interval(window.length, now).saturating_mul(window.length.as_secs());
    now.saturating_sub(Duration::from_secs(start))
}

fn seconds(wait: Duration) -> u64 {
    let whole = wait.as_secs();
    (if wait.subsec_nanos() > 0 { whole + 1 } else { whole }).max(1)
}

/// Whose calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who<'c> {
    /// An address; of IPv6 the network of 64 bits, as one caller has all of it.
    Address(IpAddr),
    /// A user under a tier, whatever the credential: more keys of a tier are not more calls.
    User(&'c str, &'c str),
}

/// Calls of every caller. Bounded: what is spent is forgotten.
#[derive(Debug)]
pub struct Limiter {
    /// Callers are known by a keyed hash. That two share one is as likely as guessing a 64-bit number.
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    callers: HashMap<u64, Used>,
    /// Size at which spent callers are looked for.
    sweep_at: usize,
}

/// Shards, so that callers seldom wait for each other. A power of two.
const SHARDS: usize = 16;

/// Smallest size at which a shard is swept.
const SWEEP_FROM: usize = 1024;

impl Default for Limiter {
    fn default() -> Self {
        let shard = || Mutex::new(Shard { callers: HashMap::new(), sweep_at: SWEEP_FROM });
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }
}

impl Limiter {
    /// Takes `cost` calls of the caller at `now`.
    pub fn take(&self, who: Who<'_>, plan: &Plan, cost: u32, now: Duration) -> Option<Quota> {
        if plan.is_unlimited() || cost == 0 {
            return None;
        }
        let key = self.hasher.hash_one(who.network());
        let shard = self.shards.get(usize::try_from(key >> 32).unwrap_or(0) % SHARDS)?;
        // A poisoned shard holds whole numbers all the same: counters have no half-written state.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.callers.len() >= shard.sweep_at {
            shard.callers.retain(|_, used| !used.is_spent(now));
            shard.sweep_at = SWEEP_FROM.max(shard.callers.len() * 2);
        }
        shard.callers.entry(key).or_default().take(plan, cost, now)
    }
}

impl Who<'_> {
    fn network(self) -> Self {
        match self {
            Who::Address(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => Who::Address(IpAddr::V4(address)),
                None => Who::Address(IpAddr::V6((u128::from(address) >> 64 << 64).into())),
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(per_second: Option<u32>, per_minute: Option<u32>, per_day: Option<u32>) -> Plan {
        Plan::new(&Rates { per_second, per_minute, per_hour: None, per_day })
    }

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_limit_allows_as_many_calls_as_it_says_and_then_says_when() {
        let (plan, mut used) = (plan(None, Some(3), None), Used::default());
        let quotas: Vec<_> = (0..3).map(|_| used.take(&plan, 1, at(6.0)).unwrap()).collect();
        assert_eq!(quotas.iter().map(|quota| quota.remaining).collect::<Vec<_>>(), [2, 1, 0]);
        assert!(quotas.iter().all(|quota| quota.allowed));
        let refused = used.take(&plan, 1, at(6.0)).unwrap();
        assert!(!refused.allowed);
        // Interval ends at 60; a third of 3 calls must have passed: 20 seconds into the next one.
        assert_eq!(refused.reset, 54 + 20);
    }

    #[test]
    fn the_time_to_wait_is_true_and_not_late() {
        for calls_before in 0..=5 {
            for start in [0.0, 13.7, 59.9] {
                let (plan, mut used) = (plan(None, Some(5), None), Used::default());
                for _ in 0..calls_before {
                    used.take(&plan, 1, at(start));
                }
                let mut now = at(start + 55.0);
                while let Some(quota) = used.take(&plan, 1, now)
                    && quota.allowed
                {}
                let wait = used.take(&plan, 1, now).unwrap().reset;
                let mut early = used.clone();
                if wait > 2 {
                    let soon = now + Duration::from_secs(wait - 2);
                    assert!(
                        !early.take(&plan, 1, soon).unwrap().allowed,
                        "could have been {wait} - 2 earlier"
                    );
                }
                now += Duration::from_secs(wait);
                assert!(used.take(&plan, 1, now).unwrap().allowed, "{calls_before} {start} {wait}");
            }
        }
    }

    #[test]
    fn no_window_of_a_minute_ever_holds_more_than_the_limit_and_a_rounding() {
        let (plan, mut used) = (plan(None, Some(60), None), Used::default());
        let mut allowed = Vec::new();
        for tick in 0..6_000 {
            let now = Duration::from_millis(tick * 50);
            if used.take(&plan, 1, now).unwrap().allowed {
                allowed.push(now);
            }
        }
        // Evenly spread callers get what they were promised.
        assert!((290..=310).contains(&allowed.len()), "{}", allowed.len());
    }

    #[test]
    fn every_window_holds_and_a_refused_call_is_counted_by_none() {
        let (plan, mut used) = (plan(Some(2), Some(3), None), Used::default());
        assert!(used.take(&plan, 1, at(0.0)).unwrap().allowed);
        assert!(used.take(&plan, 1, at(0.0)).unwrap().allowed);
        assert_eq!(used.take(&plan, 1, at(0.0)).unwrap().window, "second");
        assert!(used.take(&plan, 1, at(2.0)).unwrap().allowed, "the refused call took nothing of the minute");
        assert_eq!(used.take(&plan, 1, at(4.0)).unwrap().window, "minute");
    }

    #[test]
    fn the_tightest_window_is_told() {
        let (plan, mut used) = (plan(Some(10), Some(60), Some(10_000)), Used::default());
        let quota = used.take(&plan, 1, at(0.2)).unwrap();
        assert_eq!((quota.window, quota.limit, quota.remaining, quota.reset), ("second", 10, 9, 1));
        assert_eq!(
            plan.policy().unwrap(),
            "\"second\";q=10;w=1, \"minute\";q=60;w=60, \"day\";q=10000;w=86400"
        );
    }

    #[test]
    fn a_dear_call_takes_more_and_one_dearer_than_the_limit_takes_all() {
        let (plan, mut used) = (plan(None, Some(10), None), Used::default());
        assert_eq!(used.take(&plan, 4, at(0.0)).unwrap().remaining, 6);
        assert!(!used.take(&plan, 7, at(0.0)).unwrap().allowed);
        assert_eq!(Used::default().take(&plan, 50, at(0.0)).unwrap().remaining, 0);
    }

    #[test]
    fn callers_are_kept_apart_and_networks_together() {
        let (limiter, plan) = (Limiter::default(), plan(None, Some(1), None));
        let take = |who| limiter.take(who, &plan, 1, at(0.0)).unwrap().allowed;
        assert!(take(Who::User("usr_1", "free")) && take(Who::User("usr_2", "free")));
        assert!(!take(Who::User("usr_1", "free")));
        let address = |text: &str| Who::Address(text.parse().unwrap());
        assert!(take(address("2001:db8::1")));
        assert!(!take(address("2001:db8::2")), "the same network");
        assert!(take(address("2001:db8:0:1::1")));
        assert!(take(address("10.0.0.1")) && !take(address("::ffff:10.0.0.1")));
        assert!(
            limiter.take(Who::User("usr_1", "free"), &plan, 0, at(0.0)).is_none(),
            "what costs nothing is not limited"
        );
    }

    #[test]
    fn spent_callers_are_forgotten() {
        let (limiter, plan) = (Limiter::default(), plan(None, Some(100), None));
        for caller in 0..40_000 {
            limiter.take(Who::User(&caller.to_string(), "free"), &plan, 1, Duration::from_secs(caller / 10));
        }
        let known: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().callers.len()).sum();
        assert!(known < 20_000, "{known}");
    }
}
