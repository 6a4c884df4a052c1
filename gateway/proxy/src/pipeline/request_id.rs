//! `X-Request-Id`: one name for a request in every log on its way.

use std::cell::Cell;

use http::{HeaderMap, HeaderValue};

use super::X_REQUEST_ID;
use crate::observe::hexadecimal;

/// The longest that is taken over from a client.
const LONGEST: usize = 128;

/// The client's, where it is 1 to 128 letters, digits, `-`, `_`, `.`; else a new one of `req_` and 32 hexadecimal digits. As a text and as a header.
pub(crate) fn of(headers: &HeaderMap) -> (String, Option<HeaderValue>) {
    let given = headers.get(X_REQUEST_ID);
    match given.and_then(|given| Some((given.to_str().ok()?, given))).filter(|(text, _)| well_formed(text)) {
        Some((text, given)) => (text.to_owned(), Some(given.clone())),
        None => {
            let id = fresh();
            (std::str::from_utf8(&id).unwrap_or_default().to_owned(), HeaderValue::from_bytes(&id).ok())
        }
    }
}

fn well_formed(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

thread_local! {
    /// Where a thread's numbers began, and the next.
    static NEXT: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

fn fresh() -> [u8; 36] {
    let (thread, number) = NEXT.get().unwrap_or_else(|| {
        use std::hash::{BuildHasher as _, RandomState};
        (RandomState::new().hash_one(1_u8), RandomState::new().hash_one(2_u8))
    });
    NEXT.set(Some((thread, number.wrapping_add(1))));
    // Neighbours in time are to look different: the numbers are stirred (SplitMix64), which keeps them apart.
    let mut stirred = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    stirred = (stirred ^ (stirred >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    stirred = (stirred ^ (stirred >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    stirred ^= stirred >> 31;
    let mut id = *b"req_00000000000000000000000000000000";
    let (_, digits) = id.split_at_mut(4);
    hexadecimal(digits, &(u128::from(thread) << 64 | u128::from(stirred)).to_be_bytes());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_id_is_kept_and_any_other_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("req_01.A-z"));
        assert_eq!(of(&headers).0, "req_01.A-z");
        for bad in ["", "a b", "a\"b", "{}"] {
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(bad));
            assert_eq!(of(&headers).0.len(), 36, "{bad}");
        }
        let mut seen = std::collections::HashSet::new();
        assert!((0..1000).all(|_| seen.insert(fresh())));
    }
}
