//! Identifiers: a prefix that names the kind and a UUIDv7, whose order is the order of creation.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use uuid::{Builder, Uuid};

/// A new identifier: `new("wal")` is `wal_0198…`. Within one process each is greater than the one before.
pub fn new(prefix: &str) -> String {
    joined(prefix, Uuid::now_v7())
}

/// A new identifier of what nobody keeps: a request. It has the form of [`new`] and asks the operating system for nothing: it is made of the time, and of
/// a number that this process gives once and others hardly ever, as it starts anywhere.
pub fn fleeting(prefix: &str) -> String {
    static START: LazyLock<[u64; 2]> = LazyLock::new(|| {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        [high, low]
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let [start, salt] = *START;
    // SplitMix64: the step is odd, so the sum takes every value before it takes one again, and the mixing keeps them apart.
    let step = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut mixed = start.wrapping_add(step);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let [first, second, ..] = salt.to_le_bytes();
    let [a, b, c, d, e, f, g, h] = mixed.to_le_bytes();
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    // The version and the variant take bits of the first and the third byte, so what tells two apart lies beside them.
    let random = [first, a, second, b, c, d, e, f, g, h];
    joined(prefix, Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// The identifier of what is the `count`th of a transaction of this time (microseconds since the Unix epoch): its order is that of times, and of counts in one.
/// The microseconds stand behind the milliseconds as RFC 9562, section 6.2, method 3 has it, the count behind them; the rest is random.
pub fn at(prefix: &str, microseconds: i64, count: u16) -> String {
    let (_, random) = Uuid::new_v4().as_u64_pair();
    // 14 bits of count and 48 of chance; the two above them are the variant's.
    let low = (u64::from(count & 0x3fff) << 48) | (random & 0xffff_ffff_ffff);
    joined(prefix, timed(microseconds, low | (0b10 << 62)))
}

/// What sorts before every identifier that [`at`] gives for this time, and behind those of earlier times. It is no identifier itself.
pub fn first_at(prefix: &str, microseconds: i64) -> String {
    joined(prefix, timed(microseconds, 0))
}

/// Times before the epoch, or too far behind it, are its ends.
fn timed(microseconds: i64, low: u64) -> Uuid {
    const MOST: u64 = (1 << 48) - 1;
    let microseconds = u64::try_from(microseconds).unwrap_or(0);
    let millis = (microseconds / 1_000).min(MOST);
    // A thousand microseconds in 4,096 steps.
    let fraction = (microseconds % 1_000) * 4_096 / 1_000;
    Uuid::from_u64_pair((millis << 16) | (0x7 << 12) | fraction, low)
}

fn joined(prefix: &str, id: Uuid) -> String {
    let mut digits = Uuid::encode_buffer();
    let digits = id.simple().encode_lower(&mut digits);
    let mut text = String::with_capacity(prefix.len() + 1 + digits.len());
    text.push_str(prefix);
    text.push('_');
    text.push_str(digits);
    text
}

/// Whether `text` has the form that [`new`] gives under this prefix.
pub fn is(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    #[test]
    fn fleeting_ids_have_the_same_form_and_never_come_twice() {
        let ids: std::collections::HashSet<String> = (0..100_000).map(|_| super::fleeting("req")).collect();
        assert_eq!(ids.len(), 100_000);
        assert!(ids.iter().all(|id| super::is("req", id)));
        let versions: std::collections::HashSet<_> = ids.iter().map(|id| &id[16..17]).collect();
        assert_eq!(versions.into_iter().collect::<Vec<_>>(), ["7"]);
    }

    #[test]
    fn ids_of_a_time_sort_by_it_and_by_their_count() {
        let start = 1_795_331_700_123_456;
        let mut ids = Vec::new();
        for microseconds in start..start + 2_500 {
            ids.push(super::first_at("evt", microseconds));
            ids.extend([0, 1, 255, 0x3fff].map(|count| super::at("evt", microseconds, count)));
        }
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| super::is("evt", id)));
        assert_eq!(&super::at("evt", start, 7)[16..17], "7", "the version");
        assert_eq!(super::first_at("evt", -1), super::first_at("evt", 0));
        assert!(super::first_at("evt", i64::MAX) > super::at("evt", start, 0));
    }

    #[test]
    fn ids_sort_by_creation() {
        let ids: Vec<String> = (0..1_000).map(|_| super::new("wal")).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| super::is("wal", id) && !super::is("pay", id)));
        assert!(!super::is("wal", "wal_"));
        assert!(!super::is("wal", &ids[0].to_uppercase()));
    }
}
