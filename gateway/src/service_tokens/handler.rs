//! The operations of `service_tokens`.

use waypost_types::params::ServiceTokensListParams;
use waypost_types::{AuditType, CreateServiceToken, ServiceTokenPage, ServiceTokenWithSecret};

use super::storage::TokenRow;
use super::{rules, storage};
use crate::Gateway;
use crate::api_keys::rules as keys;
use crate::audit;
use crate::generated::{Created, NoContent, ServiceTokensApi, Success};
use crate::http::{Context, Error};
use crate::secrets::id;
use crate::store::cursor::Scope;
use crate::store::list::Window;

impl ServiceTokensApi<Context, Error> for Gateway {
    async fn service_tokens_create(
        &self,
        context: Context,
        body: CreateServiceToken,
    ) -> Result<Created<ServiceTokenWithSecret>, Error> {
        let caller = context.identity()?;
        let mut wrong = keys::unknown_permissions(&body.permissions);
        let expires_at = rules::expiry(body.expires_at.as_deref(), self.store.now());
        wrong.extend(expires_at.as_ref().err().cloned());
        let Ok(expires_at) = expires_at else { return Err(Error::invalid(wrong)) };
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        keys::check_subset(&caller.permissions, &body.permissions)?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let id = id::new("stk");
        let (secret, hint) =
            keys::make(rules::PREFIX, &id).map_err(|error| Error::internal(error.to_string()))?;
        let row = TokenRow {
            id,
            created_by: caller.user_id.clone(),
            name: body.name,
            hint,
            permissions: serde_json::to_string(&body.permissions).map_err(Error::internal)?,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let hash = rules::hash(self.secrets.tokens(), &secret);
        storage::insert(&mut tx, &row, hash.as_bytes()).await?;
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::ServiceTokenCreated, &row.id)).await?;
        let answer = ServiceTokenWithSecret::new(row.service_token(now), secret.as_str());
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn service_tokens_list(
        &self,
        context: Context,
        params: ServiceTokensListParams,
    ) -> Result<Success<ServiceTokenPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let scope = Scope::new("service_tokens").with(Some(tenant.tenant_id()));
        let window = Window::new(scope, params.limit, params.cursor.as_deref(), None, None)?;
        let page = storage::list(tenant, &window).await?;
        let now = self.store.now();
        let data = page.rows.into_iter().map(|row| row.service_token(now)).collect();
        let has_more = page.next_cursor.is_some();
        Ok(Success(ServiceTokenPage::new(data, page.next_cursor, has_more)))
    }

    async fn service_tokens_revoke(
        &self,
        context: Context,
        service_token_id: String,
    ) -> Result<NoContent, Error> {
        let mut tx = self.store.begin(&context).await?;
        if !storage::revoke(&mut tx, &service_token_id).await? {
            return Err(Error::not_found("service token", &service_token_id));
        }
        let entry = audit::Entry::new(AuditType::ServiceTokenRevoked, &service_token_id);
        audit::record(&mut tx, &context, entry).await?;
        self.auth.changed(&mut tx, &service_token_id).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}
