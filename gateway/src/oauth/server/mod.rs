//! The gateway as an authorization server: RFC 6749 with PKCE (RFC 7636), device codes (RFC 8628), signed client assertions (RFC 7523), JWT access tokens
//! (RFC 9068), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414), and the best practice of RFC 9700.
//!
//! ```text
//! authorize   a browser asks          -> code      \
//! device      a device asks           -> code       >  a grant: what a client may do for whom, and the family of every token of it
//! token       a client asks for itself              /
//!   client    who asks: secret, assertion, or nobody in particular
//!   access_token, keys    what is signed, and with what
//! ```
//!
//! Promises: nothing is handed out but for a grant, and ending the grant ends all of it at once. A code or refresh token works once; one that comes back
//! ends its grant. No token can do more than the client was registered for, the person agreed to, and the person may do at the time ([`scope`]).

pub(super) mod access_token;
pub(super) mod authorize;
pub(super) mod client;
pub(super) mod device;
pub(super) mod inspect;
pub(crate) mod keys;
pub(super) mod metadata;
pub(super) mod pkce;
pub(crate) mod redirect;
pub(crate) mod scope;
pub(crate) mod storage;
pub(super) mod token;
