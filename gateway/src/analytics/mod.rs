//! Who calls what, how often and how fast: what the data plane counts by step is kept in the database, so that it can be asked for after a restart and from
//! every node. Requests know nothing of it: the data plane adds up in memory, and here what is finished is written every few seconds.

mod handler;
mod keeper;
mod span;
mod storage;

pub(crate) use keeper::Keeper;
