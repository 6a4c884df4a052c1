//! Every schema of the Waypost contract as a Rust type, written from `openapi/openapi-complete.yaml`. The SDK and the gateway
//! share them, so that both sides of the wire mean the same.
//!
//! - Objects are structs: `Type::new(…)` takes what is required, `with_…` sets the rest. Fields of an answer that this version
//!   does not know are kept in `extra` and written back.
//! - Enums are open: a value that this version does not know is `Unknown(text)`.
//! - Unions are enums that read and write their tag; a tag that this version does not know is kept as it came.
//! - A field that may be absent, null or a value is a [`Patch`].
//! - Identifiers and times (RFC 3339) are strings, amounts are `i64` of minor units.
//! - What is secret prints as `[redacted]`.
//!
//! The query and header parameters of each operation are in [`params`].
//!
//! ```
//! use waypost_types::{CreateWallet, WalletStatus};
//!
//! let body = CreateWallet::new("EUR").with_name("Household");
//! assert_eq!(serde_json::to_string(&body)?, r#"{"currency":"EUR","name":"Household"}"#);
//!
//! assert_eq!(WalletStatus::from("active"), WalletStatus::Active);
//! assert_eq!(WalletStatus::from("dormant").as_str(), "dormant");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! The three states of a field in a body of your own:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use waypost_types::Patch;
//!
//! #[derive(Serialize, Deserialize, Default)]
//! struct Change {
//!     #[serde(default, skip_serializing_if = "Patch::is_absent")]
//!     name: Patch<String>,
//! }
//!
//! assert_eq!(serde_json::to_string(&Change::default())?, "{}");
//! assert_eq!(serde_json::to_string(&Change { name: Patch::Null })?, r#"{"name":null}"#);
//! assert!(serde_json::from_str::<Change>("{}")?.name.is_absent());
//! # Ok::<(), serde_json::Error>(())
//! ```

pub mod patch;

#[rustfmt::skip]
mod generated;
#[rustfmt::skip]
pub mod params;

pub use generated::*;
pub use patch::Patch;
