//! The token endpoint: four grants, each of which ends in tokens of one [`Grant`].

use waypost_types::{AuditType, OAuthTokenRequest, OAuthTokens, TokenType};

use super::authorize::CODE_HASH;
use super::client::Presented;
use super::storage::{self, Grant};
use super::{device, pkce, scope};
use crate::Gateway;
use crate::audit;
use crate::http::{Context, Error};
use crate::oauth_clients::storage::ClientRow;
use crate::secrets::{id, random};
use crate::store::{System, SystemTx};

/// What refresh tokens begin with.
const REFRESH: &str = "wpo_";

/// What refresh tokens are hashed for.
pub(super) const REFRESH_HASH: &str = "oauth refresh token";

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// 400 with one of the RFCs' words.
pub(super) fn refused(code: &'static str, detail: &str) -> Error {
    Error::bad_request(code, detail)
}

impl Gateway {
    /// Tokens for what a client has.
    pub(in crate::oauth) async fn tokens_for(
        &self,
        context: &Context,
        body: OAuthTokenRequest,
    ) -> Result<OAuthTokens, Error> {
        let presented = Presented {
            client_id: body.client_id,
            client_secret: body.client_secret,
            client_assertion_type: body.client_assertion_type,
            client_assertion: body.client_assertion,
        };
        let grant_type =
            body.grant_type.ok_or_else(|| refused("invalid_request", "There is no `grant_type`."))?;
        let client = self.oauth_client(context, presented).await?;
        if !["authorization_code", "refresh_token", "client_credentials", DEVICE_CODE]
            .contains(&grant_type.as_str())
        {
            return Err(refused("unsupported_grant_type", "There is no such grant."));
        }
        if !client.grants(&grant_type) {
            return Err(refused("unauthorized_client", "The client is not registered for this grant."));
        }
        let need = |value: Option<String>, what: &str| {
            value.ok_or_else(|| refused("invalid_request", &format!("There is no `{what}`.")))
        };
        match grant_type.as_str() {
            "authorization_code" => {
                let code = need(body.code, "code")?;
                let verifier = need(body.code_verifier, "code_verifier")?;
                self.exchange_code(context, &client, &code, body.redirect_uri.as_deref(), &verifier).await
            }
            "refresh_token" => {
                let token = need(body.refresh_token, "refresh_token")?;
                self.refresh(context, &client, &token, body.scope.as_deref()).await
            }
            "client_credentials" => self.grant_to_client(context, &client, body.scope.as_deref()).await,
            _ => {
                let code = need(body.device_code, "device_code")?;
                self.exchange_device_code(&client, &code).await
            }
        }
    }

    async fn exchange_code(
        &self,
        context: &Context,
        client: &ClientRow,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: &str,
    ) -> Result<OAuthTokens, Error> {
        let unknown = || refused("invalid_grant", "The code is unknown, expired, used or another client's.");
        let hash = *self.secrets.tokens().hash(CODE_HASH, code.as_bytes()).as_bytes();
        // Looked at first without the writer, so that guesses make nobody wait.
        storage::code(self.store.system(System::OAuth), &hash).await?.ok_or_else(unknown)?;
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let row = storage::code(&mut *tx.connection(), &hash).await?.ok_or_else(unknown)?;
        if row.grant.client_id != client.id {
            return Err(unknown());
        }
        if row.used_at.is_some() {
            // Two have it, and one of them should not (RFC 6749, section 4.1.2).
            self.end_leaked_grant(tx, context, &row.grant, AuditType::OauthCodeReused).await?;
            return Err(unknown());
        }
        if row.grant.ended_at.is_some() || row.code_expires_at <= now {
            return Err(unknown());
        }
        if row.redirect_uri.as_deref() != redirect_uri {
            return Err(refused(
                "invalid_grant",
                "The `redirect_uri` is not that of the authorization request.",
            ));
        }
        if !pkce::proves(verifier, &row.challenge) {
            return Err(refused(
                "invalid_grant",
                "The `code_verifier` is not the one that the challenge was made of.",
            ));
        }
        storage::use_code(tx.connection(), &hash, now).await?;
        self.issue_for(tx, client, row.grant, None).await
    }

    async fn refresh(
        &self,
        context: &Context,
        client: &ClientRow,
        token: &str,
        asked: Option<&str>,
    ) -> Result<OAuthTokens, Error> {
        let unknown =
            || refused("invalid_grant", "The refresh token is unknown, expired, used or another client's.");
        let hash = *self.secrets.tokens().hash(REFRESH_HASH, token.as_bytes()).as_bytes();
        storage::refresh_token(self.store.system(System::OAuth), &hash).await?.ok_or_else(unknown)?;
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let row = storage::refresh_token(&mut *tx.connection(), &hash).await?.ok_or_else(unknown)?;
        if row.grant.client_id != client.id {
            return Err(unknown());
        }
        if row.used_at.is_some() {
            self.end_leaked_grant(tx, context, &row.grant, AuditType::RefreshTokenReused).await?;
            return Err(unknown());
        }
        if !row.grant.works(now) || row.token_expires_at <= now {
            return Err(unknown());
        }
        let asked = asked.map(scope::parse).filter(|asked| !asked.is_empty());
        if asked.as_ref().is_some_and(|asked| !scope::within(asked, &scope::parse(&row.grant.scope))) {
            return Err(refused("invalid_scope", "More is asked for than was granted."));
        }
        storage::use_refresh_token(tx.connection(), &hash, now).await?;
        self.issue_for(tx, client, row.grant, asked).await
    }

    /// What a client gets for itself, it does as the user who registered it, within its scopes.
    async fn grant_to_client(
        &self,
        context: &Context,
        client: &ClientRow,
        asked: Option<&str>,
    ) -> Result<OAuthTokens, Error> {
        if client.is_public() {
            return Err(refused("unauthorized_client", "A public client gets nothing for itself."));
        }
        let scopes = client_scopes(client, asked)?;
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let held = storage::permissions_of(self.store.system(System::OAuth), &client.user_id).await?;
        let scopes = scope::meet(&scopes, &held);
        if scopes.is_empty() {
            return Err(refused(
                "invalid_scope",
                "Who registered the client may do none of what is asked for.",
            ));
        }
        let grant = Grant {
            id: id::new("ogr"),
            tenant_id: client.tenant_id.clone(),
            client_id: client.id.clone(),
            user_id: client.user_id.clone(),
            subject: client.id.clone(),
            scope: scope::text(&scopes),
            expires_at: now + self.oauth.tokens.lifetime() * 1_000_000,
            ended_at: None,
        };
        storage::insert_grant(tx.connection(), &grant, now).await?;
        let tokens = self.access_token(&grant, &scopes, now)?;
        let mut tx = tx.in_tenant(grant.tenant_id.as_str());
        audit::record(&mut tx, context, grant.entry(AuditType::OauthGrantGiven)).await?;
        tx.commit_empty().await?;
        Ok(tokens)
    }

    async fn exchange_device_code(&self, client: &ClientRow, code: &str) -> Result<OAuthTokens, Error> {
        let unknown = || refused("invalid_grant", "The device code is unknown, used or another client's.");
        let hash = *self.secrets.tokens().hash(device::DEVICE_HASH, code.as_bytes()).as_bytes();
        storage::device(self.store.system(System::OAuth), &hash).await?.ok_or_else(unknown)?;
        let mut tx = self.store.begin_system(System::OAuth).await?;
        let now = tx.now();
        let row = storage::device(&mut *tx.connection(), &hash).await?.ok_or_else(unknown)?;
        if row.client_id != client.id || row.used_at.is_some() {
            return Err(unknown());
        }
        let answer = device::answer(&row, now);
        storage::device_asked(tx.connection(), &hash, answer.wait_seconds, now).await?;
        if let Some((code, detail)) = answer.refusal {
            tx.commit_empty().await?;
            return Err(refused(code, detail));
        }
        let grant_id = row.grant_id.unwrap_or_default();
        let grant = storage::grant_by_id(&mut *tx.connection(), &grant_id).await?.ok_or_else(unknown)?;
        if grant.ended_at.is_some() {
            return Err(unknown());
        }
        storage::use_device(tx.connection(), &hash, now).await?;
        self.issue_for(tx, client, grant, None).await
    }

    /// An access token of this grant, and a refresh token where the client takes one; commits.
    async fn issue_for(
        &self,
        mut tx: SystemTx,
        client: &ClientRow,
        grant: Grant,
        asked: Option<Vec<String>>,
    ) -> Result<OAuthTokens, Error> {
        let now = tx.now();
        let held = storage::permissions_of(self.store.system(System::OAuth), &grant.user_id).await?;
        let scopes = scope::meet(&asked.unwrap_or_else(|| scope::parse(&grant.scope)), &held);
        if scopes.is_empty() {
            return Err(refused("invalid_scope", "The person may do none of what was granted any more."));
        }
        let mut expires_at = now + self.oauth.tokens.lifetime() * 1_000_000;
        let refresh = match client.grants("refresh_token") {
            false => None,
            true => {
                let lifetime = self.config.tokens.refresh_lifetime.as_micros();
                expires_at = now.saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX));
                let secret = random::token().map_err(|error| Error::internal(error.to_string()))?;
                let refresh = format!("{REFRESH}{}", *secret);
                let hash = self.secrets.tokens().hash(REFRESH_HASH, refresh.as_bytes());
                storage::insert_refresh_token(tx.connection(), hash.as_bytes(), &grant.id, expires_at, now)
                    .await?;
                Some(refresh)
            }
        };
        storage::extend_grant(tx.connection(), &grant.id, expires_at).await?;
        let mut tokens = self.access_token(&grant, &scopes, now)?;
        tokens.refresh_token = refresh;
        tx.commit_empty().await?;
        Ok(tokens)
    }

    fn access_token(&self, grant: &Grant, scopes: &[String], now: i64) -> Result<OAuthTokens, Error> {
        let token = self.oauth.tokens.sign(&self.issuer(), grant, scopes, now)?;
        Ok(OAuthTokens::new(token, TokenType::Bearer, self.oauth.tokens.lifetime(), scope::text(scopes)))
    }

    /// Ends everything that was granted with what came back a second time (RFC 9700, section 4.14.2).
    async fn end_leaked_grant(
        &self,
        mut tx: SystemTx,
        context: &Context,
        grant: &Grant,
        what: AuditType,
    ) -> Result<(), Error> {
        let now = tx.now();
        let (grant_id, client_id) = (grant.id.as_str(), grant.client_id.as_str());
        tracing::warn!(grant_id, client_id, what = what.as_str(), "a grant was ended");
        storage::end_grant(tx.connection(), grant_id, now).await?;
        let mut tx = tx.in_tenant(grant.tenant_id.as_str());
        // It is told once: what comes back after that changes nothing.
        if grant.ended_at.is_none() {
            self.auth.changed(&mut tx, grant_id).await?;
            audit::record_refusal(&mut tx, context, grant.entry(what)).await?;
        }
        tx.commit_empty().await?;
        Ok(())
    }
}

/// What a client asks for, all that it is registered for unless told.
pub(super) fn client_scopes(client: &ClientRow, asked: Option<&str>) -> Result<Vec<String>, Error> {
    let registered = client.scopes();
    match asked.map(scope::parse).filter(|asked| !asked.is_empty()) {
        None => Ok(registered),
        Some(asked) if scope::within(&asked, &registered) => Ok(asked),
        Some(_) => Err(refused("invalid_scope", "The client is not registered for all that it asks for.")),
    }
}
