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
    let value = headers.get("retry-after")?.trim();
    if let Some(seconds) = seconds(value) {
        return Some(seconds.min(LONGEST));
    }
    let now = headers.get("date").and_then(date).unwrap_or(unix);
    Some(date(value)?.saturating_sub(now).min(LONGEST))
}

/// An HTTP date (RFC 9110, section 5.6.7) as time since 1970: `Sun, 06 Nov 1994 08:49:37 GMT`, and the two forms that recipients must still read,
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. What separates the parts is not checked; what they say is.
fn date(value: &str) -> Option<Duration> {
    let mut parts = [""; 8];
    let mut words = value.split([' ', ',', '-', ':']).filter(|word| !word.is_empty());
    for (part, word) in parts.iter_mut().zip(&mut words) {
        *part = word;
    }
    let [weekday, second, third, fourth, fifth, sixth, seventh, zone] = parts;
    let (day, month, year, hour, minute, second) = match zone {
        "GMT" => (second, third, fourth, fifth, sixth, seventh),
        "" => (third, second, seventh, fourth, fifth, sixth),
        _ => return None,
    };
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let place = (0..12).find(|place| MONTHS.get(place * 3..place * 3 + 3) == Some(month))?;
    let month = u32::try_from(place).ok()? + 1;
    let full_year = match (year.len(), number(year)?) {
        (2, year) => year + if year < 70 { 2000 } else { 1900 },
        (4, year) if year >= 1970 => year,
        _ => return None,
    };
    let (day, hour, minute, second) = (number(day)?, number(hour)?, number(minute)?, number(second)?);
    let leap =
        full_year.is_multiple_of(4) && (!full_year.is_multiple_of(100) || full_year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (1..=longest).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !valid || weekday.len() < 3 || words.next().is_some() {
        return None;
    }
    let days = days_before(full_year, month) + day - 1;
    Some(Duration::from_secs(u64::from(days) * 86_400 + u64::from(hour * 3_600 + minute * 60 + second)))
}

/// The days from 1970-01-01 to the first of a month, by the calendar whose years begin in March, so that the leap day is a year's last.
fn days_before(year: u32, month: u32) -> u32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 - 719_468
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Seconds, as the RFC has them or with a fraction as some servers write them; a fraction is rounded up to the next second.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // Only too many digits can fail here, and those are more than the longest wait.
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(whole.saturating_add(up)))
}

/// How long to hold back because a limit of the `RateLimit` field is used up (`r=0`): the longest `t` of those that are. `None` when each
/// limit has room, or says nothing.
pub fn exhausted(headers: &Headers) -> Option<Duration> {
    headers
        .get_all("ratelimit")
        .flat_map(members)
        .filter(|member| parameter(member, "r") == Some(0))
        .filter_map(|member| parameter(member, "t"))
        .max()
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST))
}

/// The members of a structured-field list. A comma within a quoted string does not separate.
fn members(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// A whole-number parameter of a member: `r` of `"burst";r=50;t=30`.
fn parameter(member: &str, name: &str) -> Option<u64> {
    member.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().parse().ok()).flatten()
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
            assert_eq!(date(&written), Some(Duration::from_secs(seconds)), "{written}");
        }
    }

    #[test]
    fn the_three_forms_name_the_same_moment() {
        for written in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(date(written), Some(Duration::from_secs(784_111_777)), "{written}");
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
            assert_eq!(date(written), None, "{written}");
        }
    }
}
