//! Operations: each names its resource and its verb, and nothing in it is silently left out.

use std::collections::BTreeMap;

use heck::ToSnakeCase;

use super::Report;
use super::walk::Objects;
use crate::build::operation::verb;
use crate::diagnostic::Rule;
use crate::writers::rust::{static_ident, type_ident};

/// What stands beside the operations in the tables, and so can be no operation there.
const TABLE: [&str; 2] = ["API_VERSION", "OPERATIONS"];
/// What the resources are written with, and so can be no resource.
const RESOURCES: [&str; 8] =
    ["Arguments", "Call", "Client", "EventCall", "ListCall", "Paged", "Resources", "StreamCall"];

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    let mut verbs: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut resources: BTreeMap<String, &str> = BTreeMap::new();
    for operation in &objects.operations {
        let node = &operation.node;
        let tags: Vec<_> = node.items_of("tags").collect();
        let tag = tags.first().and_then(|tag| tag.value.as_str());
        if tags.len() != 1 {
            let reason = format!(
                "The operation has {} tags; its one tag is the resource that it belongs to.",
                tags.len()
            );
            report.add(node, Rule::OperationId, reason, "Write `tags: [<resource>]`.");
        }
        if let Some(tag) = tag {
            if !is_word(tag) {
                let reason =
                    format!("The tag `{tag}` cannot name a resource: no identifier can be made of it.");
                report.add(node, Rule::OperationId, reason, "Write letters, digits and `_`, a letter first.");
            }
            let ident = type_ident(tag).to_string();
            if RESOURCES.contains(&ident.as_str()) {
                let reason = format!("A resource `{ident}` would hide a name that generated code needs.");
                report.add(node, Rule::Name, reason, "Give the tag another name.");
            }
            match resources.get(&tag.to_snake_case()) {
                Some(first) if *first != tag => {
                    let reason = format!("The tags `{tag}` and `{first}` become one resource.");
                    report.add(node, Rule::Name, reason, "Spell them alike, or further apart.");
                }
                _ => {
                    resources.insert(tag.to_snake_case(), tag);
                }
            }
        }
        let Some(id) = node.text("operationId") else {
            let reason = "The operation has no `operationId`, so no method can be named after it.";
            report.add(node, Rule::OperationId, reason, "Write `operationId: <resource>_<verb>`.");
            continue;
        };
        let id_node = node.get("operationId").unwrap_or_else(|| node.clone());
        if !is_word(id) {
            let reason = format!("No identifier can be made of `{id}`.");
            report.add(&id_node, Rule::OperationId, reason, "Write letters, digits and `_`, a letter first.");
            continue;
        }
        let ident = static_ident(id).to_string();
        if TABLE.contains(&ident.as_str()) {
            let reason = format!("An operation `{ident}` would hide a name that generated code needs.");
            report.add(&id_node, Rule::Name, reason, "Name it `<resource>_<verb>`.");
        }
        if let Some(first) = ids.insert(id.to_snake_case(), id) {
            let reason = if first == id {
                format!("`{id}` names two operations.")
            } else {
                format!("`{id}` and `{first}` become one function.")
            };
            report.add(&id_node, Rule::Name, reason, "Rename one of them.");
        } else if let Some(first) = tag.and_then(|tag| verbs.insert((tag.to_snake_case(), verb(id, tag)), id))
        {
            let reason = format!("`{id}` and `{first}` become one method of their resource.");
            report.add(&id_node, Rule::Name, reason, "Rename one of them.");
        }
        if let Some(callbacks) = node.get("callbacks") {
            let reason = "Callbacks are not carried.";
            let remedy = "Describe what is sent as a named schema, and the sending in the description.";
            report.add(&callbacks, Rule::Method, reason, remedy);
        }
        if node.flag("deprecated") && !node.has("x-deprecated") {
            let reason = "`deprecated: true` does not say since when; the `Deprecation` header (RFC 9745) carries a date.";
            let remedy = "Write `x-deprecated: {since: <date>, sunset: <date>, link: <url>}` instead.";
            report.add(node, Rule::Extension, reason, remedy);
        }
    }
    if let Some(callbacks) = objects.root.walk(&["components", "callbacks"]) {
        report.add(&callbacks, Rule::Method, "Callbacks are not carried.", "Remove them.");
    }
}

/// Whether an identifier can be made of the text without loss.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c))
}
