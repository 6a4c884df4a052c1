//! Nonces that were seen: each is accepted once within the time in which its signature holds. Bounded; when it is full of nonces that still count, further
//! signatures are refused rather than replays let through.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// How many are kept.
pub(super) const MAX_NONCES: usize = 200_000;

/// Nonces by digest, and until when they count (Unix seconds).
#[derive(Debug, Default)]
pub struct Nonces(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    until: HashMap<[u8; 16], u64>,
    swept: u64,
}

/// What became of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// It is new, and kept now.
    First,
    /// It was there.
    Again,
    /// There is no room.
    Full,
}

impl Nonces {
    /// Keeps a key's nonce until a time; both in Unix seconds.
    pub fn insert(&self, key: &str, nonce: &str, now: u64, until: u64) -> Seen {
        self.insert_within(MAX_NONCES, key, nonce, now, until)
    }

    fn insert_within(&self, most: usize, key: &str, nonce: &str, now: u64, until: u64) -> Seen {
        let mut hash = Sha256::new();
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update(nonce);
        let mut digest = [0; 16];
        for (byte, from) in digest.iter_mut().zip(hash.finalize()) {
            *byte = from;
        }
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if store.until.get(&digest).is_some_and(|until| *until >= now) {
            return Seen::Again;
        }
        if store.until.len() >= most && store.swept != now {
            store.swept = now;
            store.until.retain(|_, until| *until >= now);
        }
        if store.until.len() >= most && !store.until.contains_key(&digest) {
            return Seen::Full;
        }
        store.until.insert(digest, until);
        Seen::First
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_nonce_counts_once_within_its_time_and_for_its_key() {
        let nonces = Nonces::default();
        assert_eq!(nonces.insert("a", "1", 100, 200), Seen::First);
        assert_eq!(nonces.insert("a", "1", 200, 300), Seen::Again);
        assert_eq!(nonces.insert("a1", "", 100, 200), Seen::First);
        assert_eq!(nonces.insert("a", "1", 201, 300), Seen::First);
    }

    #[test]
    fn a_full_store_refuses_and_makes_room_for_what_is_over() {
        let nonces = Nonces::default();
        for nonce in ["1", "2"] {
            assert_eq!(nonces.insert_within(2, "a", nonce, 100, 110), Seen::First);
        }
        assert_eq!(nonces.insert_within(2, "a", "3", 110, 120), Seen::Full);
        assert_eq!(nonces.insert_within(2, "a", "3", 111, 120), Seen::First);
        assert_eq!(nonces.insert_within(2, "a", "1", 111, 120), Seen::First);
    }

    proptest! {
        #[test]
        fn no_nonce_passes_twice_while_it_counts(steps in proptest::collection::vec((0u8..4, 0u64..5), 1..60)) {
            let nonces = Nonces::default();
            let (mut now, mut kept) = (0, HashMap::new());
            for (nonce, wait) in steps {
                now += wait;
                let seen = nonces.insert_within(3, "k", &nonce.to_string(), now, now + 6);
                if seen == Seen::First {
                    prop_assert!(kept.insert(nonce, now + 6).is_none_or(|until| until < now));
                }
            }
        }
    }
}
