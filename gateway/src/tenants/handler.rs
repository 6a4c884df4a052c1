//! The operations of `tenants`.

use waypost_types::params::TenantsListParams;
use waypost_types::{AuditType, CreateTenant, Patch, Role, Tenant, TenantPage, UpdateTenant, User};
use zeroize::Zeroizing;

use super::storage::{self, TenantRow};
use crate::Gateway;
use crate::api_keys::rules::tier;
use crate::audit;
use crate::auth::rules as accounts;
use crate::auth::storage::{email_taken, insert_user};
use crate::generated::{Created, Success, TenantsApi};
use crate::http::{Context, Error};
use crate::secrets::id;
use crate::store::System;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Scope;

fn no_tenant(tenant_id: &str) -> Error {
    Error::not_found("tenant", tenant_id)
}

impl TenantsApi<Context, Error> for Gateway {
    async fn tenants_create(&self, context: Context, body: CreateTenant) -> Result<Created<Tenant>, Error> {
        let caller = context.identity()?;
        let email = accounts::normal_email(&body.owner.email);
        let password = Zeroizing::new(body.owner.password);
        let wrong: Vec<_> = [
            accounts::check_email("/owner/email", &email),
            accounts::check_password("/owner/password", &password, &email),
        ]
        .into_iter()
        .filter_map(Result::err)
        .collect();
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        let asked = body.tier.as_ref().map_or("free", |tier| tier.as_str());
        let tier = tier(Some(asked), &caller.tier)?;
        let hash = self.auth.passwords.hash(password).await?;
        let mut tx = self.store.begin_system_for(&context, System::Tenants).await?;
        let now = tx.now();
        let row = TenantRow {
            id: id::new("ten"),
            name: body.name,
            description: body.description,
            tier,
            parent_id: Some(caller.tenant_id.clone()),
            created_at: now,
        };
        storage::insert(&mut tx, &row).await?;
        // Whoever registers may make tenants: only those who run the gateway are told who has an account.
        let taken = email_taken(&mut *tx.connection(), &email).await?;
        if taken && caller.platform {
            return Err(Error::conflict(
                "email_taken",
                "There is an account with the owner's address. Take another address.",
            ));
        }
        if !taken {
            let made = to_rfc3339(now);
            let owner = User::new(id::new("usr"), row.id.as_str(), email, body.owner.name, Role::Admin, made);
            insert_user(tx.connection(), &owner, Some(&hash), now).await?;
        }
        let mut tx = tx.in_tenant(caller.tenant_id.as_str());
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::TenantCreated, &row.id)).await?;
        let answer = row.tenant();
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn tenants_list(
        &self,
        context: Context,
        params: TenantsListParams,
    ) -> Result<Success<TenantPage>, Error> {
        let platform = context.identity()?.platform;
        let tenant = self.store.tenant(&context)?;
        let scope = Scope::new("tenants").with(Some(tenant.tenant_id()));
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let limit = params.limit.unwrap_or(20);
        // One more than asked for says whether there is a next page.
        let mut rows = storage::list(tenant, platform, after.as_ref(), limit + 1).await?;
        let page = usize::try_from(limit).unwrap_or(20);
        let has_more = rows.len() > page;
        rows.truncate(page);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| scope.encode(row.created_at, &row.id));
        let data = rows.into_iter().map(TenantRow::tenant).collect();
        Ok(Success(TenantPage::new(data, next_cursor, has_more)))
    }

    async fn tenants_get(&self, context: Context, tenant_id: String) -> Result<Success<Tenant>, Error> {
        let platform = context.identity()?.platform;
        let row = storage::find(self.store.tenant(&context)?, platform, &tenant_id).await?;
        Ok(Success(row.ok_or_else(|| no_tenant(&tenant_id))?.tenant()))
    }

    async fn tenants_update(
        &self,
        context: Context,
        tenant_id: String,
        body: UpdateTenant,
    ) -> Result<Success<Tenant>, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let mut row = storage::find(&mut tx, caller.platform, &tenant_id)
            .await?
            .ok_or_else(|| no_tenant(&tenant_id))?;
        if let Some(asked) = body.tier {
            // The caller's is never above that of the own tenant, so nobody makes the own limits wider.
            row.tier = tier(Some(asked.as_str()), &caller.tier)?;
        }
        if let Some(name) = body.name {
            row.name = name;
        }
        match body.description {
            Patch::Absent => {}
            Patch::Null => row.description = None,
            Patch::Value(text) => row.description = Some(text),
        }
        storage::update(&mut tx, caller.platform, &row).await?;
        audit::record(&mut tx, &context, audit::Entry::new(AuditType::TenantUpdated, &row.id)).await?;
        for credential in storage::credentials(&mut tx, caller.platform, &row.id).await? {
            self.auth.changed(&mut tx, &credential).await?;
        }
        let answer = row.tenant();
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}
