//! What a token is good for (RFC 7662), and that it shall be good for nothing any more (RFC 7009).

use waypost_types::{AuditType, OAuthIntrospectRequest, OAuthIntrospection, OAuthRevokeRequest};

use super::client::{self, Presented};
use super::storage;
use super::token::{REFRESH_HASH, refused};
use crate::Gateway;
use crate::audit;
use crate::http::{Context, Error};
use crate::oauth_clients::storage::ClientRow;
use crate::store::System;

/// A token of a grant that works.
struct Found {
    grant: String,
    tenant_id: String,
    scope: String,
    client_id: String,
    sub: String,
    /// In Unix seconds.
    exp: i64,
    iat: i64,
    /// Of an access token.
    jti: Option<String>,
}

impl Gateway {
    /// Says what a token is good for now, to the client that has it and to those of the same tenant.
    pub(in crate::oauth) async fn introspect(
        &self,
        context: &Context,
        body: OAuthIntrospectRequest,
    ) -> Result<OAuthIntrospection, Error> {
        let presented = Presented {
            client_id: body.client_id,
            client_secret: body.client_secret,
            client_assertion_type: body.client_assertion_type,
            client_assertion: body.client_assertion,
        };
        let asks = self.oauth_client(context, presented).await?;
        if asks.is_public() {
            return Err(client::refused(
                "Only a client that authenticates may ask what a token is good for.",
            ));
        }
        let token = body.token.ok_or_else(|| refused("invalid_request", "There is no `token`."))?;
        let inactive = OAuthIntrospection::new(false);
        let Some(found) = self.find_token(&token).await? else { return Ok(inactive) };
        let Some(record) = self.grant(&found.grant, self.store.now()).await? else { return Ok(inactive) };
        if record.identity.tenant_id != asks.tenant_id && found.client_id != asks.id {
            return Ok(inactive);
        }
        let issuer = self.issuer();
        let mut answer = OAuthIntrospection::new(true);
        answer.scope = Some(found.scope);
        answer.username = (found.sub == record.identity.user_id).then(|| record.email.clone());
        answer.token_type = found.jti.is_some().then(|| "Bearer".to_owned());
        answer.client_id = Some(found.client_id);
        answer.exp = Some(found.exp);
        answer.iat = Some(found.iat);
        answer.sub = Some(found.sub);
        answer.aud = Some(issuer.clone());
        answer.iss = Some(issuer);
        answer.jti = found.jti;
        Ok(answer)
    }

    /// Ends the grant of a token of this client. Anything else changes nothing, and the answer does not tell.
    pub(in crate::oauth) async fn revoke(
        &self,
        context: &Context,
        body: OAuthRevokeRequest,
    ) -> Result<(), Error> {
        let presented = Presented {
            client_id: body.client_id,
            client_secret: body.client_secret,
            client_assertion_type: body.client_assertion_type,
            client_assertion: body.client_assertion,
        };
        let client: ClientRow = self.oauth_client(context, presented).await?;
        let token = body.token.ok_or_else(|| refused("invalid_request", "There is no `token`."))?;
        let Some(found) = self.find_token(&token).await? else { return Ok(()) };
        if found.client_id != client.id {
            return Ok(());
        }
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        storage::end_grant(tx.connection(), &found.grant, now).await?;
        let mut tx = tx.in_tenant(found.tenant_id.as_str());
        self.auth.changed(&mut tx, &found.grant).await?;
        let entry = audit::Entry::new(AuditType::OauthGrantRevoked, &client.id).with_detail(&found.grant);
        audit::record(&mut tx, context, entry).await?;
        tx.commit_empty().await?;
        Ok(())
    }

    /// A token that works, of either kind: a hint would only say where to look first (RFC 7009, section 2.1).
    async fn find_token(&self, token: &str) -> Result<Option<Found>, Error> {
        let now = self.store.now();
        let readers = self.store.system(System::OAuth);
        if let Ok(claims) = self.oauth.tokens.verify(&self.issuer(), token, now) {
            let grant = storage::grant_by_id(readers, &claims.grant).await?;
            return Ok(grant.filter(|grant| grant.works(now)).map(|grant| Found {
                grant: grant.id,
                tenant_id: grant.tenant_id,
                scope: claims.scope,
                client_id: claims.client_id,
                sub: claims.sub,
                exp: claims.exp,
                iat: claims.iat,
                jti: Some(claims.jti),
            }));
        }
        let hash = self.secrets.tokens().hash(REFRESH_HASH, token.as_bytes());
        let row = storage::refresh_token(readers, hash.as_bytes()).await?;
        let works = |row: &storage::RefreshRow| {
            row.used_at.is_none() && row.token_expires_at > now && row.grant.works(now)
        };
        Ok(row.filter(works).map(|row| Found {
            grant: row.grant.id,
            tenant_id: row.grant.tenant_id,
            scope: row.grant.scope,
            client_id: row.grant.client_id,
            sub: row.grant.subject,
            exp: row.token_expires_at.div_euclid(1_000_000),
            iat: row.issued_at.div_euclid(1_000_000),
            jti: None,
        }))
    }
}
