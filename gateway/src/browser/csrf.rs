//! Tokens of forms: a form counts only if it comes from a page that was shown to the same browser for the same thing.
//!
//! The token is a keyed hash of the browser's own secret and of what the form is about, so nothing has to be kept, and a token of one form is good for no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secrets::TokenHasher;

/// What the hash is for.
const PURPOSE: &str = "form token";

/// The token of a form about `subject`, shown to the browser with this secret.
pub(crate) fn token(hasher: &TokenHasher, secret: &str, subject: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(hasher, secret, subject).as_bytes())
}

/// Whether it is that token.
pub(crate) fn is_right(hasher: &TokenHasher, secret: &str, subject: &str, token: Option<&str>) -> bool {
    let decoded = token.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok());
    decoded.is_some_and(|decoded| hash(hasher, secret, subject).matches(&decoded))
}

fn hash(hasher: &TokenHasher, secret: &str, subject: &str) -> crate::secrets::TokenHash {
    // The secret has one length for all, so the two cannot be split elsewhere.
    hasher.hash(PURPOSE, format!("{secret}\n{subject}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{MasterKey, Secrets};

    #[test]
    fn a_token_is_good_for_one_browser_and_one_form() {
        let secrets = Secrets::new(MasterKey::new([1; 32]));
        let hasher = secrets.tokens();
        let made = token(hasher, "secret", "consent");
        assert!(is_right(hasher, "secret", "consent", Some(&made)));
        assert!(!is_right(hasher, "another", "consent", Some(&made)));
        assert!(!is_right(hasher, "secret", "sign out", Some(&made)));
        for wrong in [None, Some(""), Some("x"), Some(&made[1..])] {
            assert!(!is_right(hasher, "secret", "consent", wrong));
        }
    }
}
