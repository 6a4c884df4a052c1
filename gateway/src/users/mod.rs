//! The people of a tenant, and the roles that they have.
//!
//! What does not live here: making accounts and signing in (`auth`), and what a role may do (`auth::roles` for the built-in ones, `roles` for the tenant's own).

mod handler;
mod rules;
pub(crate) mod storage;
