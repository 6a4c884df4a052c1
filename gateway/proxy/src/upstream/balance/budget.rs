//! Second tries as a part of first ones: a service that fails is not asked twice as much for it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// One second try, in the unit that first ones pay in.
const TRY: i64 = 1_000;
/// Second tries that may be made before there were enough first ones; also as many as may be saved up.
const RESERVE: i64 = 10;

/// Tokens for second tries: each first try brings a part of one, each second try costs a whole one.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: AtomicI64,
    part: AtomicU64,
}

impl Budget {
    pub(crate) fn new(part: f64) -> Self {
        let budget = Self { tokens: AtomicI64::new(RESERVE * TRY), part: AtomicU64::new(0) };
        budget.configure(part);
        budget
    }

    pub(crate) fn configure(&self, part: f64) {
        self.part.store(part.to_bits(), Relaxed);
    }

    /// A first try is made.
    #[expect(clippy::cast_possible_truncation, reason = "0 to 1000")]
    pub(crate) fn first(&self) {
        let brings = (f64::from_bits(self.part.load(Relaxed)) * 1_000.0) as i64;
        if brings > 0 && self.tokens.load(Relaxed) < RESERVE * TRY {
            self.tokens.fetch_add(brings, Relaxed);
        }
    }

    /// Whether a second try may be made; it is paid for.
    pub(crate) fn second(&self) -> bool {
        if f64::from_bits(self.part.load(Relaxed)) <= 0.0 {
            return false;
        }
        self.tokens.fetch_update(Relaxed, Relaxed, |tokens| (tokens >= TRY).then_some(tokens - TRY)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn second_tries_stay_within_their_part(part in 0.0_f64..=1.0, tries in prop::collection::vec(any::<bool>(), 0..3_000)) {
            let budget = Budget::new(part);
            let (mut first, mut second) = (0.0, 0.0);
            for one in tries {
                if one {
                    budget.first();
                    first += 1.0;
                } else if budget.second() {
                    second += 1.0;
                }
                prop_assert!(second <= part * first + RESERVE as f64 + 0.001);
            }
        }
    }
}
