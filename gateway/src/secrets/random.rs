//! Random secrets, as text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// 256 random bits as 43 characters of base64url.
pub fn token() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_tokens_differ() {
        let (one, other) = (super::token().unwrap(), super::token().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
    }
}
