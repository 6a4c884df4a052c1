//! Access tokens of grants: JWTs in the profile of RFC 9068, for this gateway and for services behind it, which verify them with the published keys.
//!
//! This gateway looks at the grant besides, so that a token stops working with it; and what it may do is worked out anew from the client's scopes and the user's
//! permissions.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::scope;
use super::storage::{self, GrantRecord};
use crate::Gateway;
use crate::auth::TokenError;
use crate::auth::known::Found;
use crate::http::Error;
use crate::store::System;

/// The media type that RFC 9068 wants in the header: no token of another kind is taken for one.
const TYPE: &str = "at+jwt";

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
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl AccessTokens {
    pub(crate) fn new(keys: Keys, lifetime: Duration) -> Self {
        Self { keys, lifetime }
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
    pub(crate) fn verify(&self, issuer: &str, token: &str, now: i64) -> Result<Claims, TokenError> {
        let seconds = now.div_euclid(1_000_000);
        let header = jsonwebtoken::decode_header(token)?;
        if !header.typ.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(TYPE)) {
            return Err(TokenError::UnknownKey);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Done below, on the clock that is given.
        validation.validate_exp = false;
        let kid = header.kid.as_deref().ok_or(TokenError::UnknownKey)?;
        let claims: Claims = self.keys.verify(token, kid, &validation, now)?;
        if (claims.iat..claims.exp).contains(&seconds) { Ok(claims) } else { Err(TokenError::Expired) }
    }
}

impl Gateway {
    /// The caller that an access token of a grant stands for at `now`; none where it is not one, or does not work any more.
    pub(crate) async fn oauth_caller(&self, token: &str, now: i64) -> Result<Option<Found>, Error> {
        let claims = match self.oauth.tokens.verify(&self.issuer(), token, now) {
            Ok(claims) => claims,
            Err(error) => {
                tracing::debug!(%error, "access token of a grant refused");
                return Ok(None);
            }
        };
        let Some(grant) = self.grant(&claims.grant, now).await? else { return Ok(None) };
        let mut identity = grant.identity;
        if grant.scope != claims.scope {
            // A token may have been asked for with less than was granted.
            identity.permissions = scope::meet(&scope::parse(&claims.scope), &identity.permissions).into();
        }
        let until = grant.expires_at.min(claims.exp.saturating_mul(1_000_000));
        Ok(Some(Found { identity, until: Some(until), used: None }))
    }

    /// What a grant is good for at `now`; none if it has ended.
    pub(crate) async fn grant(&self, id: &str, now: i64) -> Result<Option<GrantRecord>, Error> {
        Ok(storage::grant_record(self.store.system(System::OAuth), id, now).await?)
    }
}
