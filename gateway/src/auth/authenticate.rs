//! From the headers of a request to its caller.
//!
//! A caller who was found a moment ago is known by the hash of what was presented ([`super::known`]), whatever kind of credential it is. Everybody else is looked
//! up here, by kind.

use std::net::IpAddr;

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderName};

use super::known::Found;
use super::{TokenError, storage};
use crate::Gateway;
use crate::api_keys;
use crate::api_keys::storage::KeyRecord;
use crate::http::{Caller, Error, Identity};
use crate::secrets::TokenHash;
use crate::service_tokens;
use crate::store::System;

/// The header of an API key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What access tokens are hashed for.
const TOKEN_HASH: &str = "access token";

/// What a request presents, by the form of it.
#[derive(Debug, Clone, Copy)]
enum Presented<'a> {
    AccessToken(&'a str),
    ServiceToken(&'a str),
    ApiKey(&'a str),
}

/// Finds out who calls. Whatever is wrong with a credential, the answer is the same; the log has the reason.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Caller, Error> {
    let presented = match (one(headers, AUTHORIZATION)?, one(headers, API_KEY)?) {
        (None, None) => {
            let browser = gateway.browser_caller(headers).await?;
            return Ok(browser.unwrap_or(Caller::Anonymous { address: peer }));
        }
        (Some(_), Some(_)) => {
            return Err(refused(
                "The request has both an Authorization and an X-API-Key header. Send one of them.",
            ));
        }
        (Some(authorization), None) => {
            let token = bearer(authorization).ok_or_else(|| {
                refused("The Authorization header is not of the form `Bearer <access token>`.")
            })?;
            match token.starts_with(service_tokens::rules::PREFIX) {
                true => Presented::ServiceToken(token),
                false => Presented::AccessToken(token),
            }
        }
        (None, Some(key)) => Presented::ApiKey(key),
    };
    let hasher = gateway.secrets.tokens();
    let hash = match presented {
        Presented::AccessToken(token) => hasher.hash(TOKEN_HASH, token.as_bytes()),
        Presented::ServiceToken(token) => service_tokens::rules::hash(hasher, token),
        Presented::ApiKey(key) => api_keys::rules::hash(hasher, key),
    };
    let now = gateway.store.now();
    let known = &gateway.auth.known;
    let hit = match known.get(&hash, now) {
        Some(hit) => hit,
        None => {
            let began = known.begin();
            // Boxed: whoever is known has no need of the room that a look-up takes.
            let found = Box::pin(look_up(gateway, presented, &hash, now)).await?.ok_or_else(|| {
                refused("The credentials are not valid: unknown, expired or revoked. Sign in again, or use another API key.")
            })?;
            known.put(&hash, found, began, now)
        }
    };
    if hit.note {
        gateway.api_key_usage.note(&hit.identity.credential_id, now);
    }
    Ok(Caller::Known(hit.identity))
}

/// The header's one value. Two could be read differently by us and by whatever stands before us.
fn one(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| refused("The credentials have characters that none of ours has.")),
        (Some(_), Some(_)) => {
            Err(refused("The request has the same credentials header twice. Send it once."))
        }
    }
}

fn refused(detail: &str) -> Error {
    Error::new(401, "unauthenticated", detail)
}

/// The scheme's name is case-insensitive (RFC 9110, section 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

async fn look_up(
    gateway: &Gateway,
    presented: Presented<'_>,
    hash: &TokenHash,
    now: i64,
) -> Result<Option<Found>, Error> {
    let readers = gateway.store.system(System::Authentication);
    let record = match presented {
        Presented::AccessToken(token) => return access_token(gateway, token, now).await,
        Presented::ServiceToken(token) => match service_tokens::rules::parse(token) {
            Some(id) => service_tokens::storage::record(readers, &id).await?,
            None => None,
        },
        Presented::ApiKey(key) => match api_keys::rules::Presented::parse(key) {
            Some(presented) => api_keys::storage::record(readers, &presented.id).await?,
            None => None,
        },
    };
    let Some(record) = record else {
        tracing::debug!("credential refused: not of the form of one, or unknown");
        return Ok(None);
    };
    Ok(program(record, hash, now))
}

/// The program whose key or token has this hash.
fn program(record: KeyRecord, hash: &TokenHash, now: i64) -> Option<Found> {
    if !record.opens(hash, now) {
        tracing::debug!(credential_id = record.id, "credential refused");
        return None;
    }
    Some(Found { until: record.ends(hash), used: Some(record.last_used_at), identity: identity(record) })
}

/// Whose credential this is by its id, as long as it works: for what was let in by it and does not have it. Grants to OAuth clients are not among them.
pub(crate) async fn identity_of(gateway: &Gateway, credential_id: &str) -> Result<Option<Identity>, Error> {
    let now = gateway.store.now();
    let readers = gateway.store.system(System::Authentication);
    let record = match credential_id.split_once('_') {
        Some(("ses", _)) => {
            let record = storage::session_record(readers, credential_id, now).await?;
            return Ok(record.map(|record| record.identity));
        }
        Some(("key", _)) => api_keys::storage::record(readers, credential_id).await?,
        Some(("stk", _)) => service_tokens::storage::record(readers, credential_id).await?,
        _ => None,
    };
    let record = record.filter(|record| !record.revoked && record.expires_at.is_none_or(|end| now < end));
    Ok(record.map(identity))
}

fn identity(record: KeyRecord) -> Identity {
    Identity {
        tenant_id: record.tenant_id,
        user_id: record.user_id,
        credential_id: record.id,
        permissions: record.permissions,
        tier: record.tier,
        platform: record.platform,
    }
}

async fn access_token(gateway: &Gateway, token: &str, now: i64) -> Result<Option<Found>, Error> {
    let claims = match gateway.auth.tokens.verify(token, now.div_euclid(1_000_000)) {
        Ok(claims) => claims,
        // Not of a session: of a grant, if of anything.
        Err(TokenError::UnknownKey) => return gateway.oauth_caller(token, now).await,
        Err(error) => {
            tracing::debug!(%error, "access token refused");
            return Ok(None);
        }
    };
    let readers = gateway.store.system(System::Authentication);
    let Some(record) = storage::session_record(readers, &claims.sid, now).await? else { return Ok(None) };
    let own = record.identity.user_id == claims.sub;
    let until = record.expires_at.min(claims.exp.saturating_mul(1_000_000));
    Ok(own.then_some(Found { identity: record.identity, until: Some(until), used: None }))
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn the_scheme_is_bearer_in_any_case_and_nothing_else() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }
}
