//! The operations of `permissions`.

use std::sync::Arc;

use waypost_types::{CheckPermissions, PermissionCheck, PermissionResult};

use crate::Gateway;
use crate::generated::{PermissionsApi, Success};
use crate::http::{Context, Error, Identity};
use crate::users;

impl PermissionsApi<Context, Error> for Gateway {
    async fn permissions_check(
        &self,
        context: Context,
        body: CheckPermissions,
    ) -> Result<Success<PermissionCheck>, Error> {
        let caller = context.identity()?;
        let other = body.user_id.as_ref().filter(|user_id| **user_id != caller.user_id);
        let who = match other {
            None => caller.clone(),
            Some(_) if !caller.may("users:read") => return Err(Error::permission_denied("users:read")),
            Some(user_id) => {
                let tenant = self.store.tenant(&context)?;
                let user = users::storage::find(tenant, user_id).await?;
                let user = user.ok_or_else(|| Error::not_found("user", user_id))?;
                let held = users::storage::permissions_of(tenant, &user).await?;
                Identity { permissions: Arc::from(held), ..caller.clone() }
            }
        };
        let results: Vec<_> = body
            .permissions
            .into_iter()
            .map(|permission| {
                let allowed = who.may(&permission);
                PermissionResult::new(permission, allowed)
            })
            .collect();
        let answer = PermissionCheck::new(results.iter().all(|result| result.allowed), results);
        // Nothing changes; but under a key the first answer is the one that is given again.
        if context.idempotency().is_some() {
            self.store.begin(&context).await?.commit(&answer).await?;
        }
        Ok(Success(answer))
    }
}
