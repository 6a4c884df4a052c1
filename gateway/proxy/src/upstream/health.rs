//! How a target is, as pure state: thresholds of our own questions, and the time that one which fails clients is left out for.

use crate::config::{ActiveHealth, PassiveHealth};

/// What our own questions found. A target that was never asked is well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) well: bool,
    streak: u16,
}

impl Asked {
    pub(super) const fn new() -> Self {
        Self { well: true, streak: 0 }
    }

    /// One more answer; whether it changed anything.
    pub(super) const fn answer(&mut self, good: bool, policy: &ActiveHealth) -> bool {
        if good == self.well {
            self.streak = 0;
            return false;
        }
        self.streak = self.streak.saturating_add(1);
        let needed = if good { policy.healthy } else { policy.unhealthy };
        if self.streak < needed {
            return false;
        }
        self.well = good;
        self.streak = 0;
        true
    }
}

/// How it treated clients. Times are milliseconds of any clock that only rises.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Treated {
    streak: u16,
    /// Ejections that still count against it.
    times: u32,
    /// The end of the last one.
    pub(super) until: u64,
}

impl Treated {
    /// One more request; whether it is to be left out for it.
    pub(super) const fn outcome(&mut self, good: bool, policy: &PassiveHealth) -> bool {
        if good {
            self.streak = 0;
            return false;
        }
        self.streak = self.streak.saturating_add(1);
        policy.failures > 0 && self.streak >= policy.failures
    }

    /// Leaves it out from `now` on. The time grows by one `eject` with each time in a row; for each `eject` that it did well since, one is forgotten.
    pub(super) fn eject(&mut self, now: u64, policy: &PassiveHealth) {
        let unit = ms(policy.eject.0).max(1);
        let longest = ms(policy.max_eject.0).max(unit);
        if self.times > 0 {
            let forgiven = now.saturating_sub(self.until) / unit;
            self.times = self.times.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        }
        self.times = self.times.saturating_add(1);
        self.streak = 0;
        self.until = now.saturating_add(unit.saturating_mul(u64::from(self.times)).min(longest));
    }

    pub(super) const fn ejected(&self, now: u64) -> bool {
        now < self.until
    }

    /// Our own question was answered: it may come back at once.
    pub(super) const fn clear(&mut self) {
        *self = Self { streak: 0, times: self.times, until: 0 };
    }
}

/// Whether one more of `all` may be left out when `out` are already and `others` would remain that can take requests.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of targets"
)]
pub(super) fn may_eject(all: usize, out: usize, others: usize, policy: &PassiveHealth) -> bool {
    let most =
        ((all as f64 * policy.max_ejected).floor() as usize).max(usize::from(policy.max_ejected > 0.0));
    others >= 1 && out < most
}

pub(super) fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Time;

    #[test]
    fn a_target_changes_only_after_so_many_answers_in_a_row() {
        let policy = ActiveHealth { healthy: 2, unhealthy: 3, ..ActiveHealth::default() };
        let mut asked = Asked::new();
        for good in [false, false, true, false, false] {
            assert!(!asked.answer(good, &policy));
        }
        assert!(asked.answer(false, &policy));
        assert!(!asked.well);
        assert!(!asked.answer(true, &policy));
        assert!(!asked.answer(false, &policy));
        assert!(!asked.answer(true, &policy));
        assert!(asked.answer(true, &policy));
        assert!(asked.well);
    }

    #[test]
    fn it_is_left_out_for_longer_each_time_and_forgiven_as_slowly() {
        let policy =
            PassiveHealth { failures: 1, eject: Time::ms(100), max_eject: Time::ms(250), max_ejected: 0.5 };
        let mut treated = Treated::default();
        let mut now = 0;
        for expected in [100, 200, 250, 250] {
            assert!(treated.outcome(false, &policy));
            treated.eject(now, &policy);
            assert_eq!(treated.until - now, expected);
            now = treated.until;
        }
        now += 300;
        treated.eject(now, &policy);
        assert_eq!(treated.until - now, 200, "three were forgotten of four");
    }

    proptest! {
        #[test]
        fn one_always_remains(all in 1_usize..20, part in 0.0_f64..=1.0, order in prop::collection::vec(any::<usize>(), 0..60)) {
            let policy = PassiveHealth { max_ejected: part, ..PassiveHealth::default() };
            let mut out = vec![false; all];
            for index in order {
                let index = index % all;
                let gone = out.iter().filter(|out| **out).count();
                let others = out.iter().enumerate().filter(|(other, out)| *other != index && !**out).count();
                if !out[index] && may_eject(all, gone, others, &policy) {
                    out[index] = true;
                }
                prop_assert!(out.iter().any(|out| !out));
            }
        }
    }
}
