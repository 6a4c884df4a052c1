//! What an OIDC provider signed: the ID token, every part of which is looked at (OpenID Connect Core 1.0, section 3.1.3.7). Pure.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::Person;
use super::discovery::is_pattern_of;

/// Signatures by a key pair only: with a shared secret, or a public key taken for one, anybody who has it could sign.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How far the provider's clock may be off, in seconds.
const SKEW: i64 = 60;

/// What a token must be good for.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    /// Of the metadata.
    pub(super) issuer: &'a str,
    /// Of the configuration.
    pub(super) configured_issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) trust_email: bool,
    /// Unix seconds.
    pub(super) now: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: OneOrMore,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Flag>,
    #[serde(default)]
    name: Option<String>,
    /// Microsoft's tenant.
    #[serde(default)]
    tid: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Some providers write flags as text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Flag {
    Boolean(bool),
    Text(String),
}

impl Flag {
    fn holds(&self) -> bool {
        matches!(self, Self::Boolean(true)) || matches!(self, Self::Text(text) if text == "true")
    }
}

/// The name of the key that a token says it is signed with.
pub(super) fn key_name(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

/// Whom the token vouches for, or what is wrong with it.
pub(super) fn verify(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Person, &'static str> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| "the ID token cannot be read")?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err("the ID token is signed with an algorithm that is not taken");
    }
    let mut candidates = keys.keys.iter().filter(|key| match &header.kid {
        Some(kid) => key.common.key_id.as_ref() == Some(kid),
        None => true,
    });
    let key = match (candidates.next(), candidates.next()) {
        (Some(key), None) => key,
        (Some(_), Some(_)) => return Err("the ID token does not say which key it is signed with"),
        (None, _) => return Err("the ID token is signed with an unknown key"),
    };
    let key = DecodingKey::from_jwk(key).map_err(|_| "the ID token's key cannot be used")?;
    let mut validation = Validation::new(header.alg);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    // The rest is looked at below, where each has its own word.
    validation.validate_aud = false;
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .map_err(|_| "the ID token's signature is not right, or a claim is missing")?
        .claims;
    check(claims, expected)
}

fn check(claims: Claims, expected: &Expected<'_>) -> Result<Person, &'static str> {
    // The pattern of all of Microsoft's tenants stands for the one that the token names.
    let issuer = match &claims.tid {
        Some(tenant) if is_pattern_of(expected.issuer, expected.configured_issuer) => {
            expected.issuer.replace("{tenantid}", tenant)
        }
        _ => expected.issuer.to_owned(),
    };
    if claims.iss != issuer {
        return Err("the ID token is another issuer's");
    }
    let audiences = match &claims.aud {
        OneOrMore::One(one) => std::slice::from_ref(one),
        OneOrMore::More(more) => more.as_slice(),
    };
    if !audiences.iter().any(|audience| audience == expected.client_id) {
        return Err("the ID token is for another program");
    }
    if (audiences.len() > 1 || claims.azp.is_some()) && claims.azp.as_deref() != Some(expected.client_id) {
        return Err("the ID token was given to another program");
    }
    if expected.now >= claims.exp.saturating_add(SKEW) {
        return Err("the ID token has expired");
    }
    let latest = expected.now.saturating_add(SKEW);
    if claims.iat > latest || claims.nbf.is_some_and(|nbf| nbf > latest) {
        return Err("the ID token is of the future");
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err("the ID token is not the answer to this sign-in");
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err("the ID token names nobody");
    }
    let verified = expected.trust_email || claims.email_verified.as_ref().is_some_and(Flag::holds);
    Ok(Person { subject: claims.sub, email: claims.email.filter(|_| verified), name: claims.name })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;
    use crate::secrets::SigningKey;

    const NOW: i64 = 1_795_331_700;

    fn key() -> SigningKey {
        SigningKey::new(&[7; 32]).unwrap()
    }

    fn keys() -> JwkSet {
        let mut public = key().public;
        public.common.key_id = Some("k1".into());
        JwkSet { keys: vec![public] }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://op.example", "sub": "42", "aud": "us", "exp": NOW + 300, "iat": NOW, "nonce": "n",
            "email": "ada@example.com", "email_verified": true, "name": "Ada",
        })
    }

    fn expected() -> Expected<'static> {
        Expected {
            issuer: "https://op.example",
            configured_issuer: "https://op.example",
            client_id: "us",
            nonce: "n",
            trust_email: false,
            now: NOW,
        }
    }

    fn signed(claims: &Value) -> String {
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &key().signing).unwrap()
    }

    fn with(change: Value) -> Result<Person, &'static str> {
        let mut claims = claims();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        verify(&signed(&claims), &keys(), &expected())
    }

    #[test]
    fn a_right_token_says_who_it_is() {
        let person = with(json!({})).unwrap();
        assert_eq!((person.subject.as_str(), person.email.as_deref()), ("42", Some("ada@example.com")));
        assert!(with(json!({"aud": ["us", "them"], "azp": "us"})).is_ok());
        assert!(with(json!({"exp": NOW - 30})).is_ok(), "clocks may differ by a little");
    }

    #[test]
    fn a_token_of_another_issuer_audience_or_sign_in_is_refused() {
        for wrong in [
            json!({"iss": "https://evil.example"}),
            json!({"iss": "https://op.example/"}),
            json!({"aud": "them"}),
            json!({"aud": ["them", "others"]}),
            json!({"aud": ["us", "them"]}),
            json!({"azp": "them"}),
            json!({"nonce": "other"}),
            json!({"nonce": null}),
            json!({"sub": ""}),
            json!({"sub": null}),
            json!({"iss": null}),
        ] {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_of_another_time_is_refused() {
        for wrong in [
            json!({"exp": NOW - 61}),
            json!({"exp": null}),
            json!({"iat": NOW + 61}),
            json!({"iat": null}),
            json!({"nbf": NOW + 61}),
        ] {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_that_is_signed_otherwise_is_refused() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let unsigned = format!("{}.{}.", part(json!({"alg": "none", "kid": "k1"})), part(claims()));
        let public = key().verifying.try_get_as_bytes().unwrap().to_vec();
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::HS256) };
        let confused = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
        let header = Header { kid: Some("k2".into()), ..Header::new(Algorithm::EdDSA) };
        let unknown = jsonwebtoken::encode(&header, &claims(), &key().signing).unwrap();
        let other = SigningKey::new(&[8; 32]).unwrap();
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::EdDSA) };
        let foreign = jsonwebtoken::encode(&header, &claims(), &other.signing).unwrap();
        for token in [unsigned, confused, unknown, foreign, String::new(), "a.b.c".into()] {
            assert!(verify(&token, &keys(), &expected()).is_err(), "{token}");
        }
    }

    #[test]
    fn an_address_counts_only_if_the_provider_verified_it() {
        for change in [
            json!({"email_verified": false}),
            json!({"email_verified": null}),
            json!({"email_verified": "no"}),
        ] {
            assert_eq!(with(change).unwrap().email, None);
        }
        assert!(with(json!({"email_verified": "true"})).unwrap().email.is_some());
        let mut unsaid = claims();
        unsaid.as_object_mut().unwrap().remove("email_verified");
        let trusting = Expected { trust_email: true, ..expected() };
        assert!(verify(&signed(&unsaid), &keys(), &trusting).unwrap().email.is_some());
    }

    #[test]
    fn a_pattern_of_tenants_stands_for_the_tenant_of_the_token() {
        let all = Expected {
            issuer: "https://login.example/{tenantid}/v2.0",
            configured_issuer: "https://login.example/common/v2.0",
            ..expected()
        };
        let mut token = claims();
        token["iss"] = json!("https://login.example/t1/v2.0");
        token["tid"] = json!("t1");
        assert!(verify(&signed(&token), &keys(), &all).is_ok());
        token["tid"] = json!("t2");
        assert!(verify(&signed(&token), &keys(), &all).is_err());
    }
}
