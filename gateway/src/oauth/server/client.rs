//! Which client asks: by its secret, by a signed assertion (RFC 7523), or, if it is public, by its name alone.
//!
//! Whatever is wrong with a client's credentials, the answer is `invalid_client`; the log has the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::storage;
use crate::Gateway;
use crate::audit::Refusal;
use crate::http::{Context, Error};
use crate::oauth_clients::SECRET_HASH;
use crate::oauth_clients::storage::{self as clients, ClientRow};
use crate::store::System;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What assertions may be signed with: no shared secrets, so a public key can never be taken for one.
pub(super) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256];

/// How far a client's clock may be off.
const SKEW: i64 = 60;

/// The longest that an assertion may be good for: it is kept for so long, since it is good once. An hour is what some client libraries take.
const LONGEST: i64 = 60 * 60;

/// What a form says of the client.
#[derive(Debug, Default)]
pub(crate) struct Presented {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<String>,
    pub(crate) client_assertion_type: Option<String>,
    pub(crate) client_assertion: Option<String>,
}

enum Proof {
    Secret(String),
    Assertion(String),
    Nothing,
}

pub(super) fn refused(detail: &str) -> Error {
    Error::new(401, "invalid_client", detail)
}

fn invalid(detail: &str) -> Error {
    Error::bad_request("invalid_request", detail)
}

impl Gateway {
    /// The client of a request, which has proved that it is itself as it was registered to.
    pub(super) async fn oauth_client(
        &self,
        context: &Context,
        presented: Presented,
    ) -> Result<ClientRow, Error> {
        let (id, proof) = read(context.headers(), presented)?;
        let unknown = || refused("The client is unknown, or did not prove that it is itself.");
        let client = clients::by_id(self.store.system(System::OAuth), &id).await?.ok_or_else(unknown)?;
        let proved = match (client.authentication.as_str(), &proof) {
            ("client_secret_basic", Proof::Secret(secret)) => {
                let hash = self.secrets.tokens().hash(SECRET_HASH, secret.as_bytes());
                client.secret_hash.as_deref().is_some_and(|stored| hash.matches(stored))
            }
            ("private_key_jwt", Proof::Assertion(assertion)) => {
                self.takes_assertion(&client, assertion).await?
            }
            ("none", Proof::Nothing) => true,
            _ => false,
        };
        if proved {
            return Ok(client);
        }
        let refusal = Refusal::of_account("oauth_client_refused", &client.tenant_id, &client.id, context);
        self.refusals.note(refusal, context.request_id(), self.store.now());
        Err(unknown())
    }

    async fn takes_assertion(&self, client: &ClientRow, assertion: &str) -> Result<bool, Error> {
        let issuer = self.issuer();
        let audiences = [issuer.clone(), format!("{issuer}/oauth/token")];
        let now = self.store.now().div_euclid(1_000_000);
        let claims = match verified(client, assertion, &audiences, now) {
            Ok(claims) => claims,
            Err(reason) => {
                tracing::debug!(client_id = client.id, reason, "client assertion refused");
                return Ok(false);
            }
        };
        let hash = self
            .secrets
            .tokens()
            .hash("oauth assertion", format!("{}\n{}", client.id, claims.jti).as_bytes());
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let expires_at = (claims.exp + SKEW).saturating_mul(1_000_000);
        let is_new = storage::insert_assertion(tx.connection(), hash.as_bytes(), expires_at).await?;
        tx.commit_empty().await?;
        Ok(is_new)
    }
}

/// The client's name and proof, of which there must be one (RFC 6749, section 2.3).
fn read(headers: &HeaderMap, presented: Presented) -> Result<(String, Proof), Error> {
    let Presented { client_id, client_secret, client_assertion_type, client_assertion } = presented;
    let basic = headers.get(header::AUTHORIZATION).map(basic).transpose()?;
    match (basic, client_secret, client_assertion) {
        (Some((id, secret)), None, None) => match client_id {
            Some(other) if other != id => Err(invalid("The header and the form name different clients.")),
            _ => Ok((id, Proof::Secret(secret))),
        },
        (None, Some(secret), None) => {
            let id = client_id.ok_or_else(|| invalid("There is a `client_secret` but no `client_id`."))?;
            Ok((id, Proof::Secret(secret)))
        }
        (None, None, Some(assertion)) => {
            if client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
                return Err(invalid("The `client_assertion_type` is not that of a JWT."));
            }
            let subject =
                subject(&assertion).ok_or_else(|| refused("The client assertion cannot be read."))?;
            match client_id {
                Some(other) if other != subject => {
                    Err(invalid("The assertion and the form name different clients."))
                }
                _ => Ok((subject, Proof::Assertion(assertion))),
            }
        }
        (None, None, None) => match client_id {
            Some(id) => Ok((id, Proof::Nothing)),
            None => Err(refused("The request names no client.")),
        },
        _ => Err(invalid("The client authenticates in more than one way.")),
    }
}

/// Name and secret, each form-encoded before they were joined (RFC 6749, section 2.3.1).
fn basic(value: &http::HeaderValue) -> Result<(String, String), Error> {
    let unreadable = || refused("The Authorization header is not of the form `Basic <base64>`.");
    let (scheme, encoded) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(unreadable)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(unreadable)?;
    let plain = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| unreadable())
    };
    Ok((plain(id)?, plain(secret)?))
}

#[derive(Debug, Clone, Deserialize)]
struct Assertion {
    jti: String,
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    iat: Option<i64>,
}

/// Whom an assertion claims to be of; not believed before its signature is.
fn subject(assertion: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice::<Assertion>(&json).ok().map(|claims| claims.sub)
}

/// The claims of an assertion that this client signed for us and that is good at `now` (Unix seconds). Pure.
fn verified(
    client: &ClientRow,
    assertion: &str,
    audiences: &[String],
    now: i64,
) -> Result<Assertion, &'static str> {
    let keys: JwkSet =
        client.jwks.as_deref().and_then(|json| serde_json::from_str(json).ok()).ok_or("no keys")?;
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| "no header")?;
    let kid = header.kid.as_deref();
    let of_name = |key: &&Jwk| kid.is_none() || key.common.key_id.as_deref() == kid;
    let mut named = keys.keys.iter().filter(of_name);
    // Without a name there must be one key only, or whoever reads it would have to guess.
    let (Some(key), None) = (named.next(), named.next()) else { return Err("no such key") };
    if !ALGORITHMS.contains(&header.alg) {
        return Err("an algorithm that is not taken");
    }
    let mut validation = Validation::new(header.alg);
    validation.set_audience(audiences);
    validation.set_issuer(&[&client.id]);
    validation.sub = Some(client.id.clone());
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    // Times are looked at below, on the clock that is given.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_jwk(key).map_err(|_| "a key that cannot be used")?;
    let claims = jsonwebtoken::decode::<Assertion>(assertion, &key, &validation)
        .map_err(|_| "a signature or claim that is not right")?
        .claims;
    if claims.iss != claims.sub {
        return Err("an issuer that is not the subject");
    }
    if now >= claims.exp.saturating_add(SKEW) {
        return Err("it has expired");
    }
    if claims.exp > now.saturating_add(LONGEST + SKEW) {
        return Err("it is good for too long");
    }
    if claims.nbf.into_iter().chain(claims.iat).any(|time| time > now.saturating_add(SKEW)) {
        return Err("it is of the future");
    }
    if claims.jti.is_empty() {
        return Err("it has no name of its own");
    }
    Ok(claims)
}
