//! Signed requests: `Authorization: WAYPOST-HMAC-SHA256 key=…, time=…, nonce=…, signature=…`. The signature (base64) is HMAC-SHA256 over
//! [`string_to_sign`]; time is in Unix seconds. A nonce is kept only of a signature that holds, so that nobody else can use it up.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::callers;
use super::nonce::{Nonces, Seen};
use crate::config::{self, Fault};
use crate::edge::whole::gather;
use crate::{Body, Caller, Refusal};

/// The scheme's name.
pub(super) const SCHEME: &str = "WAYPOST-HMAC-SHA256";
/// The largest body that is digested.
pub(super) const MAX_BODY: u64 = 8 << 20;

/// Callers by the name of their key.
pub struct SignatureProvider {
    callers: HashMap<String, (Vec<u8>, Arc<Caller>)>,
    max_age: u64,
    nonces: Arc<Nonces>,
}

#[derive(Deserialize)]
struct Shown {
    key: String,
    secret: String,
}

impl fmt::Debug for SignatureProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SignatureProvider").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

/// What is signed: method, path with query as it was sent, the body's SHA-256 (lower-case hex), time and nonce, each on its line.
pub fn string_to_sign(method: &Method, path_and_query: &str, body: &[u8], time: &str, nonce: &str) -> String {
    let digest =
        Sha256::digest(body).iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{method}\n{path_and_query}\n{digest}\n{time}\n{nonce}")
}

impl SignatureProvider {
    /// For a provider's `signature`; reads the file.
    ///
    /// # Errors
    /// A file that cannot be read or says something else; a secret of fewer than 16 bytes; an age of nothing or more than a day.
    pub fn new(signature: &config::SignatureProvider, nonces: Arc<Nonces>) -> Result<Self, Fault> {
        let max_age = signature.max_age.0.as_secs();
        if !(1..=86_400).contains(&max_age) {
            return Err(Fault::at("max_age", format!("`{}` is not within 1s and 1d", signature.max_age)));
        }
        let mut callers = HashMap::new();
        for entry in callers::read::<Shown>(&signature.file)? {
            let (Shown { key, secret }, caller) = entry.split();
            let wrong = |what: &str| {
                Fault::at("file", format!("`{}`: key `{key}`: {what}", signature.file.display()))
            };
            let secret = STANDARD.decode(secret).ok().filter(|secret| secret.len() >= 16);
            let secret = secret.ok_or_else(|| wrong("`secret` is not base64 of 16 bytes or more"))?;
            if callers.contains_key(&key) {
                return Err(wrong("is there twice"));
            }
            callers.insert(key, (secret, caller));
        }
        Ok(Self { callers, max_age, nonces })
    }

    /// Whether a request is signed.
    pub fn carried(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::AUTHORIZATION).iter().any(|value| parameters(value).is_some())
    }

    /// Who signed it. The body is read whole and given back.
    ///
    /// # Errors
    /// 401 for a signature that does not hold, is too old, or was seen before; 413 for a body too large to be digested; 503 while there is no room to
    /// remember nonces.
    pub async fn identify(
        &self,
        head: &request::Parts,
        body: Body,
        now: SystemTime,
    ) -> Result<(Arc<Caller>, Body), Refusal> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut values = head.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refuse("There are two Authorization headers."));
        };
        let shown = parameters(value).ok_or_else(|| refuse("The Authorization header cannot be read."))?;
        let sound =
            (8..=128).contains(&shown.nonce.len()) && shown.nonce.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound {
            return Err(refuse("The nonce is not 8 to 128 visible characters."));
        }
        let time: u64 = shown.time.parse().map_err(|_| refuse("The time is not in Unix seconds."))?;
        if now.abs_diff(time) > self.max_age {
            return Err(refuse("The signature is too old, or of a clock that is wrong."));
        }
        let signature = STANDARD.decode(shown.signature).unwrap_or_default();
        // An unknown key is worked through like a known one, so that it takes as long.
        let (secret, caller) = match self.callers.get(shown.key) {
            Some((secret, caller)) => (secret.as_slice(), Some(caller)),
            None => (&[0; 32][..], None),
        };
        let body = gather(body, MAX_BODY).await.map_err(|lost| lost.of_request(MAX_BODY))?;
        let path = head.uri.path_and_query().map_or(head.uri.path(), |path| path.as_str());
        let signed = string_to_sign(&head.method, path, &body, shown.time, shown.nonce);
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret).map_err(|_| refuse("The signature does not hold."))?;
        mac.update(signed.as_bytes());
        let holds = mac.verify_slice(&signature).is_ok();
        let Some(caller) = caller.filter(|_| holds) else {
            return Err(refuse("The signature does not hold."));
        };
        match self.nonces.insert(shown.key, shown.nonce, now, time.saturating_add(self.max_age)) {
            Seen::First => Ok((caller.clone(), Body::full(body))),
            Seen::Again => Err(refuse("This request was seen before.")),
            Seen::Full => {
                let detail = "Too many signed requests at once; try again soon.";
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nonces_full", detail)
                    .header(header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
        }
    }
}

fn refuse(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(SCHEME))
}

struct Parameters<'a> {
    key: &'a str,
    time: &'a str,
    nonce: &'a str,
    signature: &'a str,
}

fn parameters(value: &HeaderValue) -> Option<Parameters<'_>> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let mut found = [None; 4];
    for part in rest.split(',') {
        let (name, value) = part.split_once('=')?;
        let index = ["key", "time", "nonce", "signature"].iter().position(|known| *known == name.trim())?;
        let slot = found.get_mut(index)?;
        if slot.is_some() {
            return None;
        }
        *slot = Some(value.trim().trim_matches('"'));
    }
    let [Some(key), Some(time), Some(nonce), Some(signature)] = found else { return None };
    Some(Parameters { key, time, nonce, signature })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use http::Request;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn provider() -> SignatureProvider {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let secret = STANDARD.encode("0123456789abcdef");
        write!(file, "- {{key: k1, secret: {secret}, caller: billing, tenant: t1}}").unwrap();
        let signature =
            config::SignatureProvider { file: file.path().to_owned(), max_age: config::Time::s(300) };
        SignatureProvider::new(&signature, Arc::default()).unwrap()
    }

    fn signed(path: &str, body: &str, time: u64, nonce: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
        mac.update(string_to_sign(&Method::POST, path, body.as_bytes(), &time.to_string(), nonce).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        format!("{SCHEME} key=k1, time={time}, nonce={nonce}, signature={signature}")
    }

    async fn ask(
        provider: &SignatureProvider,
        authorization: &str,
        path: &str,
        body: &'static str,
    ) -> Result<String, Refusal> {
        let request = Request::post(path).header(header::AUTHORIZATION, authorization).body(()).unwrap();
        let (head, ()) = request.into_parts();
        assert!(provider.carried(&head.headers));
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let (caller, kept) = provider.identify(&head, Body::full(body), now).await?;
        assert_eq!(gather(kept, 100).await.unwrap(), body);
        Ok(caller.name.clone())
    }

    #[tokio::test]
    async fn a_signature_holds_once_for_the_request_that_it_signs() {
        let provider = provider();
        let authorization = signed("/a?b=c", "{}", NOW, "nonce-0001");
        for (path, body) in [("/a?b=d", "{}"), ("/a", "{}"), ("/a?b=c", "{ }")] {
            let refusal = ask(&provider, &authorization, path, body).await.unwrap_err();
            assert_eq!(refusal.detail(), "The signature does not hold.");
        }
        assert_eq!(ask(&provider, &authorization, "/a?b=c", "{}").await.unwrap(), "billing");
        let again = ask(&provider, &authorization, "/a?b=c", "{}").await.unwrap_err();
        assert_eq!((again.status().as_u16(), again.detail()), (401, "This request was seen before."));
    }

    #[tokio::test]
    async fn old_new_and_broken_signatures_are_refused() {
        let provider = provider();
        for time in [NOW - 301, NOW + 301] {
            assert!(ask(&provider, &signed("/a", "", time, "nonce-0002"), "/a", "").await.is_err());
        }
        assert!(ask(&provider, &signed("/a", "", NOW, "short"), "/a", "").await.is_err());
        let other = signed("/a", "", NOW, "nonce-0003").replace("key=k1", "key=k2");
        assert!(ask(&provider, &other, "/a", "").await.is_err());
        let mut headers = HeaderMap::new();
        for value in [
            "Bearer x",
            SCHEME,
            "WAYPOST-HMAC-SHA256 key=a",
            "WAYPOST-HMAC-SHA256 key=a,key=b,time=1,nonce=2,signature=3",
        ] {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            assert!(!provider.carried(&headers), "{value}");
        }
    }
}
