//! Authenticated encryption of what must be read back: XChaCha20-Poly1305, whose 24-byte nonce is safe to draw at random.
//!
//! A sealed record is `key id (4) | nonce (24) | ciphertext and tag`. The context (what the record is and whose) is authenticated with
//! it, so a record that is moved to another row does not open.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Seals and opens records. Cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    inner: Arc<Inner>,
}

struct Inner {
    key_id: [u8; KEY_ID],
    cipher: XChaCha20Poly1305,
}

/// Why a record was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The system gave no random bytes, or the record is too large.
    #[error("the record could not be sealed")]
    Seal,
    /// Too short to be a sealed record.
    #[error("not a sealed record")]
    Form,
    /// Sealed under another master key.
    #[error("the record was sealed with another master key")]
    UnknownKey,
    /// Changed, or sealed under another context.
    #[error("the record is damaged or belongs elsewhere")]
    Damaged,
}

impl Sealer {
    /// A sealer with this key.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let id = blake3::derive_key("waypost-gateway 2026-11 sealing key id", key);
        let [a, b, c, d, ..] = id;
        Self { inner: Arc::new(Inner { key_id: [a, b, c, d], cipher: XChaCha20Poly1305::new(key.into()) }) }
    }

    /// Encrypts `plain`; `context` must be given again to open it.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Seal)?;
        let payload = Payload { msg: plain, aad: context };
        let ciphertext =
            self.inner.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Seal)?;
        let mut sealed = Vec::with_capacity(KEY_ID + NONCE + ciphertext.len());
        sealed.extend_from_slice(&self.inner.key_id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Decrypts what [`seal`](Self::seal) answered under the same context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID>().ok_or(SealError::Form)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Form)?;
        if *key_id != self.inner.key_id {
            return Err(SealError::UnknownKey);
        }
        let payload = Payload { msg: ciphertext, aad: context };
        self.inner.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Damaged)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_its_context_only() {
        let sealer = Sealer::new(&[1; 32]);
        let sealed = sealer.seal(b"row 1", b"secret").unwrap();
        assert_eq!(sealer.open(b"row 1", &sealed).unwrap(), b"secret");
        assert_eq!(sealer.open(b"row 2", &sealed), Err(SealError::Damaged));
        assert_eq!(Sealer::new(&[2; 32]).open(b"row 1", &sealed), Err(SealError::UnknownKey));
        assert_ne!(sealed, sealer.seal(b"row 1", b"secret").unwrap(), "each record has its own nonce");
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let sealer = Sealer::new(&[1; 32]);
        let sealed = sealer.seal(b"", b"secret").unwrap();
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(sealer.open(b"", &damaged).is_err(), "byte {index}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open(b"", &sealed[..length]).is_err(), "length {length}");
        }
    }
}
