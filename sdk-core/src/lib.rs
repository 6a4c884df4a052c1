//! The Waypost SDK for Rust, and the engine under the Python, Node and browser SDKs.
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # mod example {
//! use waypost::{Client, types};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), waypost::Error> {
//!     let client = Client::from_env()?; // WAYPOST_BASE_URL, WAYPOST_API_KEY
//!     let wallet = client.wallets().create(&types::CreateWallet::new("EUR")).await?;
//!     let mut transactions = client.wallets().transactions(&wallet.id, &Default::default()).items();
//!     while let Some(transaction) = transactions.next().await {
//!         println!("{:?}", transaction?);
//!     }
//!     Ok(())
//! }
//! # }
//! ```
//!
//! # What a call does
//!
//! A method of a resource makes a [`Call`]; awaiting it sends it. Failed attempts are sent again where that is safe: connection errors, timeouts, 408,
//! 425, 429 and 5xx, with jittered waits that honour `Retry-After`, up to a deadline and within a budget that all calls share. A POST carries one
//! `Idempotency-Key` for all of its attempts. Each call can be set up by itself:
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # async fn example(client: waypost::Client) -> Result<(), waypost::Error> {
//! use std::time::Duration;
//!
//! let answer = client.wallets().get("wal_1").timeout(Duration::from_secs(2)).retries(0).raw().await?;
//! println!("{} after {} attempts", answer.status, answer.attempts.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//!
//! [`Error`] is an enum by what a caller can do about it; each carries the status, the problem that the server described, the request id and every attempt:
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # async fn example(client: waypost::Client) {
//! match client.wallets().get("wal_1").await {
//!     Ok(wallet) => println!("{wallet:?}"),
//!     Err(waypost::Error::NotFound(_)) => println!("no such wallet"),
//!     Err(error) => println!("{error}; request {:?}, {} attempts", error.request_id(), error.attempts().len()),
//! }
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `client` (default) | the typed client: resources, schemas, progenitor's client; with both transports |
//! | `hyper` | the hyper transport, which sends unless another is chosen; drivers, the untyped client |
//! | `reqwest` | the reqwest transport, for a program's own client; drivers, the untyped client |
//! | `binding` | `hyper`, and what the SDKs of other languages are built on |
//!
//! Without features there is the [`engine`] alone, with no runtime, clock or socket; that is what a browser runs.

#[cfg(feature = "binding")]
pub mod binding;
pub mod engine;

#[rustfmt::skip]
mod generated;

#[cfg(feature = "native")]
pub mod client;
#[cfg(feature = "native")]
pub mod drive;
#[cfg(feature = "native")]
pub mod middleware;
#[cfg(feature = "native")]
pub mod oauth;
#[cfg(feature = "native")]
pub mod sse;
#[cfg(feature = "native")]
pub mod transport;
pub mod webhook;

#[cfg(feature = "native")]
pub use client::{Call, Client, ClientBuilder, EventCall, ListCall, RawResponse, StreamCall};
pub use engine::{
    Attempt, CallOptions, ClientOptions, Credentials, Error, ErrorKind, Failure, Problem, Secret,
};
pub use generated::operations;
#[cfg(feature = "client")]
pub use generated::resources;
#[cfg(feature = "client")]
pub use waypost_types as types;

/// The examples of the front door are compiled with the tests.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../README.md")]
struct FrontDoor;
