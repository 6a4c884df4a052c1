//! `Retry-After` (RFC 9110, section 10.2.3) and the `RateLimit` field (draft-ietf-httpapi-ratelimit-headers): when may the next request come?

use std::time::Duration;

use crate::engine::message::Headers;

/// Longer waits are cut to this: about 30 years, which is never, and safe to add to any clock.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// How long `Retry-After` asks to wait, whether it is seconds or one of the three forms of an HTTP date. A date that has passed is zero.
/// A value that is neither is as if it were not there.
///
/// A date is compared with the answer's own `Date`, which the same clock wrote; only without one with the caller's clock, `unix`.
pub fn retry_after(headers: &Headers, unix: Duration) -> Option<Duration> {
    let value = headers.get("retry-after")?.as_bytes().trim_ascii();
    if let Some(seconds) = seconds(value) {
        return Some(seconds.min(LONGEST));
    }
    let now = headers.get("date").and_then(|date| self::date(date.as_bytes())).unwrap_or(unix);
    Some(date(value)?.saturating_sub(now).min(LONGEST))
}

/// An HTTP date (RFC 9110, section 5.6.7) as time since 1970: `Sun, 06 Nov 1994 08:49:37 GMT`, and the two forms that recipients must still read,
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. What separates the parts is not checked; what they say is.
fn date(value: &[u8]) -> Option<Duration> {
    const NOTHING: &[u8] = &[];
    let mut parts = [NOTHING; 8];
    let mut words =
        value.split(|byte| matches!(byte, b' ' | b',' | b'-' | b':')).filter(|word| !word.is_empty());
    for (part, word) in parts.iter_mut().zip(&mut words) {
        *part = word;
    }
    let [weekday, second, third, fourth, fifth, sixth, seventh, zone] = parts;
    let (day, month, year, hour, minute, second) = match zone {
        b"GMT" => (second, third, fourth, fifth, sixth, seventh),
        b"" => (third, second, seventh, fourth, fifth, sixth),
        _ => return None,
    };
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = (1..).zip(MONTHS.chunks(3)).find(|(_, name)| *name == month)?.0;
    let full_year = match (year.len(), whole(year)?) {
        (2, year) => year + if year < 70 { 2000 } else { 1900 },
        (4, year) if year >= 1970 => year,
        _ => return None,
    };
    let (day, hour, minute, second) = (whole(day)?, whole(hour)?, whole(minute)?, whole(second)?);
    let leap =
        full_year.is_multiple_of(4) && (!full_year.is_multiple_of(100) || full_year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (1..=longest).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !valid || weekday.len() < 3 || words.next().is_some() {
        return None;
    }
    let days = days_before(full_year, month) + day - 1;
    Some(Duration::from_secs(days * 86_400 + hour * 3_600 + minute * 60 + second))
}

/// The days from 1970-01-01 to the first of a month, by the calendar whose years begin in March, so that the leap day is a year's last.
fn days_before(year: u64, month: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 - 719_468
}

/// Digits and nothing else, as a number; as the largest where they are too many.
fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

/// Seconds, as the RFC has them or with a fraction as some servers write them; a fraction is rounded up to the next second.
fn seconds(value: &[u8]) -> Option<Duration> {
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = whole(parts.next()?)?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let up = u64::from(fraction.iter().any(|digit| *digit != b'0'));
    Some(Duration::from_secs(seconds.saturating_add(up)))
}

/// How long to hold back because a limit of the `RateLimit` field is used up (`r=0`): the longest `t` of those that are. `None` when each
/// limit has room, or says nothing.
pub fn exhausted(headers: &Headers) -> Option<Duration> {
    let mut longest = None;
    for value in headers.get_all("ratelimit") {
        // The members of a structured-field list. A comma within a quoted string does not separate.
        let mut quoted = false;
        let members = value.as_bytes().split(|byte| {
            quoted ^= *byte == b'"';
            *byte == b',' && !quoted
        });
        for member in members {
            if parameter(member, b"r") == Some(0) {
                longest = longest.max(parameter(member, b"t"));
            }
        }
    }
    longest.map(|seconds| Duration::from_secs(seconds).min(LONGEST))
}

/// A whole-number parameter of a member: `r` of `"burst";r=50;t=30`.
fn parameter(member: &[u8], name: &[u8]) -> Option<u64> {
    member.split(|byte| *byte == b';').skip(1).find_map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let key = parts.next()?.trim_ascii();
        if key == name { whole(parts.next()?.trim_ascii()) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_date_is_what_the_library_for_dates_says_on_every_day_of_some_centuries() {
        for day in 0..150_000_u64 {
            let seconds = day * 86_400 + (day * 7_919) % 86_400;
            let written = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(date(written.as_bytes()), Some(Duration::from_secs(seconds)), "{written}");
        }
    }

    #[test]
    fn the_three_forms_name_the_same_moment() {
        for written in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(date(written.as_bytes()), Some(Duration::from_secs(784_111_777)), "{written}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for written in [
            "",
            "tomorrow",
            "-5",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 31 Feb 2027 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, 06 Nov 194 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 4294967295 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(date(written.as_bytes()), None, "{written}");
        }
    }
}
