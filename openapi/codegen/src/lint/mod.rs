//! The linter: everything that is wrong with a spec, at once, in the order of the file.
//!
//! Two sets of rules. What cannot be carried into right code is refused in any spec: the generator answers with a finding
//! instead of a panic or of code that does something else than the spec says. The house style is on top of that, for Waypost's own contract
//! and with `--strict`. One module a subject; [`walk`] finds the objects, the modules look at them.

use crate::diagnostic::{Finding, Rule, sorted};
use crate::load::Document;
use crate::node::Node;

mod cycles;
mod examples;
mod extensions;
mod grammar;
mod house;
mod names;
mod operations;
mod parameters;
mod paths;
mod requests;
mod responses;
mod schemas;
mod security;
mod structure;
mod unions;
mod walk;

/// Which rules a spec is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Only what cannot be carried into right code: for other people's specs.
    Lenient,
    /// The house style of Waypost's own contract as well.
    Strict,
}

/// Everything that is wrong with a document.
pub fn lint(document: &Document, profile: Profile) -> Vec<Finding> {
    let mut report = Report { document, findings: Vec::new() };
    let objects = walk::objects(document, &mut report);
    for rule in [
        paths::check,
        operations::check,
        parameters::check,
        requests::check,
        responses::check,
        schemas::check,
        unions::check,
        cycles::check,
        names::check,
        security::check,
        extensions::check,
    ] {
        rule(&objects, &mut report);
    }
    // Values are read through the schemas: where these are broken, every value of theirs would seem so too.
    let broken = [
        Rule::Structure,
        Rule::UnknownKeyword,
        Rule::Reference,
        Rule::Schema,
        Rule::Composition,
        Rule::Bounds,
        Rule::Enum,
    ];
    if !report.findings.iter().any(|finding| broken.contains(&finding.rule)) {
        examples::check(&objects, &mut report);
    }
    if report.findings.is_empty() {
        structure::check(document, &mut report);
    }
    if profile == Profile::Strict {
        house::check(&objects, &mut report);
    }
    sorted(report.findings)
}

/// Where the rules put what they find.
struct Report<'d> {
    document: &'d Document,
    findings: Vec<Finding>,
}

impl Report<'_> {
    /// One finding at this node.
    fn add(&mut self, node: &Node<'_>, rule: Rule, reason: impl Into<String>, remedy: impl Into<String>) {
        self.add_at(&node.pointer, rule, reason, remedy);
    }

    /// One finding at this pointer.
    fn add_at(&mut self, pointer: &str, rule: Rule, reason: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding {
            place: self.document.place(pointer),
            pointer: pointer.to_owned(),
            rule,
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }
}
