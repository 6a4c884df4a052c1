//! The chapters of the story, in the order in which they are told. Each takes a client and leaves its account on standard output; each checks
//! what it claims, and breaks off if it is not so.

pub(crate) mod account;
pub(crate) mod broken_line;
pub(crate) mod money;
pub(crate) mod paging;
pub(crate) mod payment;
pub(crate) mod rate_limit;
pub(crate) mod refusals;
