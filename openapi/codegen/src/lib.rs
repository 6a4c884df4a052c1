//! Writes every generated artefact of one OpenAPI file, and refuses what it cannot carry.
//!
//! The way of a spec: text -> [`load`] (YAML with the place of every node) -> [`lint`] (all findings at once) -> [`build`] (the
//! [`model`]) -> [`writers`]. Nothing here knows the name of an operation or a schema of Waypost: the tool is for other
//! people's specs as well. No input makes it panic.

pub mod build;
pub mod cli;
pub mod diagnostic;
pub mod lint;
pub mod load;
pub mod model;
pub mod node;
pub mod output;
pub mod writers;

pub use diagnostic::{Finding, Place, Rule};
use lint::Profile;
use load::Document;
use model::Api;

/// A spec that was read and passed the linter.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The file as written.
    pub text: String,
    /// The file as JSON, with places.
    pub document: Document,
    /// The model.
    pub api: Api,
}

/// Reads a spec: its model, or everything that is wrong with it, in the order of the file.
pub fn read(text: &str, profile: Profile) -> Result<Spec, Vec<Finding>> {
    let document = load::load(text)?;
    let findings = lint::lint(&document, profile);
    if !findings.is_empty() {
        return Err(findings);
    }
    let api = build::build(&document)?;
    Ok(Spec { text: text.to_owned(), document, api })
}
