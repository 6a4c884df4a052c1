//! Who calls: registration, sign-in, tokens and what they permit.

mod authenticate;

pub(crate) use authenticate::authenticate;
