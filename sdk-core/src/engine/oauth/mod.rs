//! Access tokens for calls, and how they are got: what a token set is, which step of getting one comes next, the token request and what its answer means.
//! Sockets, files and waiting are a driver's.
//!
//! Promises: at most one token request is under way for all calls of a client; a token that was refused is not used again; no secret is printed.

#![cfg_attr(
    not(feature = "native"),
    allow(dead_code, unused_imports, reason = "the browser's driver reads answers in JavaScript")
)]

mod answer;
mod client;
mod error;
mod request;
mod set;
mod tokens;

pub use answer::granted;
pub(crate) use answer::{Refusal, refusal, sign_in};
pub use client::OAuthClient;
pub use error::OAuthError;
pub use request::{Grant, TOKEN};
pub(crate) use request::{basic, plan};
pub use set::TokenSet;
pub use tokens::{Facts, Next, Tokens};
