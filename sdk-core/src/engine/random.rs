//! Randomness, as an argument. A driver hands each call one seed of 32 bytes from a good source; everything random about the call
//! (its idempotency key, its trace id, its jitter) is derived from it, so a test that passes the seed knows every byte.

use std::fmt;

/// What a driver must draw for each call, from the operating system's generator or the browser's `crypto.getRandomValues`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seed(..)")
    }
}

impl Seed {
    /// The 16 bytes that become the idempotency key: used for nothing else, so that no header sent reveals it.
    pub(crate) fn key(&self) -> [u8; 16] {
        std::array::from_fn(|index| self.0.get(index).copied().unwrap_or_default())
    }

    /// The generator for jitter and trace ids, from the other half.
    pub(crate) fn generator(&self) -> Generator {
        let rest: [u8; 16] = std::array::from_fn(|index| self.0.get(16 + index).copied().unwrap_or_default());
        let whole = u128::from_le_bytes(rest);
        Generator { state: (whole as u64) ^ ((whole >> 64) as u64).rotate_left(32) }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state, enough for jitter and ids that need no secrecy.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
