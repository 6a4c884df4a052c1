//! `Retry-After` (RFC 9110, section 10.2.3) and the `RateLimit` field (draft-ietf-httpapi-ratelimit-headers): when may the next request come?

use std::time::{Duration, SystemTime};

use crate::engine::message::Headers;

/// Longer waits are cut to this: about 30 years, which is never, and safe to add to any clock.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// How long `Retry-After` asks to wait, whether it is seconds or one of the three forms of an HTTP date. A date that has passed is zero.
/// A value that is neither is as if it were not there.
pub fn retry_after(headers: &Headers, unix: Duration) -> Option<Duration> {
    parse(headers.get("retry-after")?, unix)
}

/// The same, for the value alone. `unix` is the wall clock that a date is compared with.
pub fn parse(value: &str, unix: Duration) -> Option<Duration> {
    let value = value.trim();
    if let Some(seconds) = seconds(value) {
        return Some(seconds.min(LONGEST));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(at.saturating_sub(unix).min(LONGEST))
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
