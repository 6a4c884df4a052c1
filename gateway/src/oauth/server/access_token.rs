//! Access tokens of grants: JWTs in the profile of RFC 9068, for this gateway and for services behind it, which verify them with the published keys.
//!
//! This gateway looks at the grant besides, so that a token stops working with it; and what it may do is worked out anew from the client's scopes and the user's
//! permissions.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::scope;
use super::storage::{self, GrantRecord};
use crate::Gateway;
use crate::auth::TokenError;
use crate::http::{Error, Identity};
use crate::store::System;

/// The media type that RFC 9068 wants in the header: no token of another kind is taken for one.
const TYPE: &str = "at+jwt";

/// Tokens whose signature is remembered.
const REMEMBERED: u64 = 100_000;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// The grant: `ogr_…`.
    pub(crate) grant: String,
    pub(crate) jti: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
}

/// Signs and verifies them.
pub(crate) struct AccessTokens {
    pub(crate) keys: Keys,
    lifetime: Duration,
    verified: Cache<[u8; 32], Arc<Claims>>,
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl AccessTokens {
    pub(crate) fn new(keys: Keys, lifetime: Duration) -> Self {
        Self {
            keys,
            lifetime,
            verified: Cache::builder().max_capacity(REMEMBERED).time_to_live(lifetime).build(),
        }
    }

    /// In seconds.
    pub(crate) fn lifetime(&self) -> i64 {
        i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX)
    }

    /// A token of this grant, valid from `now` (microseconds).
    pub(crate) fn sign(
        &self,
        issuer: &str,
        grant: &storage::Grant,
        scopes: &[String],
        now: i64,
    ) -> Result<String, TokenError> {
        let iat = now.div_euclid(1_000_000);
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: issuer.to_owned(),
            sub: grant.subject.clone(),
            client_id: grant.client_id.clone(),
            scope: scope::text(scopes),
            grant: grant.id.clone(),
            jti: crate::secrets::id::new("oat"),
            iat,
            exp: iat.saturating_add(self.lifetime()),
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::EdDSA) };
        self.keys.sign(header, &claims, now)
    }

    /// What a token says, if this gateway signed it for itself and it has not expired at `now` (microseconds).
    pub(crate) fn verify(&self, issuer: &str, token: &str, now: i64) -> Result<Arc<Claims>, TokenError> {
        let seconds = now.div_euclid(1_000_000);
        let in_time = |claims: &Claims| {
            if (claims.iat..claims.exp).contains(&seconds) { Ok(()) } else { Err(TokenError::Expired) }
        };
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        if let Some(claims) = self.verified.get(&hash) {
            in_time(&claims)?;
            return Ok(claims);
        }
        let header = jsonwebtoken::decode_header(token)?;
        if !header.typ.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(TYPE)) {
            return Err(TokenError::UnknownKey);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // `in_time` does that, on the clock that it is given.
        validation.validate_exp = false;
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let claims: Arc<Claims> = Arc::new(self.keys.verify(token, kid, &validation, now)?);
        in_time(&claims)?;
        self.verified.insert(hash, Arc::clone(&claims));
        Ok(claims)
    }
}

impl Gateway {
    /// The caller that an access token of a grant stands for; none where it is not one, or does not work any more.
    pub(crate) async fn oauth_caller(&self, token: &str) -> Result<Option<Identity>, Error> {
        let now = self.store.now();
        let claims = match self.oauth.tokens.verify(&self.issuer(), token, now) {
            Ok(claims) => claims,
            Err(error) => {
                tracing::debug!(%error, "access token of a grant refused");
                return Ok(None);
            }
        };
        let Some(grant) = self.grant(&claims.grant, now).await? else { return Ok(None) };
        let permissions = match grant.scope == claims.scope {
            true => Arc::clone(&grant.permissions),
            // A token may have been asked for with less than was granted.
            false => scope::meet(&scope::parse(&claims.scope), &grant.permissions).into(),
        };
        Ok(Some(Identity {
            tenant_id: grant.tenant_id.clone(),
            user_id: grant.user_id.clone(),
            credential_id: claims.grant.clone(),
            permissions,
            tier: grant.tier.clone(),
            platform: grant.platform,
        }))
    }

    /// What a grant is good for at `now`; none if it has ended.
    pub(crate) async fn grant(&self, id: &str, now: i64) -> Result<Option<Arc<GrantRecord>>, Error> {
        if let Some(record) = self.oauth.grants.get(id).filter(|record| now < record.expires_at) {
            return Ok(Some(record));
        }
        let record = storage::grant_record(self.store.system(System::OAuth), id, now).await?.map(Arc::new);
        if let Some(record) = &record {
            self.oauth.grants.put(id, record);
        }
        Ok(record)
    }
}
