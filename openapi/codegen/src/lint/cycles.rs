//! Types that contain themselves without an end: no value of them could be written down.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::walk::Objects;
use crate::build::schema::unwrapped;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let schemas: BTreeMap<&str, Node<'_>> = objects.components("schemas").into_iter().collect();
    aliases(&schemas, report);
    endless(&schemas, report);
}

fn is_alias(node: &Node<'_>) -> bool {
    !["properties", "oneOf", "enum"].iter().any(|key| node.has(key))
}

/// A name for a name for … itself, lists and maps in between or not.
fn aliases(schemas: &BTreeMap<&str, Node<'_>>, report: &mut Report<'_>) {
    for (name, node) in schemas {
        let (mut seen, mut open) = (BTreeSet::new(), vec![node.clone()]);
        while let Some(node) = open.pop() {
            let node = unwrapped(&node);
            if let Some(target) = node.schema_name() {
                if target == *name {
                    let reason = format!("`{name}` is another name for itself.");
                    let start = schemas.get(name).unwrap_or(&node);
                    report.add(start, Rule::Reference, reason, "Put an object with properties in between.");
                    break;
                }
                if seen.insert(target) {
                    open.extend(schemas.get(target).filter(|target| is_alias(target)).cloned());
                }
            } else if is_alias(&node) {
                open.extend(node.get("items"));
                open.extend(node.get("additionalProperties"));
            }
        }
    }
}

/// Objects whose required properties need an object of the same kind, and so on for ever.
fn endless(schemas: &BTreeMap<&str, Node<'_>>, report: &mut Report<'_>) {
    let mut finite: BTreeSet<&str> = BTreeSet::new();
    loop {
        let more: Vec<&str> = schemas
            .iter()
            .filter(|(name, node)| !finite.contains(*name) && is_finite(node, &finite))
            .map(|(name, _)| *name)
            .collect();
        if more.is_empty() {
            break;
        }
        finite.extend(more);
    }
    for (name, node) in schemas.iter().filter(|(name, _)| !finite.contains(*name)) {
        // Others are endless only because they need this one, or because their references are broken.
        if reaches_itself(schemas, &finite, name) {
            let reason =
                format!("`{name}` requires itself without an end: no value of it could be written down.");
            report.add(node, Rule::Schema, reason, "Make one of the properties optional, or a list.");
        }
    }
}

/// What every value of the type holds one of; for a choice, what it holds one among.
fn needs<'d>(node: &Node<'d>) -> Vec<&'d str> {
    if node.has("oneOf") {
        return node.items_of("oneOf").filter_map(|member| member.schema_name()).collect();
    }
    if is_alias(node) {
        return unwrapped(node).schema_name().into_iter().collect();
    }
    let required: BTreeSet<&str> = node.items_of("required").filter_map(|name| name.value.as_str()).collect();
    node.entries_of("properties")
        .filter(|(name, property)| required.contains(name) && !property.flag("nullable"))
        .filter_map(|(_, property)| unwrapped(&property).schema_name())
        .collect()
}

fn is_finite(node: &Node<'_>, finite: &BTreeSet<&str>) -> bool {
    if node.has("oneOf") {
        return node
            .items_of("oneOf")
            .any(|member| member.schema_name().is_none_or(|name| finite.contains(name)));
    }
    needs(node).iter().all(|name| finite.contains(name))
}

/// Whether an endless type needs itself, by way of endless ones only: a choice that has an end leads out.
fn reaches_itself(schemas: &BTreeMap<&str, Node<'_>>, finite: &BTreeSet<&str>, from: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        let next = schemas.get(name).map(needs).unwrap_or_default().into_iter();
        for next in next.filter(|next| !finite.contains(next)) {
            if next == from {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}
