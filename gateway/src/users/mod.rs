//! The people of a tenant, and the roles that they have.
//!
//! Somebody comes in by an invitation, with which an account is made, and goes by being removed.
//!
//! What does not live here: making accounts and signing in (`auth`), and what a role may do (`auth::roles` for the built-in ones, `roles` for the tenant's own).

mod handler;
pub(crate) mod invitations;
mod rules;
pub(crate) mod storage;
