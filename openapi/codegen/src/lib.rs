//! Writes every generated artefact of one OpenAPI file, and refuses what it cannot carry.
//!
//! The way of a spec: text -> [`load`] (YAML with the place of every node) -> [`lint`] (all findings at once) -> [`build`] (the
//! [`model`]) -> [`writers`]. Nothing here knows the name of an operation or a schema of Waypost: the tool is for other
//! people's specs as well. No input makes it panic.

pub mod model;
pub mod writers;
