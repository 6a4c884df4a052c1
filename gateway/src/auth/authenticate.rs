//! From the headers of a request to its caller.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderName};

use super::TokenError;
use super::storage::{self, SessionRecord};
use crate::Gateway;
use crate::api_keys::storage::KeyRecord;
use crate::api_keys::{self, rules::Presented};
use crate::http::{Caller, Error, Identity};
use crate::secrets::TokenHash;
use crate::service_tokens;
use crate::store::System;

/// The header of an API key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Finds out who calls. Whatever is wrong with a credential, the answer is the same; the log has the reason.
pub(crate) async fn authenticate(
    gateway: &Gateway,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Caller, Error> {
    let identity = match (one(headers, AUTHORIZATION)?, one(headers, API_KEY)?) {
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
                true => service_token(gateway, token).await?,
                false => session(gateway, token).await?,
            }
        }
        (None, Some(key)) => api_key(gateway, key).await?,
    };
    identity.map(Caller::Known).ok_or_else(|| {
        refused("The credentials are not valid: unknown, expired or revoked. Sign in again, or use another API key.")
    })
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

async fn session(gateway: &Gateway, token: &str) -> Result<Option<Identity>, Error> {
    let now = gateway.store.now();
    let claims = match gateway.auth.tokens.verify(token, now.div_euclid(1_000_000)) {
        Ok(claims) => claims,
        // Not of a session: of a grant, if of anything.
        Err(TokenError::UnknownKey) => return gateway.oauth_caller(token).await,
        Err(error) => {
            tracing::debug!(%error, "access token refused");
            return Ok(None);
        }
    };
    let Some(record) = session_record(gateway, &claims.sid, now).await? else { return Ok(None) };
    Ok((record.user_id == claims.sub).then(|| Identity {
        tenant_id: record.tenant_id.clone(),
        user_id: record.user_id.clone(),
        credential_id: claims.sid.clone(),
        permissions: Arc::clone(&record.permissions),
        tier: record.tier.clone(),
        platform: record.platform,
    }))
}

async fn session_record(gateway: &Gateway, id: &str, now: i64) -> Result<Option<Arc<SessionRecord>>, Error> {
    // One that seems to be over may have been refreshed since it was read.
    if let Some(record) = gateway.auth.sessions.get(id).filter(|record| now < record.expires_at) {
        return Ok(Some(record));
    }
    let record =
        storage::session_record(gateway.store.system(System::Authentication), id, now).await?.map(Arc::new);
    if let Some(record) = &record {
        gateway.auth.sessions.put(id, record);
    }
    Ok(record)
}

async fn api_key(gateway: &Gateway, secret: &str) -> Result<Option<Identity>, Error> {
    let Some(presented) = Presented::parse(secret) else {
        tracing::debug!("API key refused: not of the form of one");
        return Ok(None);
    };
    let hash = api_keys::rules::hash(gateway.secrets.tokens(), secret);
    let record = match gateway.auth.api_keys.get(&presented.id) {
        Some(record) => Some(record),
        None => {
            let readers = gateway.store.system(System::Authentication);
            remember(gateway, api_keys::storage::record(readers, &presented.id).await?)
        }
    };
    Ok(record.and_then(|record| program(gateway, &record, &hash)))
}

async fn service_token(gateway: &Gateway, secret: &str) -> Result<Option<Identity>, Error> {
    let Some(id) = service_tokens::rules::parse(secret) else {
        tracing::debug!("service token refused: not of the form of one");
        return Ok(None);
    };
    let hash = service_tokens::rules::hash(gateway.secrets.tokens(), secret);
    let record = match gateway.auth.api_keys.get(&id) {
        Some(record) => Some(record),
        None => {
            let readers = gateway.store.system(System::Authentication);
            remember(gateway, service_tokens::storage::record(readers, &id).await?)
        }
    };
    Ok(record.and_then(|record| program(gateway, &record, &hash)))
}

fn remember(gateway: &Gateway, record: Option<KeyRecord>) -> Option<Arc<KeyRecord>> {
    let record = Arc::new(record?);
    gateway.auth.api_keys.put(&record.id, &record);
    Some(record)
}

/// The program whose key or token has this hash.
fn program(gateway: &Gateway, record: &Arc<KeyRecord>, hash: &TokenHash) -> Option<Identity> {
    let now = gateway.store.now();
    if !record.opens(hash, now) {
        tracing::debug!(credential_id = record.id, "credential refused");
        return None;
    }
    gateway.api_key_usage.touch(record, now);
    Some(Identity {
        tenant_id: record.tenant_id.clone(),
        user_id: record.user_id.clone(),
        credential_id: record.id.clone(),
        permissions: Arc::clone(&record.permissions),
        tier: record.tier.clone(),
        platform: record.platform,
    })
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
