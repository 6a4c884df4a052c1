//! Names: two names of the spec must not become one identifier, and none may hide a name that generated code needs.
//! Identifiers are made here by the very functions that the writers use.

use std::collections::BTreeMap;

use super::Report;
use super::walk::Objects;
use crate::build::schema::variants;
use crate::diagnostic::Rule;
use crate::node::Node;
use crate::writers::rust::{snake_ident, type_ident};

/// What generated code calls by its plain name.
const RESERVED: &[&str] = &[
    "Box",
    "D",
    "Default",
    "Deserialize",
    "Err",
    "From",
    "Into",
    "None",
    "Ok",
    "Option",
    "Patch",
    "Result",
    "S",
    "Self_",
    "Serialize",
    "Some",
    "String",
    "Tagged",
    "Vec",
];

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let schemas = objects.components("schemas");
    let mut types = Names::default();
    for (name, node) in &schemas {
        let ident = type_ident(name).to_string();
        if RESERVED.contains(&ident.as_str()) {
            let reason = format!("A type `{ident}` would hide a name that generated code needs.");
            report.add(node, Rule::Name, reason, "Give the schema another name.");
        }
        types.add(name, ident, node, "type", report);
        members(node, report);
    }
    for folder in ["parameters", "headers", "responses", "requestBodies"] {
        for (name, node) in objects.components(folder).iter().filter(|(name, _)| name.is_empty()) {
            report.add(
                node,
                Rule::Name,
                format!("An entry of `{folder}` without a name: `{name}`."),
                "Name it.",
            );
        }
    }
}

fn members(schema: &Node<'_>, report: &mut Report<'_>) {
    let mut fields = Names::default();
    for (name, node) in schema.entries_of("properties") {
        fields.add(name, snake_ident(name).to_string(), &node, "field", report);
    }
    let mut values = Names::default();
    for node in schema.items_of("enum") {
        if let Some(value) = node.value.as_str() {
            values.add_variant(value, &node, report);
        }
    }
    let mut tags = Names::default();
    if schema.has("discriminator") {
        for variant in variants(schema) {
            tags.add_variant(&variant.tag, schema, report);
        }
    }
}

/// Identifiers of one scope with the names that they were made of.
#[derive(Default)]
struct Names {
    seen: BTreeMap<String, String>,
}

impl Names {
    fn add(&mut self, name: &str, ident: String, node: &Node<'_>, what: &str, report: &mut Report<'_>) {
        if !name.is_ascii() || !name.contains(|c: char| c.is_ascii_alphanumeric()) {
            let reason = format!("No identifier can be made of `{name}` without loss.");
            report.add(node, Rule::Name, reason, "Write ASCII letters, digits and `_`.");
        } else if let Some(first) = self.seen.get(&ident) {
            let reason = format!("`{first}` and `{name}` become one {what} `{ident}`.");
            report.add(node, Rule::Name, reason, "Rename one of them.");
        } else {
            self.seen.insert(ident, name.to_owned());
        }
    }

    fn add_variant(&mut self, name: &str, node: &Node<'_>, report: &mut Report<'_>) {
        let ident = type_ident(name).to_string();
        if ident == "Unknown" {
            let reason = format!(
                "`{name}` would be taken for the variant `Unknown`, which keeps what a reader does not know."
            );
            report.add(node, Rule::Name, reason, "Name it `other`, `none` or the like.");
        }
        self.add(name, ident, node, "variant", report);
    }
}
