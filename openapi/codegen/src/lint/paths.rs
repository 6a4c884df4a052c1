//! Paths: every one can be routed, and none hides another.

use std::collections::BTreeMap;

use super::Report;
use super::walk::Objects;
use crate::build::METHODS;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let mut routes: BTreeMap<String, (String, String)> = BTreeMap::new();
    if objects.operations.is_empty() {
        let remedy = "Write at least one operation under `paths`.";
        report.add_at(
            "/paths",
            Rule::Path,
            "The document has no operation, so there is nothing to write.",
            remedy,
        );
    }
    for (path, item) in objects.root.entries_of("paths").filter(|(path, _)| !path.starts_with("x-")) {
        template(path, &item, report);
        route(path, &item, &mut routes, report);
        unsupported(&item, report);
        for (_, operation) in item.entries().filter(|(key, _)| METHODS.contains(key)) {
            for alias in operation.items_of("x-aliases") {
                let Some(text) = alias.value.as_str() else { continue };
                template(text, &alias, report);
                route(text, &alias, &mut routes, report);
                if names(text) != names(path) {
                    let reason = format!("The alias `{text}` has other path parameters than `{path}`.");
                    report.add(&alias, Rule::Path, reason, "Use the same parameters, in the same order.");
                }
            }
        }
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

fn names(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| is_parameter(segment)).collect()
}

fn template(path: &str, node: &Node<'_>, report: &mut Report<'_>) {
    let mut add = |reason: &str, remedy: &str| {
        report.add(node, Rule::Path, format!("`{path}`: {reason}"), remedy.to_owned());
    };
    if !path.starts_with('/') {
        add("a path without a `/` at its start is dropped.", "Start it with `/`.");
    }
    if path.contains(['?', '#']) {
        add("a path holds no query and no fragment.", "Declare query parameters under `parameters`.");
    }
    if path.len() > 1 && path.ends_with('/') {
        add("a `/` at the end makes a second path that looks like the first.", "Remove the last `/`.");
    }
    if path.contains("//") {
        add("an empty segment is folded away by proxies.", "Remove one `/`.");
    }
    if path.chars().any(|c| c.is_whitespace() || c.is_control() || "\"<>\\^`|%".contains(c) || !c.is_ascii())
    {
        add(
            "it holds a character that does not stand in a URL's path as it is.",
            "Use letters, digits, `-`, `_`, `.` and `~`.",
        );
    }
    for segment in path.split('/') {
        let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if segment == "." || segment == ".." {
            add("a segment `.` or `..` walks up the path.", "Write the path without it.");
        }
        if segment.starts_with([':', '*']) {
            add(
                "routers take a segment that starts with `:` or `*` for a parameter.",
                "Start it with another character.",
            );
        }
        match inner {
            Some("") => add("a parameter without a name.", "Write `{name}`."),
            Some(name) if name.contains(['{', '}', '*']) => {
                add("a path parameter is one whole segment.", "Write `{name}`, one for each segment.");
            }
            None if segment.contains(['{', '}']) => {
                add(
                    "a path parameter is one whole segment.",
                    "Put the text around it into segments of its own.",
                );
            }
            _ => {}
        }
    }
}

/// Two paths that differ in the names of their parameters only are the same path.
fn route(
    path: &str,
    node: &Node<'_>,
    routes: &mut BTreeMap<String, (String, String)>,
    report: &mut Report<'_>,
) {
    let key: Vec<&str> =
        path.split('/').map(|segment| if is_parameter(segment) { "{}" } else { segment }).collect();
    let here = (path.to_owned(), node.pointer.clone());
    if let Some((first, _)) = routes.insert(key.join("/"), here) {
        let reason = format!("`{path}` and `{first}` match the same requests.");
        report.add(node, Rule::Path, reason, "Make one of them, with one set of parameter names.");
    }
}

fn unsupported(item: &Node<'_>, report: &mut Report<'_>) {
    for key in ["head", "options", "trace"] {
        if let Some(node) = item.get(key) {
            let reason = format!("`{key}` is not carried: servers and proxies answer it by themselves.");
            report.add(&node, Rule::Method, reason, "Remove it, or write a `get`.");
        }
    }
    if let Some(node) = item.get("$ref") {
        report.add(
            &node,
            Rule::Method,
            "A path item by reference is not carried.",
            "Write the path item here.",
        );
    }
    let servers = item.get("servers").into_iter();
    let own =
        item.entries().filter(|(key, _)| METHODS.contains(key)).filter_map(|(_, node)| node.get("servers"));
    for node in servers.chain(own) {
        let reason = "Servers of one path or operation are not carried: a client has one base URL.";
        report.add(&node, Rule::Method, reason, "Declare `servers` at the top of the document only.");
    }
}
