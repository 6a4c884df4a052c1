//! Signed tokens in `Authorization: Bearer` (RFC 7519, with the advice of RFC 8725): the configuration names the algorithms, never the token; a key serves
//! its own kind of algorithm only; `exp` is required; time comes in as an argument.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jsonwebtoken::{Algorithm, Validation};
use serde_json::Value;

use super::jwks::Jwks;
use super::{Fetch, Memory};
use crate::config::{self, Fault};
use crate::{Caller, Refusal};

/// The longest token that is looked at.
const MAX_TOKEN: usize = 16 << 10;

const KNOWN: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// One issuer's tokens.
#[derive(Debug)]
pub struct JwtProvider {
    keys: Arc<Jwks>,
    algorithms: Vec<Algorithm>,
    issuer: Option<String>,
    audiences: Vec<String>,
    leeway: u64,
    tenant: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    tier: Option<Vec<String>>,
}

impl JwtProvider {
    /// For a provider's `jwt`. A file is read here, a URL when it is first needed.
    ///
    /// # Errors
    /// Not exactly one source of keys; no algorithm, or one that is none of a public key; a file that is no JWKS.
    pub fn new(jwt: &config::JwtProvider, memory: &Memory) -> Result<Self, Fault> {
        let keys = match (&jwt.jwks_file, &jwt.jwks_url) {
            (Some(file), None) => {
                let wrong = |error: String| Fault::at("jwks_file", format!("`{}`: {error}", file.display()));
                let document = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
                Arc::new(Jwks::of(&document).map_err(wrong)?)
            }
            (None, Some(url)) => {
                if !url.parse::<http::Uri>().is_ok_and(|url| {
                    matches!(url.scheme_str(), Some("https" | "http")) && url.host().is_some()
                }) {
                    return Err(Fault::at("jwks_url", format!("`{url}` is no http or https URL")));
                }
                memory.jwks(url)
            }
            _ => return Err(Fault::new("exactly one of `jwks_file` and `jwks_url` is wanted")),
        };
        Self::of(jwt, keys)
    }

    /// The same with keys that are there.
    ///
    /// # Errors
    /// No algorithm, or one that is none of a public key.
    pub fn of(jwt: &config::JwtProvider, keys: Arc<Jwks>) -> Result<Self, Fault> {
        let mut algorithms = Vec::new();
        for (index, text) in jwt.algorithms.iter().enumerate() {
            match text.parse::<Algorithm>() {
                Ok(algorithm) if KNOWN.contains(&text.as_str()) => algorithms.push(algorithm),
                _ => {
                    let message = format!("`{text}` is not taken; write one of {}", KNOWN.join(", "));
                    return Err(Fault::at(index, message).under("algorithms"));
                }
            }
        }
        if algorithms.is_empty() {
            return Err(Fault::at("algorithms", "name the algorithms that the issuer signs with: [RS256]"));
        }
        let claim = |text: &Option<String>| {
            text.as_ref().map(|text| text.split('.').map(str::to_owned).collect::<Vec<_>>())
        };
        Ok(Self {
            keys,
            algorithms,
            issuer: jwt.issuer.clone(),
            audiences: jwt.audiences.clone(),
            leeway: jwt.leeway.map_or(60, |leeway| leeway.0.as_secs()),
            tenant: claim(&jwt.tenant_claim),
            permissions: claim(&jwt.permissions_claim),
            tier: claim(&jwt.tier_claim),
        })
    }

    /// Whether a request carries a token: a bearer's with two dots.
    pub fn carried(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::AUTHORIZATION).iter().any(|value| token(value).is_some())
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// 401 with what is wrong with it (RFC 6750); a key that cannot be fetched is one that is not known.
    pub async fn identify(
        &self,
        headers: &HeaderMap,
        fetch: Option<&dyn Fetch>,
        now: SystemTime,
    ) -> Result<Arc<Caller>, Refusal> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refuse("There are two tokens."));
        };
        let token = token(value).ok_or_else(|| refuse("The token cannot be read."))?;
        let head = Head::read(token).ok_or_else(|| refuse("The token cannot be read."))?;
        let algorithm = self.algorithms.iter().copied().find(|known| format!("{known:?}") == head.algorithm);
        let algorithm = algorithm.ok_or_else(|| refuse("The token's algorithm is not taken."))?;
        let mut keys = self.keys.keys();
        if keys.find(head.key.as_deref(), algorithm).is_none()
            && self.keys.refresh(&keys, fetch, Instant::now()).await
        {
            keys = self.keys.keys();
        }
        let key = keys
            .find(head.key.as_deref(), algorithm)
            .ok_or_else(|| refuse("The token's key is not known."))?;
        let mut validation = Validation::new(algorithm);
        // The claims are looked at below, with the time that came in.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Value>(token, &key.key, &validation)
            .map_err(|_| refuse("The token's signature does not hold."))?
            .claims;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.accept(&claims, now).map(Arc::new).map_err(refuse)
    }

    /// Who signed claims speak of; `now` in Unix seconds.
    fn accept(&self, claims: &Value, now: u64) -> Result<Caller, &'static str> {
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_f64().filter(|time| *time >= 0.0).map(Some).ok_or("A time of the token is none.")
            }
        };
        // Exact up to 2^53 seconds.
        #[allow(clippy::cast_precision_loss)]
        let (now, leeway) = (now as f64, self.leeway as f64);
        let expires = time("exp")?.ok_or("The token does not say when it expires.")?;
        if now >= expires + leeway {
            return Err("The token has expired.");
        }
        if time("nbf")?.is_some_and(|from| from > now + leeway) {
            return Err("The token does not hold yet.");
        }
        if self.issuer.is_some() && self.issuer.as_deref() != claims.get("iss").and_then(Value::as_str) {
            return Err("The token is of another issuer.");
        }
        let said = words(claims.get("aud"), false);
        if !self.audiences.is_empty() && !self.audiences.iter().any(|known| said.contains(known)) {
            return Err("The token is for another audience.");
        }
        let name = claims.get("sub").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or("The token does not say whose it is.")?;
        let text = |path: &Option<Vec<String>>| {
            find(claims, path.as_deref()?)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let permissions = self.permissions.as_deref().and_then(|path| find(claims, path));
        Ok(Caller {
            name: name.to_owned(),
            tenant: text(&self.tenant),
            tier: text(&self.tier),
            permissions: words(permissions, true),
        })
    }
}

/// What a token says of itself, before anything is believed.
struct Head {
    algorithm: String,
    key: Option<String>,
}

impl Head {
    fn read(token: &str) -> Option<Self> {
        let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
        let head: Value = serde_json::from_slice(&head).ok()?;
        // What has to be understood (RFC 7515 section 4.1.11) is not.
        if head.get("crit").is_some() {
            return None;
        }
        let key = match head.get("kid") {
            None => None,
            Some(name) => Some(name.as_str()?.to_owned()),
        };
        Some(Self { algorithm: head.get("alg")?.as_str()?.to_owned(), key })
    }
}

fn token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let sound = token.len() <= MAX_TOKEN && token.bytes().filter(|byte| *byte == b'.').count() == 2;
    (scheme.eq_ignore_ascii_case("bearer") && sound).then_some(token)
}

fn refuse(detail: &'static str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
}

/// A claim by its path. One whose name has the dots itself (`https://example.com/tenant`) is found by its whole name.
fn find<'a>(claims: &'a Value, path: &[String]) -> Option<&'a Value> {
    claims.get(path.join(".")).or_else(|| path.iter().try_fold(claims, |value, name| value.get(name)))
}

fn words(value: Option<&Value>, split: bool) -> Vec<String> {
    match value {
        Some(Value::String(text)) if split => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
