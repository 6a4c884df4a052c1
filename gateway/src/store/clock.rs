//! Time as the tables keep it: microseconds since the Unix epoch, and never backwards for writes.
//!
//! Lists are ordered by (time, id) and a statement shows a running balance, so the order of times must be the order of
//! commits even when the machine's clock steps back. A write therefore takes [`Clock::tick`].

use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that gives every write a later time than the one before.
#[derive(Debug, Default)]
pub struct Clock {
    last: AtomicI64,
}

impl Clock {
    /// A clock whose first tick is later than `last`, the newest time already stored.
    pub fn starting_at(last: i64) -> Self {
        Self { last: AtomicI64::new(last) }
    }

    /// The machine's time.
    pub fn now(&self) -> i64 {
        jiff::Timestamp::now().as_microsecond()
    }

    /// The machine's time, or one microsecond after the previous tick if that is later.
    pub fn tick(&self) -> i64 {
        self.after(self.now())
    }

    fn after(&self, now: i64) -> i64 {
        let next = |last: i64| now.max(last.saturating_add(1));
        self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last))).map_or(now, next)
    }
}

/// Writes stored microseconds as RFC 3339 in UTC: `2026-11-22T07:15:00.000001Z`.
///
/// ```
/// assert_eq!(waypost_gateway::store::clock::to_rfc3339(0), "1970-01-01T00:00:00.000000Z");
/// ```
pub fn to_rfc3339(microseconds: i64) -> String {
    // Out of range only if the row was not written by us; the epoch's end is better than a panic.
    let time = jiff::Timestamp::from_microsecond(microseconds).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.6}")
}

/// Reads RFC 3339 into microseconds; `None` if it is not a time.
///
/// ```
/// use waypost_gateway::store::clock;
/// assert_eq!(clock::from_rfc3339("1970-01-01T01:00:00+01:00"), Some(0));
/// assert_eq!(clock::from_rfc3339("yesterday"), None);
/// ```
pub fn from_rfc3339(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_only_grow_even_when_the_machine_steps_back() {
        let clock = Clock::starting_at(100);
        assert_eq!(clock.after(500), 500);
        assert_eq!(clock.after(500), 501);
        assert_eq!(clock.after(3), 502);
    }

    #[test]
    fn the_first_tick_is_later_than_the_newest_stored_time() {
        assert_eq!(Clock::starting_at(100).after(7), 101);
    }

    #[test]
    fn a_time_survives_the_way_to_text_and_back() {
        let text = to_rfc3339(1_795_331_700_123_456);
        assert_eq!(from_rfc3339(&text), Some(1_795_331_700_123_456));
    }
}
