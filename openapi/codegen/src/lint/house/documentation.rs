//! House: everything is described, and shown by an example.

use crate::diagnostic::Rule;
use crate::lint::Report;
use crate::lint::grammar::Kind;
use crate::lint::walk::Objects;
use crate::node::Node;

/// The longest summary: a line in a navigation.
const SUMMARY: usize = 80;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for (kind, what) in [
        (Kind::Info, "The API"),
        (Kind::Tag, "The tag"),
        (Kind::Operation, "The operation"),
        (Kind::Parameter, "The parameter"),
        (Kind::Header, "The header"),
        (Kind::Response, "The response"),
        (Kind::SecurityScheme, "The security scheme"),
    ] {
        for node in objects.of(kind) {
            described(node, what, report);
        }
    }
    for (_, schema) in objects.components("schemas") {
        described(&schema, "The schema", report);
        for (name, property) in schema.entries_of("properties") {
            // A reference is described where it leads.
            if !property.has("$ref") && !property.has("allOf") {
                described(&property, &format!("The property `{name}`"), report);
            }
        }
    }
    for operation in objects.of(Kind::Operation) {
        summary(operation, report);
    }
    examples(objects, report);
}

fn described(node: &Node<'_>, what: &str, report: &mut Report<'_>) {
    if node.text("description").is_none_or(|text| text.trim().is_empty()) {
        let remedy = "Write `description:`: what it is, its unit, what it means when it is absent.";
        report.add(node, Rule::HouseDescription, format!("{what} has no description."), remedy);
    }
}

fn summary(operation: &Node<'_>, report: &mut Report<'_>) {
    let text = operation.text("summary").unwrap_or_default();
    if text.is_empty() || text.chars().count() > SUMMARY || text.contains('\n') || text.ends_with('.') {
        let reason =
            format!("The summary is a title: 1 to {SUMMARY} characters in one line, without a full stop.");
        report.add(operation, Rule::HouseDescription, reason, "Write `summary: Open a wallet`.");
    }
}

fn examples(objects: &Objects<'_>, report: &mut Report<'_>) {
    let has = |node: &Node<'_>| node.has("example") || node.has("examples");
    let shown = |node: &Node<'_>| {
        has(node) || node.get("schema").and_then(|schema| schema.resolve()).is_some_and(|schema| has(&schema))
    };
    for media in objects.of(Kind::MediaType).filter(|media| !has(media)) {
        let remedy = "Write `example:`; the tests send and check it.";
        report.add(media, Rule::HouseExample, "The body has no example.", remedy);
    }
    for parameter in
        objects.of(Kind::Parameter).filter(|parameter| parameter.flag("required") && !shown(parameter))
    {
        report.add(
            parameter,
            Rule::HouseExample,
            "The required parameter has no example.",
            "Write `example:`.",
        );
    }
}
