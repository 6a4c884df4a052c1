//! The time that a question is about. Pure.

use crate::http::{Error, FieldError};
use crate::store::clock::to_rfc3339;
use crate::store::list;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The longest time that is added up for one question.
const LONGEST: i64 = 31 * DAY;

/// A time, milliseconds of the Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    /// From what was asked; `now` in microseconds.
    pub(super) fn new(from: Option<&str>, to: Option<&str>, now: i64) -> Result<Self, Error> {
        let wrong = |pointer: &str, detail: &str| {
            let (pointer, detail) = (format!("query:{pointer}"), detail.to_owned());
            Error::invalid(vec![FieldError { pointer, code: "range".into(), detail }])
        };
        let to = list::time("to", to)?.unwrap_or(now) / 1_000;
        let from = list::time("from", from)?.map_or(to - HOUR, |from| from / 1_000);
        if from >= to {
            return Err(wrong("from", "is not before `to`"));
        }
        if to - from > LONGEST {
            return Err(wrong("from", "is more than 31 days before `to`; ask for less at once"));
        }
        Ok(Self { from, to })
    }

    /// Both ends as texts.
    pub(super) fn shown(self) -> (String, String) {
        (to_rfc3339(self.from * 1_000), to_rfc3339(self.to * 1_000))
    }

    /// The beginning of the step that a time lies in; steps of all spans begin alike.
    pub(super) const fn step_of(at: i64, length: i64) -> i64 {
        at - at.rem_euclid(if length < 1 { 1 } else { length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_last_hour_unless_told_and_no_longer_than_a_month() {
        let now = 10 * HOUR * 1_000;
        assert_eq!(Span::new(None, None, now).unwrap(), Span { from: 9 * HOUR, to: 10 * HOUR });
        let (from, to) = (Some("1970-01-01T01:00:00Z"), Some("1970-01-01T02:00:00Z"));
        assert_eq!(Span::new(from, to, now).unwrap(), Span { from: HOUR, to: 2 * HOUR });
        assert_eq!(Span::new(to, from, now).unwrap_err().status, 422);
        assert_eq!(Span::new(from, Some("1970-03-01T00:00:00Z"), now).unwrap_err().status, 422);
        assert_eq!(Span::step_of(HOUR + 61_000, 60_000), HOUR + 60_000);
    }
}
