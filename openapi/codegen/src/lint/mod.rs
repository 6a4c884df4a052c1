//! The linter.

use crate::diagnostic::Finding;
use crate::load::Document;

/// Which rules a spec is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Only what cannot be carried into right code: for other people's specs.
    Lenient,
    /// The house style of Waypost's own contract as well.
    Strict,
}

/// Everything that is wrong with a document.
pub fn lint(_document: &Document, _profile: Profile) -> Vec<Finding> {
    Vec::new()
}
