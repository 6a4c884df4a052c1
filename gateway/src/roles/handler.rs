//! The operations of `roles`.

use waypost_types::params::RolesListParams;
use waypost_types::{AuditType, PutRole, Role, RoleDetail, RolePage};

use super::storage::{self, RoleRow};
use crate::Gateway;
use crate::api_keys::rules;
use crate::audit;
use crate::auth::roles;
use crate::generated::{RolesApi, Success};
use crate::http::{Context, Error};
use crate::store::cursor::Scope;

/// Roles of its own that a tenant may have.
const MOST: i64 = 100;

fn built_in(name: &str) -> Option<RoleDetail> {
    let role = Role::ALL.iter().find(|role| role.as_str() == name)?;
    let permissions = roles::permissions(name).iter().map(|permission| (*permission).to_owned()).collect();
    let mut detail = RoleDetail::new(name, permissions, true);
    let description = match role {
        Role::Admin => "May do everything in the tenant.",
        Role::Manager => "May read and change the tenant's resources.",
        Role::User => "May read the tenant's resources, and manage the own sessions.",
        _ => "A program; its credentials name its permissions.",
    };
    detail.description = Some(description.to_owned());
    Some(detail)
}

impl RolesApi<Context, Error> for Gateway {
    async fn roles_list(
        &self,
        context: Context,
        params: RolesListParams,
    ) -> Result<Success<RolePage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let scope = Scope::new("roles").with(Some(tenant.tenant_id()));
        let after = params.cursor.as_deref().map(|cursor| scope.decode(cursor)).transpose()?;
        let mut all: Vec<_> = storage::all(tenant).await?.into_iter().map(RoleRow::role).collect();
        all.extend(Role::ALL.iter().filter_map(|role| built_in(role.as_str())));
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let page = usize::try_from(params.limit.unwrap_or(20)).unwrap_or(20);
        let mut data: Vec<_> = all
            .into_iter()
            .filter(|role| after.as_ref().is_none_or(|after| role.name > after.id))
            .take(page.saturating_add(1))
            .collect();
        let has_more = data.len() > page;
        data.truncate(page);
        let next_cursor = data.last().filter(|_| has_more).map(|role| scope.encode(0, &role.name));
        Ok(Success(RolePage::new(data, next_cursor, has_more)))
    }

    async fn roles_get(&self, context: Context, role_name: String) -> Result<Success<RoleDetail>, Error> {
        if let Some(role) = built_in(&role_name) {
            return Ok(Success(role));
        }
        let row = storage::find(self.store.tenant(&context)?, &role_name).await?;
        let row = row.ok_or_else(|| Error::not_found("role", &role_name))?;
        Ok(Success(row.role()))
    }

    async fn roles_put(
        &self,
        context: Context,
        role_name: String,
        body: PutRole,
    ) -> Result<Success<RoleDetail>, Error> {
        let caller = context.identity()?;
        if built_in(&role_name).is_some() {
            let detail = format!("`{role_name}` is a built-in role. Make one of another name.");
            return Err(Error::conflict("role_built_in", detail));
        }
        let wrong = rules::unknown_permissions(&body.permissions);
        if !wrong.is_empty() {
            return Err(Error::invalid(wrong));
        }
        rules::check_subset(&caller.permissions, &body.permissions)?;
        let mut tx = self.store.begin(&context).await?;
        let now = tx.now();
        let before = storage::find(&mut tx, &role_name).await?;
        match &before {
            // Whoever holds less than the role must not take from those who have it.
            Some(before) => rules::check_subset(&caller.permissions, &before.permissions())?,
            None if storage::count(&mut tx).await? >= MOST => {
                let detail = format!("The tenant has {MOST} roles of its own. Change one of them.");
                return Err(Error::conflict("too_many_roles", detail));
            }
            None => {}
        }
        let detail = body.permissions.join(" ");
        let row = RoleRow {
            permissions: serde_json::to_string(&body.permissions).map_err(Error::internal)?,
            name: role_name,
            description: body.description,
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        };
        storage::put(&mut tx, &row).await?;
        let entry = audit::Entry::new(AuditType::RoleChanged, &row.name).with_detail(&detail);
        audit::record(&mut tx, &context, entry).await?;
        for credential in storage::credentials(&mut tx, &row.name).await? {
            self.auth.changed(&mut tx, &credential).await?;
        }
        let answer = row.role();
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}
