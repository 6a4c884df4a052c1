//! Who may give which role to whom. Pure.

use waypost_types::SetUserRoles;

use crate::api_keys::rules::check_subset;
use crate::auth::roles;
use crate::http::{Error, FieldError};

/// A role of the tenant's own, and what it may do.
pub(super) type CustomRole = (String, Vec<String>);

/// A change of a user's roles, and what there is to know about it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// What the caller may do.
    pub(super) held: &'a [String],
    /// The built-in role that the user has.
    pub(super) role: &'a str,
    /// The tenant's own roles that the user has.
    pub(super) custom: &'a [CustomRole],
    /// Those that were asked for and are there.
    pub(super) wanted: &'a [CustomRole],
    /// How many admins the tenant has.
    pub(super) admins: i64,
}

impl Change<'_> {
    /// Whether the roles may be given.
    ///
    /// Nobody gives what they do not hold, nor takes it from others; and a tenant keeps an admin.
    pub(super) fn check(&self, asked: &SetUserRoles) -> Result<(), Error> {
        let missing: Vec<_> = asked
            .custom_roles
            .iter()
            .flatten()
            .enumerate()
            .filter(|(_, name)| !self.wanted.iter().any(|(known, _)| known == *name))
            .map(|(index, name)| FieldError {
                pointer: format!("/custom_roles/{index}"),
                code: "unknown".into(),
                detail: format!("the tenant has no role `{name}`; make it with `roles_put`."),
            })
            .collect();
        if !missing.is_empty() {
            return Err(Error::invalid(missing));
        }
        if self.role != asked.role.as_str() {
            for role in [self.role, asked.role.as_str()] {
                check_subset(self.held, &owned(roles::permissions(role)))?;
            }
        }
        let differ = |these: &[CustomRole], those: &[CustomRole]| {
            these.iter().filter(|role| !those.contains(role)).cloned().collect::<Vec<_>>()
        };
        for (_, permissions) in
            differ(self.custom, self.wanted).iter().chain(&differ(self.wanted, self.custom))
        {
            check_subset(self.held, permissions)?;
        }
        if self.role == "admin" && asked.role.as_str() != "admin" && self.admins <= 1 {
            return Err(last_admin());
        }
        Ok(())
    }
}

/// Whether somebody who holds these permissions may give a built-in role to a newcomer: nobody gives what they do not hold.
pub(super) fn check_role(held: &[String], role: &str) -> Result<(), Error> {
    check_subset(held, &owned(roles::permissions(role)))
}

/// Whether somebody who holds these permissions may remove a user with these roles: nobody takes from others what they do not hold, and a tenant keeps an admin.
pub(super) fn check_removal(
    held: &[String],
    role: &str,
    custom: &[CustomRole],
    admins: i64,
) -> Result<(), Error> {
    check_role(held, role)?;
    for (_, permissions) in custom {
        check_subset(held, permissions)?;
    }
    match role == "admin" && admins <= 1 {
        true => Err(last_admin()),
        false => Ok(()),
    }
}

fn last_admin() -> Error {
    Error::conflict(
        "last_admin",
        "The user is the last admin of the tenant. Make somebody else an admin first.",
    )
}

fn owned(permissions: &[&str]) -> Vec<String> {
    permissions.iter().map(|permission| (*permission).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use waypost_types::Role;

    use super::*;

    fn asked(role: Role, custom: &[&str]) -> SetUserRoles {
        let mut asked = SetUserRoles::new(role);
        asked.custom_roles = Some(custom.iter().map(|name| (*name).to_owned()).collect());
        asked
    }

    fn code(change: &Change<'_>, asked: &SetUserRoles) -> Option<String> {
        change.check(asked).err().map(|error| error.code.to_owned())
    }

    #[test]
    fn a_tenant_keeps_its_last_admin() {
        let everything = owned(&["*"]);
        let change = Change { held: &everything, role: "admin", custom: &[], wanted: &[], admins: 1 };
        assert_eq!(code(&change, &asked(Role::User, &[])).as_deref(), Some("last_admin"));
        assert_eq!(code(&change, &asked(Role::Admin, &[])), None);
        assert_eq!(code(&Change { admins: 2, ..change }, &asked(Role::User, &[])), None);
    }

    #[test]
    fn nobody_removes_who_may_do_more_than_they_nor_the_last_admin() {
        let code = |held: &[&str], role, custom: &[CustomRole], admins| {
            check_removal(&owned(held), role, custom, admins).err().map(|error| error.code)
        };
        let strong = [("payer".to_owned(), owned(&["payments:write"]))];
        assert_eq!(code(&["*"], "admin", &[], 1), Some("last_admin"));
        assert_eq!(code(&["*"], "admin", &[], 2), None);
        assert_eq!(code(&["users:*"], "admin", &[], 2), Some("permission_denied"));
        assert_eq!(code(&["users:*"], "service", &strong, 1), Some("permission_denied"));
        assert_eq!(code(&["users:*"], "service", &[], 1), None);
    }

    #[test]
    fn nobody_gives_or_takes_a_role_that_may_do_more_than_they() {
        let held = owned(&["users:*", "wallets:read"]);
        let role = [("reader".to_owned(), owned(&["wallets:read"]))];
        let strong = [("payer".to_owned(), owned(&["payments:write"]))];
        let none = Change { held: &held, role: "service", custom: &[], wanted: &[], admins: 1 };
        assert_eq!(code(&none, &asked(Role::Admin, &[])).as_deref(), Some("permission_denied"));
        let giving = Change { wanted: &role, ..none };
        assert_eq!(code(&giving, &asked(Role::Service, &["reader"])), None);
        let giving = Change { held: &held, role: "service", custom: &[], wanted: &strong, admins: 1 };
        assert_eq!(code(&giving, &asked(Role::Service, &["payer"])).as_deref(), Some("permission_denied"));
        let taking = Change { held: &held, role: "service", custom: &strong, wanted: &[], admins: 1 };
        assert_eq!(code(&taking, &asked(Role::Service, &[])).as_deref(), Some("permission_denied"));
        let demoting = Change { held: &held, role: "admin", custom: &[], wanted: &[], admins: 2 };
        assert_eq!(code(&demoting, &asked(Role::Service, &[])).as_deref(), Some("permission_denied"));
    }

    #[test]
    fn a_role_that_is_not_there_is_named_with_its_place() {
        let everything = owned(&["*"]);
        let change = Change { held: &everything, role: "user", custom: &[], wanted: &[], admins: 1 };
        let error = change.check(&asked(Role::User, &["ghost"])).unwrap_err();
        assert_eq!(error.fields[0].pointer, "/custom_roles/0");
    }
}
