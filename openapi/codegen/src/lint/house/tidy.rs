//! House: nothing in `components` that nobody uses.

use std::collections::BTreeSet;

use crate::build::messages;
use crate::diagnostic::Rule;
use crate::lint::Report;
use crate::lint::grammar::Kind;
use crate::lint::walk::{Objects, referenced};

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let (sent, told) = messages(&objects.root);
    for kind in [Kind::Schema, Kind::Parameter, Kind::Response, Kind::RequestBody, Kind::Example] {
        let mut used = referenced(objects, kind);
        if kind == Kind::Schema {
            used.extend(sent.iter().chain(&told).map(String::as_str));
        }
        for (name, node) in objects.components(kind.folder().unwrap_or_default()) {
            if !used.contains(name) {
                report.add(
                    &node,
                    Rule::HouseUnused,
                    format!("Nothing refers to `{name}`."),
                    "Remove it, or use it.",
                );
            }
        }
    }
    let schemes: BTreeSet<&str> = objects
        .operations
        .iter()
        .flat_map(|operation| operation.node.items_of("security"))
        .chain(objects.root.items_of("security"))
        .flat_map(|alternative| alternative.entries().map(|(name, _)| name))
        .collect();
    for (name, node) in objects.components("securitySchemes") {
        if !schemes.contains(name) {
            report.add(
                &node,
                Rule::HouseUnused,
                format!("No operation asks for `{name}`."),
                "Remove it, or use it.",
            );
        }
    }
}
