//! Access tokens for a client's calls, got and kept without the program's doing: token sets, the stores that keep them, and what goes wrong; and [`SignIn`], by which
//! a person gives a program its first ones.
//!
//! A client with an OAuth client's id and secret gets its tokens itself; one with a token set refreshes it:
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # fn example() -> Result<(), waypost::Error> {
//! use waypost::Client;
//! use waypost::oauth::FileTokenStore;
//!
//! let machine = Client::builder("https://api.example").client_id("ocl_1").client_secret("wps_secret").scope("wallets:read").build()?;
//! let person = Client::builder("https://api.example").client_id("ocl_2").token_store(FileTokenStore::new("tokens.json")).build()?;
//! # let _ = (machine, person);
//! # Ok(())
//! # }
//! ```
//!
//! What a call does for its token: one that is valid for 30 seconds more is used; else the store is asked; else the refresh token is used up; else the client's secret is
//! shown; else the call ends with [`Error::OAuth`](crate::Error::OAuth). There is one such request under way for all calls of a client. A call that is refused with 401 gets a
//! new token once, and is sent once more.

mod file;
mod keeper;
#[cfg(feature = "hyper")]
mod loopback;
mod sign_in;
mod store;

pub use crate::engine::oauth::{OAuthClient, OAuthError, TokenSet};
pub use crate::engine::sign_in::DeviceProgress;
pub use file::FileTokenStore;
pub(crate) use keeper::{Keeper, Waiting};
pub use sign_in::{AuthorizationCode, SignIn};
pub use store::{MemoryTokenStore, StoreError, TokenStore};
