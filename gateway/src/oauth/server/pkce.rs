//! PKCE (RFC 7636): S256 only; `plain` would show the verifier to whoever sees the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether it is the base64url of a SHA-256.
pub(crate) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// The challenge of a verifier.
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether the verifier has a verifier's form (section 4.1) and is the one that the challenge was made of.
pub(crate) fn proves(verifier: &str, challenge: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(unreserved)
        && self::challenge(verifier).as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_holds() {
        assert_eq!(challenge(VERIFIER), CHALLENGE);
        assert!(is_challenge(CHALLENGE) && proves(VERIFIER, CHALLENGE));
    }

    #[test]
    fn any_other_verifier_proves_nothing() {
        assert!(!proves(CHALLENGE, CHALLENGE), "the challenge itself, as with `plain`");
        for verifier in ["", "short", &"a".repeat(129), &VERIFIER[1..], &format!("{VERIFIER} ")] {
            assert!(!proves(verifier, &challenge(verifier)) || verifier.len() >= 43, "{verifier}");
            assert!(!proves(verifier, CHALLENGE), "{verifier}");
        }
        for text in ["", "x", &"=".repeat(43), &CHALLENGE[1..]] {
            assert!(!is_challenge(text), "{text}");
        }
    }
}
