//! The operations of `oauth_clients`.

use waypost_types::params::OauthClientsListParams;
use waypost_types::{
    AuditType, CreateOAuthClient, OAuthClient, OAuthClientAuthentication, OAuthClientPage,
    OAuthClientWithSecret,
};

use super::storage::{self, ClientRow};
use super::{SECRET_HASH, rules};
use crate::Gateway;
use crate::audit;
use crate::auth::roles;
use crate::generated::{Created, NoContent, OauthClientsApi, Success};
use crate::http::{Context, Error, FieldError, permits};
use crate::secrets::{id, random};
use crate::store::System;
use crate::store::cursor::Scope;

/// What client secrets begin with.
const SECRET: &str = "wps_";

impl OauthClientsApi<Context, Error> for Gateway {
    async fn oauth_clients_create(
        &self,
        context: Context,
        body: CreateOAuthClient,
    ) -> Result<Created<OAuthClientWithSecret>, Error> {
        let caller = context.identity()?;
        if let Some(unheld) = body.scopes.iter().find(|scope| !permits(&caller.permissions, scope)) {
            return Err(Error::permission_denied(unheld));
        }
        let mut wrong = Vec::new();
        for (index, scope) in body.scopes.iter().enumerate().filter(|(_, scope)| !roles::is_known(scope)) {
            let pointer = format!("/scopes/{index}");
            let detail = format!("`{scope}` is no permission of this contract.");
            wrong.push(FieldError { pointer, code: "unknown".into(), detail });
        }
        let checked = rules::check(&body).map_err(|more| wrong.extend(more));
        let (Ok(checked), true) = (checked, wrong.is_empty()) else { return Err(Error::invalid(wrong)) };
        let secret = match checked.authentication {
            OAuthClientAuthentication::ClientSecretBasic => {
                let secret = random::token().map_err(|error| Error::internal(error.to_string()))?;
                Some(format!("{SECRET}{}", *secret))
            }
            _ => None,
        };
        let hash = |secret: &String| *self.secrets.tokens().hash(SECRET_HASH, secret.as_bytes()).as_bytes();
        let json = |value: &[String]| serde_json::to_string(value).map_err(Error::internal);
        let grant_types: Vec<String> =
            checked.grant_types.iter().map(|grant| grant.as_str().to_owned()).collect();
        let jwks = body.jwks.as_ref().map(serde_json::to_string).transpose().map_err(Error::internal)?;
        let mut tx = self.store.begin(&context).await?;
        let row = ClientRow {
            id: id::new("ocl"),
            tenant_id: caller.tenant_id.clone(),
            user_id: caller.user_id.clone(),
            name: body.name,
            kind: body.r#type.as_str().to_owned(),
            authentication: checked.authentication.as_str().to_owned(),
            grant_types: json(&grant_types)?,
            redirect_uris: json(&checked.redirect_uris)?,
            scopes: json(&body.scopes)?,
            secret_hash: secret.as_ref().map(|secret| hash(secret).to_vec()),
            jwks,
            created_at: tx.now(),
        };
        storage::insert(&mut tx, &row).await?;
        let entry = audit::Entry::new(AuditType::OauthClientCreated, &row.id).with_detail(&row.name);
        audit::record(&mut tx, &context, entry).await?;
        let mut answer = OAuthClientWithSecret::new(row.client());
        answer.client_secret = secret;
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn oauth_clients_list(
        &self,
        context: Context,
        params: OauthClientsListParams,
    ) -> Result<Success<OAuthClientPage>, Error> {
        let caller = context.identity()?;
        let scope = Scope::new("oauth_clients").with(Some(&caller.tenant_id));
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let limit = params.limit.unwrap_or(20);
        // One more than asked for says whether there is a next page.
        let mut rows = storage::list_of(self.store.tenant(&context)?, after.as_ref(), limit + 1).await?;
        let page = usize::try_from(limit).unwrap_or(20);
        let has_more = rows.len() > page;
        rows.truncate(page);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| scope.encode(row.created_at, &row.id));
        let data: Vec<OAuthClient> = rows.iter().map(ClientRow::client).collect();
        Ok(Success(OAuthClientPage::new(data, next_cursor, has_more)))
    }

    async fn oauth_clients_get(
        &self,
        context: Context,
        oauth_client_id: String,
    ) -> Result<Success<OAuthClient>, Error> {
        let row = storage::get(self.store.tenant(&context)?, &oauth_client_id).await?;
        let row = row.ok_or_else(|| Error::not_found("client", &oauth_client_id))?;
        Ok(Success(row.client()))
    }

    async fn oauth_clients_delete(
        &self,
        context: Context,
        oauth_client_id: String,
    ) -> Result<NoContent, Error> {
        let mut tx = self.store.begin(&context).await?;
        // Nothing is granted meanwhile: whoever would write waits for this transaction.
        let ended = storage::grants_of(self.store.system(System::OAuth), &oauth_client_id).await?;
        if !storage::delete(&mut tx, &oauth_client_id).await? {
            return Err(Error::not_found("client", &oauth_client_id));
        }
        for grant in &ended {
            self.auth.changed(&mut tx, grant).await?;
        }
        let entry = audit::Entry::new(AuditType::OauthClientDeleted, &oauth_client_id);
        audit::record(&mut tx, &context, entry).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}
