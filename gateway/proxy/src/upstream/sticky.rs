//! The cookie that keeps a caller with its target: `<target>.<end>.<signature>`. The signature is HMAC-SHA256 over service, target and end; one that is forged or
//! over is as good as none. The target is named by a hash of its URL, so the cookie tells nothing of the network behind.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, header};
use sha2::Sha256;

use crate::config::StickyCookie;

/// Half of the signature is enough, and keeps the cookie short.
const SIGNATURE: usize = 16;

/// The shortest key, in bytes.
const SHORTEST: usize = 32;

/// A key that was written down.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key")
    }
}

impl Key {
    /// Reads it; white space around it is no part of it.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let key =
            std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
        let key = key.trim_ascii();
        if key.len() < SHORTEST {
            return Err(format!("`{}` is shorter than {SHORTEST} characters", file.display()));
        }
        Ok(Self(key.to_vec()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Makes and reads the cookies of one service.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signer")
    }
}

impl Signer {
    /// With a key, for one service. Any length of key will do.
    pub(super) fn new(key: &[u8], service: &str) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(service.as_bytes());
        mac.update(&[0]);
        Some(Self(mac))
    }

    fn sign(&self, target: u64, end: u64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&target.to_be_bytes());
        mac.update(&end.to_be_bytes());
        mac
    }

    /// The target's id in a cookie's value at `now` (seconds of the Unix time).
    pub(super) fn read(&self, value: &str, now: u64) -> Option<u64> {
        let mut parts = value.splitn(3, '.');
        let target = u64::from_str_radix(parts.next()?, 16).ok()?;
        let end = parts.next()?.parse().ok()?;
        let signature = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        if signature.len() != SIGNATURE || (end != 0 && end <= now) {
            return None;
        }
        self.sign(target, end).verify_truncated_left(&signature).ok()?;
        Some(target)
    }

    /// A cookie's value.
    pub(super) fn write(&self, target: u64, end: u64) -> String {
        let signature = self.sign(target, end).finalize().into_bytes();
        let signature = signature.get(..SIGNATURE).unwrap_or_default();
        format!("{target:016x}.{end}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// `Set-Cookie` that names a target from now on (seconds of the Unix time).
    pub(super) fn cookie(
        &self,
        config: &StickyCookie,
        target: u64,
        now: u64,
        secure: bool,
    ) -> Option<HeaderValue> {
        let age = config.max_age.0.as_secs();
        let value = self.write(target, if age == 0 { 0 } else { now.saturating_add(age) });
        let age = if age == 0 { String::new() } else { format!("; Max-Age={age}") };
        let secure = if secure { "; Secure" } else { "" };
        let cookie = format!("{}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}", config.cookie);
        HeaderValue::try_from(cookie).ok()
    }
}

/// The value of a cookie of that name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Time;

    #[test]
    fn a_cookie_names_its_target_until_it_ends() {
        let signer = Signer::new(b"key", "orders").unwrap();
        let value = signer.write(42, 1_000);
        assert_eq!(signer.read(&value, 999), Some(42));
        assert_eq!(signer.read(&value, 1_000), None);
        assert_eq!(signer.read(&signer.write(42, 0), u64::MAX), Some(42));
    }

    #[test]
    fn a_forged_one_names_nothing() {
        let signer = Signer::new(b"key", "orders").unwrap();
        let value = signer.write(42, 1_000);
        for (from, to) in [("2a", "2b"), (".1000.", ".9000."), (".1000.", ".0.")] {
            assert_eq!(signer.read(&value.replacen(from, to, 1), 0), None, "{to}");
        }
        assert_eq!(Signer::new(b"other", "orders").unwrap().read(&value, 0), None);
        assert_eq!(Signer::new(b"key", "claims").unwrap().read(&value, 0), None);
        for junk in ["", ".", "..", "2a.0.", "zz.0.AAAA", "2a.x.AAAA"] {
            assert_eq!(signer.read(junk, 0), None, "{junk}");
        }
    }

    #[test]
    fn it_is_read_among_others_and_kept_from_scripts() {
        let signer = Signer::new(b"key", "orders").unwrap();
        let config = StickyCookie { max_age: Time::s(60), ..StickyCookie::default() };
        let set = signer.cookie(&config, 7, 100, true).unwrap();
        let set = set.to_str().unwrap();
        assert!(set.ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"), "{set}");
        let mut headers = HeaderMap::new();
        let pair = set.split(';').next().unwrap();
        headers.insert(header::COOKIE, HeaderValue::try_from(format!("a=\u{e9}; {pair}; c=d")).unwrap());
        assert_eq!(signer.read(cookie(&headers, "waypost_target").unwrap(), 100), Some(7));
        assert_eq!(cookie(&headers, "target"), None);
    }
}
