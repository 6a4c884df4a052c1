//! The operations of `users`.

use waypost_types::params::UsersListParams;
use waypost_types::{AuditType, InviteUser, SetUserRoles, User, UserInvitation, UserPage};

use super::invitations::{self, Invitation};
use super::rules::Change;
use super::storage;
use crate::Gateway;
use crate::audit;
use crate::auth::rules as accounts;
use crate::generated::{Created, NoContent, Success, UsersApi};
use crate::http::{Context, Error};
use crate::secrets::id;
use crate::store::clock::to_rfc3339;
use crate::store::cursor::Scope;
use crate::store::list::Window;

fn no_user(user_id: &str) -> Error {
    Error::not_found("user", user_id)
}

fn names(roles: Vec<super::rules::CustomRole>) -> Vec<String> {
    roles.into_iter().map(|(name, _)| name).collect()
}

impl UsersApi<Context, Error> for Gateway {
    async fn users_list(
        &self,
        context: Context,
        params: UsersListParams,
    ) -> Result<Success<UserPage>, Error> {
        let tenant = self.store.tenant(&context)?;
        let scope = Scope::new("users").with(Some(tenant.tenant_id()));
        let window = Window::new(scope, params.limit, params.cursor.as_deref(), None, None)?;
        let page = storage::list(tenant, &window).await?;
        let mut data = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            let custom = storage::custom_roles(tenant, &row.id).await?;
            data.push(row.user(names(custom)));
        }
        let has_more = page.next_cursor.is_some();
        Ok(Success(UserPage::new(data, page.next_cursor, has_more)))
    }

    async fn users_get(&self, context: Context, user_id: String) -> Result<Success<User>, Error> {
        let tenant = self.store.tenant(&context)?;
        let row = storage::find(tenant, &user_id).await?.ok_or_else(|| no_user(&user_id))?;
        let custom = storage::custom_roles(tenant, &row.id).await?;
        Ok(Success(row.user(names(custom))))
    }

    async fn users_invite(
        &self,
        context: Context,
        body: InviteUser,
    ) -> Result<Created<UserInvitation>, Error> {
        let caller = context.identity()?;
        let email = accounts::normal_email(&body.email);
        let expires_at = invitations::expiry(body.expires_at.as_deref(), self.store.now());
        let wrong = [accounts::check_email("/email", &email).err(), expires_at.as_ref().err().cloned()];
        let Ok(expires_at) = expires_at else {
            return Err(Error::invalid(wrong.into_iter().flatten().collect()));
        };
        if wrong.iter().any(Option::is_some) {
            return Err(Error::invalid(wrong.into_iter().flatten().collect()));
        }
        super::rules::check_role(&caller.permissions, body.role.as_str())?;
        let secret = invitations::new_secret().map_err(|error| Error::internal(error.to_string()))?;
        let mut tx = self.store.begin(&context).await?;
        if invitations::open(&mut tx).await? >= invitations::MOST {
            let detail =
                format!("{} invitations of the tenant are open. Wait for some to expire.", invitations::MOST);
            return Err(Error::conflict("too_many_invitations", detail));
        }
        let (id, now) = (id::new("inv"), tx.now());
        let invitation = Invitation {
            id: &id,
            email: &email,
            role: body.role.as_str(),
            created_by: &caller.user_id,
            expires_at,
        };
        let hash = invitations::hash(self.secrets.tokens(), &secret);
        invitations::insert(&mut tx, &invitation, &hash).await?;
        let detail = format!("{email} as {}", body.role.as_str());
        let entry = audit::Entry::new(AuditType::UserInvited, &id).with_detail(&detail);
        audit::record(&mut tx, &context, entry).await?;
        let (made, ends) = (to_rfc3339(now), to_rfc3339(expires_at));
        let answer = UserInvitation::new(id, email, body.role, secret.as_str(), made, ends);
        tx.commit(&answer).await?;
        Ok(Created(answer))
    }

    async fn users_remove(&self, context: Context, user_id: String) -> Result<NoContent, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let row = storage::find(&mut tx, &user_id).await?.ok_or_else(|| no_user(&user_id))?;
        let custom = storage::custom_roles(&mut tx, &user_id).await?;
        let admins = storage::admins(&mut tx).await?;
        super::rules::check_removal(&caller.permissions, &row.role, &custom, admins)?;
        let mut ended = storage::credentials(&mut tx, &user_id).await?;
        ended.extend(storage::belongings(&mut tx, &user_id).await?);
        invitations::withdraw(&mut tx, &user_id).await?;
        storage::remove(&mut tx, &user_id).await?;
        let detail = format!("was {}", describe(&row.role, &custom));
        let entry = audit::Entry::new(AuditType::UserRemoved, &user_id).with_detail(&detail);
        audit::record(&mut tx, &context, entry).await?;
        for credential in &ended {
            self.auth.changed(&mut tx, credential).await?;
        }
        tx.commit_empty().await?;
        Ok(NoContent)
    }

    async fn users_set_roles(
        &self,
        context: Context,
        user_id: String,
        body: SetUserRoles,
    ) -> Result<Success<User>, Error> {
        let caller = context.identity()?;
        let mut tx = self.store.begin(&context).await?;
        let mut row = storage::find(&mut tx, &user_id).await?.ok_or_else(|| no_user(&user_id))?;
        let custom = storage::custom_roles(&mut tx, &user_id).await?;
        let mut wanted = Vec::new();
        for name in body.custom_roles.iter().flatten() {
            if let Some(role) = crate::roles::storage::find(&mut tx, name).await? {
                let permissions = role.permissions();
                wanted.push((role.name, permissions));
            }
        }
        let change = Change {
            held: &caller.permissions,
            role: &row.role,
            custom: &custom,
            wanted: &wanted,
            admins: storage::admins(&mut tx).await?,
        };
        change.check(&body)?;
        let before = describe(&row.role, &custom);
        body.role.as_str().clone_into(&mut row.role);
        storage::set_roles(&mut tx, &user_id, &row.role, &wanted).await?;
        let detail = format!("from {before} to {}", describe(&row.role, &wanted));
        let entry = audit::Entry::new(AuditType::UserRolesChanged, &user_id).with_detail(&detail);
        audit::record(&mut tx, &context, entry).await?;
        for credential in storage::credentials(&mut tx, &user_id).await? {
            self.auth.changed(&mut tx, &credential).await?;
        }
        let answer = row.user(names(wanted));
        tx.commit(&answer).await?;
        Ok(Success(answer))
    }
}

fn describe(role: &str, custom: &[super::rules::CustomRole]) -> String {
    let names = std::iter::once(role).chain(custom.iter().map(|(name, _)| name.as_str()));
    names.take(10).collect::<Vec<_>>().join(", ")
}
