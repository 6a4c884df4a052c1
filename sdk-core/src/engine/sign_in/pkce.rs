//! Proof Key for Code Exchange (RFC 7636): only who began a sign-in can end it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// 32 random bytes as a verifier or a state: 43 letters that need no encoding (RFC 7636, section 4.1).
pub fn token(random: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// The challenge `S256` of a verifier (RFC 7636, section 4.2).
///
/// ```
/// use waypost::engine::sign_in::challenge;
/// assert_eq!(challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
/// ```
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}
