//! Keys in a header, from a list in a file. The file holds digests only; a key is long and random, so that one round of SHA-256 is enough.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::callers;
use crate::config::{self, Fault};
use crate::{Caller, Refusal};

/// Callers by the digest of their key.
pub struct KeysProvider {
    header: HeaderName,
    callers: HashMap<[u8; 32], Arc<Caller>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Shown {
    sha256: String,
}

impl fmt::Debug for KeysProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeysProvider").field("header", &self.header).finish_non_exhaustive()
    }
}

impl KeysProvider {
    /// For a provider's `keys`; reads the file.
    ///
    /// # Errors
    /// A header's name that is none; a file that cannot be read or says something else.
    pub fn new(keys: &config::KeysProvider) -> Result<Self, Fault> {
        let header = keys.header.parse::<HeaderName>();
        let header =
            header.map_err(|_| Fault::at("header", format!("`{}` is no header's name", keys.header)))?;
        let mut callers = HashMap::new();
        for (index, entry) in callers::read::<Shown>(&keys.file)?.into_iter().enumerate() {
            let (shown, caller) = entry.split();
            let Some(digest) = digest(&shown.sha256) else {
                let message = format!(
                    "`{}`: item {}: `sha256` is not 64 hexadecimal digits",
                    keys.file.display(),
                    index + 1
                );
                return Err(Fault::at("file", message));
            };
            callers.insert(digest, caller);
        }
        Ok(Self { header, callers })
    }

    /// The header that carries a key.
    pub(crate) const fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Whether a request carries a key.
    pub fn carried(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.header)
    }

    /// Whose key it is.
    ///
    /// # Errors
    /// 401 for nobody's, or two of them.
    pub fn identify(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Refusal> {
        let unknown = || {
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "invalid_key", "This key is not known.");
            refusal.header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"))
        };
        let mut keys = headers.get_all(&self.header).iter();
        let (Some(key), None) = (keys.next(), keys.next()) else { return Err(unknown()) };
        let shown: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        // How long the look-up takes tells of the digest at most, from which no key can be made; the comparison does not even tell that.
        let found = self.callers.get_key_value(&shown).filter(|(known, _)| bool::from(known.ct_eq(&shown)));
        found.map(|(_, caller)| caller.clone()).ok_or_else(unknown)
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn provider(text: &str) -> Result<KeysProvider, Fault> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        KeysProvider::new(&config::KeysProvider {
            header: "X-API-Key".to_owned(),
            file: file.path().to_owned(),
        })
    }

    #[test]
    fn a_key_names_its_caller_and_another_nobody() {
        // printf secret | sha256sum
        let keys = provider(
            "- sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n  caller: ci\n  permissions: ['orders:*']\n",
        )
        .unwrap();
        let mut headers = HeaderMap::new();
        assert!(!keys.carried(&headers));
        headers.insert("x-api-key", HeaderValue::from_static("secret"));
        assert_eq!(keys.identify(&headers).unwrap().name, "ci");
        headers.append("x-api-key", HeaderValue::from_static("secret"));
        assert_eq!(keys.identify(&headers).unwrap_err().code(), "invalid_key");
        headers.insert("x-api-key", HeaderValue::from_static("Secret"));
        assert_eq!(keys.identify(&headers).unwrap_err().status(), 401);
    }

    #[test]
    fn a_list_that_is_none_is_refused() {
        for text in [
            "- sha256: 12\n  caller: a\n",
            "- caller: a\n",
            "a: b",
            "- [",
            "- sha256: +b80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25\n  caller: a",
        ] {
            assert!(provider(text).is_err(), "{text}");
        }
    }
}
