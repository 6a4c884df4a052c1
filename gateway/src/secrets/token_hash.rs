//! Keyed hashes of high-entropy secrets. Such a secret cannot be guessed, so a slow hash would buy nothing; the key makes a stolen
//! database useless for recognising tokens that were seen elsewhere.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Hashes tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenHasher {
    key: Zeroizing<[u8; 32]>,
}

/// A token's keyed hash. Compared in constant time.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHasher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { key: Zeroizing::new(*key) }
    }

    /// The hash of `token` for one purpose; the same token hashes differently for another.
    pub fn hash(&self, purpose: &str, token: &[u8]) -> TokenHash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(token);
        TokenHash(*hasher.finalize().as_bytes())
    }
}

impl TokenHash {
    /// For storage.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is what was stored.
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.0.as_slice().ct_eq(stored).into()
    }
}

impl std::fmt::Debug for TokenHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHasher([redacted])")
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_key_purpose_and_token() {
        let hasher = TokenHasher::new(&[1; 32]);
        let hash = hasher.hash("refresh", b"token");
        assert!(hash.matches(hasher.hash("refresh", b"token").as_bytes()));
        assert!(!hash.matches(hasher.hash("api key", b"token").as_bytes()));
        assert!(!hash.matches(hasher.hash("refresh", b"token2").as_bytes()));
        assert!(!hash.matches(TokenHasher::new(&[2; 32]).hash("refresh", b"token").as_bytes()));
        assert!(!hash.matches(&[]));
        let (ab, a) = (hasher.hash("ab", b"c"), hasher.hash("a", b"bc"));
        assert!(!ab.matches(a.as_bytes()), "purpose and token are kept apart");
    }
}
