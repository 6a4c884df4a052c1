//! What the bindings of other languages share: everything that crosses their border and is not the language's own.
//!
//! A binding hands the engine an operation by its id, parameters as pairs of wire name and text, a body as bytes, settings and options as JSON; it gets
//! back an envelope or an error, and a [`report`] of it as JSON. No body is parsed here, but for a form's, which is made from JSON.
//!
//! A client that gets its access tokens is made of the settings `client_id`, `client_secret`, `scope`, `token_url`, `tokens` (a token set as stores keep it) and
//! `token_file`; a store of the language's own comes in by [`Settings::with_token_store`], whose token sets cross as that same JSON. Scripts are asked for the answers
//! to token requests as well, under the operation `oauth_token`.
//!
//! Promises: whatever a facade hands in, it gets one clear error and no panic; no error repeats a value that may be a secret; a member that is misspelt is
//! an error, not a default.

mod arguments;
mod define;
mod interceptor;
mod members;
mod opened;
mod options;
mod policy;
mod report;
mod settings;
mod sign_in;
mod webhook;

pub use arguments::arguments;
pub use define::{define, describe, find};
pub use interceptor::{Intercepted, Interceptor, Seen};
pub use opened::{Opened, open};
pub use options::options;
pub use policy::policy;
pub use report::{attempts, internal, report, undecodable, url};
pub use settings::{Settings, VARIABLES};
pub use sign_in::SignInSteps;
pub use webhook::{Refusal, sign, verify};

/// The version of the native part. A facade refuses one that is not its own.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a mistake of this package is to be told.
pub const ISSUES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");
