//! Tokens, whole and in parts. The first byte says which: `t` a token as it is written; `f` a head and claims, one a line, that forgers sign; `s` claims that
//! the owner of the key signs.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::Caller;
use crate::config;
use crate::identity::{Jwks, JwtProvider};

/// The time that it is here.
const NOW: u64 = 1_800_000_000;
/// The secret and the public half of an Ed25519 key of tests alone (RFC 8032, section 7.1, test 1).
const SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

static PROVIDER: LazyLock<JwtProvider> = LazyLock::new(|| {
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": PUBLIC, "kid": "k1", "alg": "EdDSA", "use": "sig" }] });
    let keys = Jwks::of(jwks.to_string().as_bytes()).expect("keys");
    let written = config::JwtProvider {
        algorithms: vec!["EdDSA".to_owned(), "RS256".to_owned(), "ES256".to_owned()],
        issuer: Some("i".to_owned()),
        audiences: vec!["a".to_owned()],
        leeway: Some(config::Time::s(10)),
        ..config::JwtProvider::default()
    };
    JwtProvider::of(&written, Arc::new(keys)).expect("a provider")
});

pub(super) fn holds(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match kind {
        b't' => written(text.trim_end_matches('\n')),
        b'f' => forged(text),
        b's' => signed(text),
        _ => {}
    }
}

/// Whose token it is, if anybody's.
fn identify(token: &str) -> Option<Arc<Caller>> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    if !PROVIDER.carried(&headers) {
        return None;
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    PROVIDER.identify(&headers, None, now).now_or_never().expect("nothing is waited for").ok()
}

/// The owner's signature. An Ed25519 signature is the only one of its message.
fn sign(input: &str) -> String {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend(URL_SAFE_NO_PAD.decode(SECRET).expect("a key"));
    let key = EncodingKey::from_ed_der(&der);
    jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::EdDSA).expect("a signature")
}

fn written(token: &str) {
    if identify(token).is_some() {
        let (input, signature) = token.trim().rsplit_once('.').expect("three parts");
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        assert_eq!(bytes(signature), bytes(&sign(input)), "nobody signed {token}");
    }
}

fn forged(text: &str) {
    let (head, claims) = text.split_once('\n').unwrap_or((text, ""));
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let public = URL_SAFE_NO_PAD.decode(PUBLIC).expect("a key");
    let hmac = |secret: &[u8]| {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::HS256).expect("a signature")
    };
    let own = sign(&input);
    for signature in [
        String::new(),
        hmac(&public),
        hmac(PUBLIC.as_bytes()),
        URL_SAFE_NO_PAD.encode([0; 64]),
        // The owner's, of another message.
        sign(&format!("{input} ")),
        own.chars().rev().collect(),
    ] {
        if signature != own {
            assert!(
                identify(&format!("{input}.{signature}")).is_none(),
                "{head} {claims} passes with {signature}"
            );
        }
    }
}

fn signed(text: &str) {
    let (head, claims) = text.split_once('\n').unwrap_or(("{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", text));
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let Some(caller) = identify(&format!("{input}.{}", sign(&input))) else { return };
    let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON, since it was taken");
    let (head, claims) = (read(head), read(claims));
    assert!(head["alg"] == "EdDSA" && head.get("crit").is_none(), "{head} is taken");
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().expect("a time is a number"));
    #[expect(clippy::cast_precision_loss, reason = "small enough")]
    let now = NOW as f64;
    assert!(time("exp").expect("an end") + 10.0 > now, "{claims} has expired");
    assert!(time("nbf").is_none_or(|from| from <= now + 10.0), "{claims} does not hold yet");
    assert_eq!(claims["iss"], "i");
    let meant = |audience: &Value| audience == "a";
    assert!(meant(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(meant)));
    assert!(!caller.name.is_empty() && claims["sub"] == caller.name.as_str(), "{claims} is of {caller:?}");
}
