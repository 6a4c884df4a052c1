//! Access tokens: short JWTs signed with Ed25519 (RFC 8037). The algorithm is pinned, so neither `none` nor a token that is "signed"
//! with the public key as an HMAC secret is even looked at.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::secrets::SigningKey;

/// `iss` and `aud` of every token of ours.
const ISSUER: &str = "waypost-gateway";

/// What an access token says. Permissions are not in it: they are read with the session, so a change takes effect at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    /// The user.
    pub(crate) sub: String,
    /// The session.
    pub(crate) sid: String,
    iat: i64,
    nbf: i64,
    /// Unix seconds.
    pub(crate) exp: i64,
}

impl Claims {
    fn in_time(&self, now: i64) -> Result<(), TokenError> {
        if (self.nbf..self.exp).contains(&now) { Ok(()) } else { Err(TokenError::Expired) }
    }
}

/// Why a token was not made or not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not signed by this gateway, expired, or of another form. The reason is for the log.
    #[error("the access token is not valid: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// Its time is over, or not yet come.
    #[error("the access token has expired")]
    Expired,
    /// It names a key that this gateway does not have.
    #[error("the access token was signed with an unknown key")]
    UnknownKey,
}

/// Signs and verifies access tokens.
pub(crate) struct AccessTokens {
    kid: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    lifetime: Duration,
}

impl AccessTokens {
    pub(crate) fn new(seed: &[u8; 32], lifetime: Duration) -> Result<Self, TokenError> {
        let SigningKey { kid, signing, verifying, .. } = SigningKey::new(seed)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // `in_time` does that, on the clock that it is given.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let tokens = Self { kid, signing, verifying, validation, lifetime };
        tokens.self_test()?;
        Ok(tokens)
    }

    /// How long a token is valid.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for this session, valid from `now` (Unix seconds).
    pub(crate) fn sign(&self, user_id: &str, session_id: &str, now: i64) -> Result<String, TokenError> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: user_id.to_owned(),
            sid: session_id.to_owned(),
            iat: now,
            nbf: now,
            exp: now.saturating_add(i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX)),
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.signing)?)
    }

    /// What a token says, if it is ours and valid at `now` (Unix seconds).
    pub(crate) fn verify(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token)?;
        if header.kid.as_deref() != Some(self.kid.as_str()) {
            return Err(TokenError::UnknownKey);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation)?.claims;
        claims.in_time(now)?;
        Ok(claims)
    }

    /// Whether a token can be signed and is then valid, with nothing remembered.
    pub(crate) fn self_test(&self) -> Result<(), TokenError> {
        let token = self.sign("self-test", "self-test", 0)?;
        jsonwebtoken::decode::<Claims>(&token, &self.verifying, &self.validation)?.claims.in_time(0)
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn tokens() -> AccessTokens {
        AccessTokens::new(&[7; 32], Duration::from_secs(900)).unwrap()
    }

    const NOW: i64 = 1_795_331_700;

    fn part(value: serde_json::Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn claims() -> serde_json::Value {
        json!({"iss": ISSUER, "aud": ISSUER, "sub": "usr_1", "sid": "ses_1", "iat": NOW, "nbf": NOW, "exp": NOW + 900})
    }

    #[test]
    fn a_token_says_who_and_which_session() {
        let tokens = tokens();
        let token = tokens.sign("usr_1", "ses_1", NOW).unwrap();
        let claims = tokens.verify(&token, NOW).unwrap();
        assert_eq!((claims.sub.as_str(), claims.sid.as_str()), ("usr_1", "ses_1"));
    }

    #[test]
    fn a_token_is_good_for_its_time_and_no_longer() {
        let tokens = tokens();
        let token = tokens.sign("usr_1", "ses_1", NOW).unwrap();
        assert!(tokens.verify(&token, NOW + 899).is_ok());
        for now in [NOW - 1, NOW + 900, i64::MAX] {
            assert!(matches!(tokens.verify(&token, now), Err(TokenError::Expired)), "{now}");
        }
        let never_seen = tokens.sign("usr_2", "ses_2", NOW).unwrap();
        assert!(matches!(tokens.verify(&never_seen, NOW + 900), Err(TokenError::Expired)));
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let tokens = tokens();
        for algorithm in ["none", "None", "NONE", ""] {
            let header = part(json!({"alg": algorithm, "typ": "JWT", "kid": tokens.kid}));
            for signature in ["", "AA"] {
                assert!(tokens.verify(&format!("{header}.{}.{signature}", part(claims())), NOW).is_err());
            }
        }
    }

    #[test]
    fn another_algorithm_is_refused_even_with_the_public_key_as_its_secret() {
        let tokens = tokens();
        let public = tokens.verifying.try_get_as_bytes().unwrap().to_vec();
        let header = Header { kid: Some(tokens.kid.clone()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap();
        assert!(matches!(tokens.verify(&token, NOW), Err(TokenError::Invalid(_))));
    }

    #[test]
    fn a_token_of_another_gateway_is_refused() {
        let other = AccessTokens::new(&[8; 32], Duration::from_secs(900)).unwrap();
        let token = other.sign("usr_1", "ses_1", NOW).unwrap();
        assert!(matches!(tokens().verify(&token, NOW), Err(TokenError::UnknownKey)));
    }

    #[test]
    fn every_claim_is_required_and_looked_at() {
        let tokens = tokens();
        let header = Header { kid: Some(tokens.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let sign =
            |claims: &serde_json::Value| jsonwebtoken::encode(&header, claims, &tokens.signing).unwrap();
        assert!(tokens.verify(&sign(&claims()), NOW).is_ok());
        for claim in ["iss", "aud", "sub", "sid", "nbf", "exp"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(claim);
            assert!(tokens.verify(&sign(&without), NOW).is_err(), "without {claim}");
        }
        for (claim, value) in
            [("iss", json!("x")), ("aud", json!("x")), ("nbf", json!(NOW + 60)), ("exp", json!(NOW - 1))]
        {
            let mut wrong = claims();
            wrong[claim] = value;
            assert!(tokens.verify(&sign(&wrong), NOW).is_err(), "wrong {claim}");
        }
    }

    #[test]
    fn a_changed_token_is_refused() {
        let tokens = tokens();
        let token = tokens.sign("usr_1", "ses_1", NOW).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let mut other = claims();
        other["sub"] = json!("usr_2");
        let forged = format!("{}.{}.{}", parts[0], part(other), parts[2]);
        assert!(tokens.verify(&forged, NOW).is_err());
        for text in ["", ".", "..", "a.b.c", "a.b", &token[1..]] {
            assert!(tokens.verify(text, NOW).is_err(), "{text}");
        }
    }
}
