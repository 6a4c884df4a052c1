//! A key that signs tokens: Ed25519 (RFC 8037), made of a seed, named by its thumbprint (RFC 7638).

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

/// What an Ed25519 seed is wrapped in to be PKCS#8 (RFC 8410, section 7).
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Both halves of a key and its name.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    pub(crate) public: Jwk,
}

impl SigningKey {
    /// The key of this seed.
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, jsonwebtoken::errors::Error> {
        let der = Zeroizing::new([PKCS8.as_slice(), seed].concat());
        let signing = EncodingKey::from_ed_der(&der);
        let public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)?;
        let verifying = DecodingKey::from_jwk(&public)?;
        // The thumbprint names the key by what it is, so a changed seed changes the name too.
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        Ok(Self { kid, signing, verifying, public })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
