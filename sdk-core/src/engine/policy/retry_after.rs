//! `Retry-After` (RFC 9110, section 10.2.3) and the `RateLimit` field (draft-ietf-httpapi-ratelimit-headers): when may the next request come?

use std::time::{Duration, SystemTime};

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

/// An HTTP date as time since 1970. `SystemTime` is only the type that the parser answers with: no clock is asked, so this is the same in wasm.
fn date(value: &str) -> Option<Duration> {
    httpdate::parse_http_date(value.trim()).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()
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
