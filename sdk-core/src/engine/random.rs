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
    /// A random UUID (RFC 9562, version 4) of the first half, which is used for nothing else: no other header sent reveals it.
    pub(crate) fn idempotency_key(&self) -> String {
        let bits = self.half(0);
        let version = (bits & !(0xf << 76)) | (0x4 << 76);
        let variant = (version & !(0x3 << 62)) | (0x2 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            variant >> 96,
            (variant >> 80) & 0xffff,
            (variant >> 64) & 0xffff,
            (variant >> 48) & 0xffff,
            variant & 0xffff_ffff_ffff
        )
    }

    /// Jitter and span ids.
    pub(crate) fn generator(&self) -> Generator {
        Generator { state: self.half(16) as u64 }
    }

    /// The trace id, apart from the loop's own stream: a plan may be driven more than once.
    pub(crate) fn trace_generator(&self) -> Generator {
        Generator { state: (self.half(16) >> 64) as u64 }
    }

    fn half(&self, from: usize) -> u128 {
        u128::from_be_bytes(std::array::from_fn(|index| {
            self.0.get(from + index).copied().unwrap_or_default()
        }))
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
