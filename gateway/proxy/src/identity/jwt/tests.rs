use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;

/// An Ed25519 key of the tests alone (RFC 8032 section 7.1, test 1), as PKCS#8.
fn key() -> EncodingKey {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
        0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ]);
    EncodingKey::from_ed_der(&der)
}

const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn jwks(kid: &str) -> Vec<u8> {
    json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": PUBLIC, "kid": kid, "alg": "EdDSA", "use": "sig"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "hmac", "alg": "HS256"},
        {"kty": "XYZ", "kid": "odd"},
    ]})
    .to_string()
    .into_bytes()
}

fn config() -> config::JwtProvider {
    config::JwtProvider {
        jwks_url: Some("https://issuer.example/jwks".to_owned()),
        algorithms: vec!["EdDSA".to_owned()],
        issuer: Some("https://issuer.example".to_owned()),
        audiences: vec!["waypost".to_owned()],
        leeway: Some(config::Time::s(10)),
        tenant_claim: Some("org.id".to_owned()),
        permissions_claim: Some("scope".to_owned()),
        tier_claim: Some("https://issuer.example/tier".to_owned()),
        ..Default::default()
    }
}

fn provider() -> JwtProvider {
    JwtProvider {
        keys: Arc::new(Jwks::of(&jwks("k1")).unwrap()),
        ..JwtProvider::new(&config(), &Memory::default()).unwrap()
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": ["other", "waypost"], "sub": "usr_1", "exp": NOW + 60, "org": {"id": "t1"},
        "scope": "orders:read orders:write", "https://issuer.example/tier": "premium",
    })
}

fn sign(kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, &key()).unwrap()
}

async fn ask(
    provider: &JwtProvider,
    token: &str,
    fetch: Option<&dyn Fetch>,
) -> Result<Arc<Caller>, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    if !provider.carried(&headers) {
        return Err("not carried");
    }
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    provider.identify(&headers, fetch, now).await.map_err(|refusal| {
        assert_eq!((refusal.status().as_u16(), refusal.code()), (401, "invalid_token"));
        // The texts are all of the program's own.
        Box::leak(refusal.detail().to_owned().into_boxed_str()) as &str
    })
}

#[tokio::test]
async fn a_token_says_who_calls() {
    let caller = ask(&provider(), &sign(Some("k1"), &claims()), None).await.unwrap();
    assert_eq!(caller.name, "usr_1");
    assert_eq!((caller.tenant.as_deref(), caller.tier.as_deref()), (Some("t1"), Some("premium")));
    assert_eq!(caller.permissions, ["orders:read", "orders:write"]);
    assert!(ask(&provider(), &sign(None, &claims()), None).await.is_ok());
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    for (claim, value, why) in [
        ("exp", json!(NOW - 10), "The token has expired."),
        ("exp", json!(null), "A time of the token is none."),
        ("nbf", json!(NOW + 11), "The token does not hold yet."),
        ("iss", json!("https://evil.example"), "The token is of another issuer."),
        ("aud", json!("waypos"), "The token is for another audience."),
        ("aud", json!(null), "The token is for another audience."),
        ("sub", json!(""), "The token does not say whose it is."),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        assert_eq!(ask(&provider(), &sign(Some("k1"), &claims), None).await.unwrap_err(), why);
    }
    let mut claims = claims();
    claims["exp"] = json!(NOW - 9);
    assert!(ask(&provider(), &sign(Some("k1"), &claims), None).await.is_ok(), "within the leeway");
    claims.as_object_mut().unwrap().remove("exp");
    assert!(ask(&provider(), &sign(Some("k1"), &claims), None).await.is_err());
}

#[tokio::test]
async fn neither_none_nor_a_secret_made_of_the_public_key_nor_another_key_passes() {
    let provider = provider();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", part(json!({"alg": "none"})), part(claims()));
    assert_eq!(ask(&provider, &none, None).await.unwrap_err(), "The token's algorithm is not taken.");
    for kid in ["k1", "hmac"] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_owned());
        for secret in [PUBLIC.as_bytes(), b"secret"] {
            let forged = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(
                ask(&provider, &forged, None).await.unwrap_err(),
                "The token's algorithm is not taken."
            );
        }
    }
    let good = sign(Some("k1"), &claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let other = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    assert_eq!(ask(&provider, &other, None).await.unwrap_err(), "The token's signature does not hold.");
    assert_eq!(
        ask(&provider, &sign(Some("k2"), &claims()), None).await.unwrap_err(),
        "The token's key is not known."
    );
    let critical =
        format!("{}.{}.AA", part(json!({"alg": "EdDSA", "kid": "k1", "crit": ["x"]})), part(claims()));
    assert_eq!(ask(&provider, &critical, None).await.unwrap_err(), "The token cannot be read.");
}

struct Issuer {
    asked: AtomicUsize,
    document: Vec<u8>,
}

impl Fetch for Issuer {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Bytes, String>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Bytes::from(self.document.clone()))
        })
    }
}

#[tokio::test]
async fn an_issuers_keys_are_fetched_by_one_and_not_again_for_each_unknown_key() {
    let provider = JwtProvider::new(&config(), &Memory::default()).unwrap();
    let issuer = Issuer { asked: AtomicUsize::new(0), document: jwks("k1") };
    let (good, bad) = (sign(Some("k1"), &claims()), sign(Some("k9"), &claims()));
    let all = (0..20).map(|_| ask(&provider, &good, Some(&issuer)));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    for _ in 0..20 {
        assert!(ask(&provider, &bad, Some(&issuer)).await.is_err());
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_new_key_is_taken_after_a_minute_and_a_failing_issuer_changes_nothing() {
    let keys = Jwks::at("https://issuer.example/jwks");
    let start = Instant::now();
    let one = Issuer { asked: AtomicUsize::new(0), document: jwks("k1") };
    assert!(keys.refresh(&keys.keys(), Some(&one), start).await);
    let two = Issuer { asked: AtomicUsize::new(0), document: jwks("k2") };
    assert!(!keys.refresh(&keys.keys(), Some(&two), start + Duration::from_secs(59)).await);
    assert!(keys.refresh(&keys.keys(), Some(&two), start + Duration::from_secs(60)).await);
    assert!(keys.keys().find(Some("k2"), Algorithm::EdDSA).is_some());
    let broken = Issuer { asked: AtomicUsize::new(0), document: b"<html>".to_vec() };
    assert!(!keys.refresh(&keys.keys(), Some(&broken), start + Duration::from_secs(120)).await);
    assert!(keys.keys().find(Some("k2"), Algorithm::EdDSA).is_some());
}

#[test]
fn a_provider_that_pins_nothing_is_refused() {
    let of = |change: fn(&mut config::JwtProvider)| {
        let mut jwt = config();
        change(&mut jwt);
        JwtProvider::new(&jwt, &Memory::default()).is_err()
    };
    assert!(of(|jwt| jwt.algorithms.clear()));
    assert!(of(|jwt| jwt.algorithms = vec!["none".to_owned()]));
    assert!(of(|jwt| jwt.algorithms.push("HS256".to_owned())));
    assert!(of(|jwt| jwt.jwks_url = None));
    assert!(of(|jwt| jwt.jwks_url = Some("ftp://x".to_owned())));
    assert!(of(|jwt| jwt.jwks_file = Some("x".into())));
}

#[test]
fn keys_for_other_things_are_passed_over() {
    assert!(serde_json::from_value::<Jwk>(json!({"kty": "oct", "k": "c2VjcmV0"})).is_ok());
    for document in [r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, r#"{"keys":[]}"#, "{}", "[]", "x"] {
        assert!(Jwks::of(document.as_bytes()).is_err(), "{document}");
    }
}

proptest! {
    #[test]
    fn any_token_is_refused_or_not_carried(token in "[A-Za-z0-9_.-]{0,60}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(ask(&provider(), &token, None)).is_err());
    }

    #[test]
    fn a_token_with_one_byte_changed_does_not_hold(at in 0usize..300, with in "[A-Za-z0-9_-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let good = sign(Some("k1"), &claims());
        let mut bad = good.clone().into_bytes();
        let at = at % bad.len();
        bad[at] = with.as_bytes()[0];
        let bad = String::from_utf8(bad).unwrap();
        // The last character of base64 holds bits that mean nothing.
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let same = bad == good || bad.rsplit_once('.').is_some_and(|(s, x)| {
            s == signed && URL_SAFE_NO_PAD.decode(x).ok() == URL_SAFE_NO_PAD.decode(signature).ok()
        });
        if !same {
            prop_assert!(runtime.block_on(ask(&provider(), &bad, None)).is_err());
        }
    }
}
