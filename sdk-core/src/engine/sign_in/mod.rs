//! Signing a person in: the authorization code grant with PKCE (RFC 6749, section 4.1; RFC 7636), on a loopback address where the program is no web page
//! (RFC 8252), and the device grant (RFC 8628); both by the server's own metadata (RFC 8414).
//!
//! [`SignIn`] is sans-IO as the attempt loop is: it is fed what happened and answers what to do next. A driver sends, waits, opens the page and shows the code,
//! and decides nothing. Browsers and Node run the same steps in TypeScript, held to `openapi/vectors` (`authorize.json`, `device.json`), because the engine that
//! a page downloads has no room for them.
//!
//! Promises: the state is compared before anything else of a redirect is believed, and the issuer where it is told (RFC 9207); a code is sent once, whatever
//! happens to the answer; a device asks as slowly as it is told; nothing here prints a code, a verifier or a token.

mod device;
mod flow;
mod metadata;
mod pkce;
mod redirect;
mod refusal;

pub use device::{DeviceCode, DeviceProgress};
pub use flow::{Event, Settings, SignIn, Step};
pub use metadata::Endpoints;
pub use pkce::{challenge, token};
