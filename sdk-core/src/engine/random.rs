//! Randomness, as an argument. A driver hands each call one seed of 32 bytes from a good source; everything random about the call
//! (its idempotency key, its trace id, its jitter) is derived from it, so a test that passes the seed knows every byte.

use std::fmt;

use super::trace;

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
    pub fn idempotency_key(&self) -> String {
        let mut key = String::with_capacity(36);
        for (place, byte) in self.0.iter().take(16).enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                key.push('-');
            }
            let byte = match place {
                6 => byte & 0x0f | 0x40,
                8 => byte & 0x3f | 0x80,
                _ => *byte,
            };
            trace::push_hex(&mut key, byte);
        }
        key
    }

    /// Jitter and span ids.
    pub fn generator(&self) -> Generator {
        Generator { state: self.word(24) }
    }

    /// The trace id, apart from the loop's own stream: a plan may be driven more than once.
    pub fn trace_generator(&self) -> Generator {
        Generator { state: self.word(16) }
    }

    /// The eight bytes from here.
    fn word(&self, from: usize) -> u64 {
        self.0.iter().skip(from).take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state, enough for jitter and ids that need no secrecy.
#[derive(Debug, Clone)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
