//! Access tokens for calls, and how they are got: what a token set is, which step of getting one comes next, the token request and what its answer means.
//! Sockets, files and waiting are a driver's.
//!
//! Promises: at most one token request is under way for all calls of a client; a token that was refused is not used again; no secret is printed.

mod client;
mod error;
mod set;

pub use client::OAuthClient;
pub use error::OAuthError;
pub use set::TokenSet;
