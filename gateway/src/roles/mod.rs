//! Roles: the built-in ones, which `auth::roles` defines, and those that a tenant makes.

mod handler;
pub(crate) mod storage;

/// The permissions of a role as they are stored; one that cannot be read grants none.
pub(crate) fn permissions(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
