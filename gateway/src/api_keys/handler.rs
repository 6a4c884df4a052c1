//! The operations of `api_keys`.

use waypost_types::params::ApiKeysListParams;
use waypost_types::{
    ApiKey, ApiKeyPage, ApiKeyStatus, ApiKeyWithSecret, AuditType, CreateApiKey, RotateApiKey,
};

use super::storage::KeyRow;
use super::{rules, storage};
use crate::Gateway;
use crate::audit;
use crate::auth::storage::user_by_id;
use crate::generated::{ApiKeysApi, Created, NoContent, Success};
use crate::http::{Context, Error};
use crate::secrets::{Secrets, id};
use crate::store::cursor::Scope;

/// How long the secret before works as well, unless told: a day.
const GRACE_SECONDS: i64 = 86_400;

/// A key to be made, its wishes already checked.
#[derive(Debug)]
pub(crate) struct NewKey<'a> {
    pub(crate) tenant_id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) permissions: &'a [String],
    pub(crate) tier: &'a str,
    pub(crate) expires_at: Option<i64>,
}

impl NewKey<'_> {
    /// The row to store, and the secret that is shown once.
    pub(crate) fn make(&self, secrets: &Secrets, now: i64) -> Result<(KeyRow, String), Error> {
        let id = id::new("key");
        let (secret, hint) = rules::new_secret(&id).map_err(|error| Error::internal(error.to_string()))?;
        let row = KeyRow {
            hash: rules::hash(secrets.tokens(), &secret).as_bytes().to_vec(),
            id,
            tenant_id: self.tenant_id.to_owned(),
            user_id: self.user_id.to_owned(),
            name: self.name.to_owned(),
            hint,
            permissions: serde_json::to_string(self.permissions).map_err(Error::internal)?,
            tier: self.tier.to_owned(),
            previous_hash: None,
            previous_expires_at: None,
            created_at: now,
            expires_at: self.expires_at,
            rotated_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        Ok((row, secret.to_string()))
    }
}

impl ApiKeysApi<Context, Error> for Gateway {
    async fn api_keys_create(
        &self,
        context: Context,
        body: CreateApiKey,
    ) -> Result<Created<ApiKeyWithSecret>, Error> {
        let caller = context.identity()?;
        let mut wrong = rules::unknown_permissions(&body.permissions);
        let expires_at = rules::expiry(body.expires_at.as_deref(), self.store.now());
        wrong.extend(expires_at.as_ref().err().cloned());
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        rules::check_subset(&caller.permissions, &body.permissions)?;
        let owner = user_by_id(self.store.tenant(&context)?, &caller.user_id)
            .await?
            .ok_or_else(Error::unauthenticated)?;
        // A key may be of a lower tier than its tenant, and makes no better one than itself.
        let ceiling = rules::lower_tier(&caller.tier, &owner.tenant_tier);
        let tier = rules::tier(body.tier.as_ref().map(|tier| tier.as_str()), ceiling)?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let key = NewKey {
            tenant_id: &caller.tenant_id,
            user_id: &caller.user_id,
            name: &body.name,
            permissions: &body.permissions,
            tier: &tier,
            expires_at: expires_at.unwrap_or_default(),
        };
        let (row, secret) = key.make(&self.secrets, now)?;
        storage::insert(&mut tx, &row).await?;
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::ApiKeyCreated, &row.id)).await?;
        let answer = ApiKeyWithSecret::new(row.api_key(now), secret);
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn api_keys_list(
        &self,
        context: Context,
        params: ApiKeysListParams,
    ) -> Result<Success<ApiKeyPage>, Error> {
        let caller = context.identity()?;
        let mut scope = Scope::new("api_keys").with(Some(&caller.tenant_id));
        for state in ApiKeyStatus::ALL {
            scope = scope.with(params.status.contains(state).then_some(state.as_str()));
        }
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let limit = params.limit.unwrap_or(20);
        let now = self.store.now();
        // One more than asked for says whether there is a next page.
        let mut rows =
            storage::list(self.store.tenant(&context)?, &params.status, after.as_ref(), limit + 1, now)
                .await?;
        let page = usize::try_from(limit).unwrap_or(20);
        let has_more = rows.len() > page;
        rows.truncate(page);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| scope.encode(row.created_at, &row.id));
        let data = rows.iter().map(|row| row.api_key(now)).collect();
        Ok(Success(ApiKeyPage::new(data, next_cursor, has_more)))
    }

    async fn api_keys_get(&self, context: Context, api_key_id: String) -> Result<Success<ApiKey>, Error> {
        let row = storage::get(self.store.tenant(&context)?, &api_key_id).await?;
        let row = row.ok_or_else(|| Error::not_found("API key", &api_key_id))?;
        Ok(Success(row.api_key(self.store.now())))
    }

    async fn api_keys_rotate(
        &self,
        context: Context,
        api_key_id: String,
        body: RotateApiKey,
    ) -> Result<Success<ApiKeyWithSecret>, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let row = storage::get(&mut tx, &api_key_id).await?;
        let mut row = row.ok_or_else(|| Error::not_found("API key", &api_key_id))?;
        match rules::status(&row, now) {
            ApiKeyStatus::Revoked => {
                return Err(Error::conflict("api_key_revoked", "The API key was revoked. Make a new one."));
            }
            ApiKeyStatus::Expired => {
                return Err(Error::conflict("api_key_expired", "The API key has expired. Make a new one."));
            }
            _ => {}
        }
        // Whoever holds less than the key does must not get at it by rotating it.
        let permissions: Vec<String> = serde_json::from_str(&row.permissions).map_err(Error::internal)?;
        rules::check_subset(&caller.permissions, &permissions)?;
        let (secret, hint) =
            rules::new_secret(&row.id).map_err(|error| Error::internal(error.to_string()))?;
        let hash = rules::hash(self.secrets.tokens(), &secret).as_bytes().to_vec();
        let grace = body.grace_seconds.unwrap_or(GRACE_SECONDS);
        let old = std::mem::replace(&mut row.hash, hash);
        (row.previous_hash, row.previous_expires_at) = if grace > 0 {
            (Some(old), Some(now.saturating_add(grace.saturating_mul(1_000_000))))
        } else {
            (None, None)
        };
        row.hint = hint;
        row.rotated_at = Some(now);
        storage::update_secret(&mut tx, &row).await?;
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::ApiKeyRotated, &row.id)).await?;
        let answer = ApiKeyWithSecret::new(row.api_key(now), secret.to_string());
        self.auth.changed(&mut tx, &row.id).await?;
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }

    async fn api_keys_revoke(&self, context: Context, api_key_id: String) -> Result<NoContent, Error> {
        let mut tx = self.store.begin(&context).await?;
        let row = storage::get(&mut tx, &api_key_id).await?;
        let row = row.ok_or_else(|| Error::not_found("API key", &api_key_id))?;
        storage::revoke(&mut tx, &row.id).await?;
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::ApiKeyRevoked, &row.id)).await?;
        self.auth.changed(&mut tx, &row.id).await?;
        tx.commit_empty().await?;
        Ok(NoContent)
    }
}
