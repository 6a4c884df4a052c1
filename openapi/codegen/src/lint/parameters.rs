//! Parameters: scalars in the path, scalars and exploded lists in the query, scalars in headers. What clients and servers spell in
//! different ways is refused.

use std::collections::BTreeMap;

use heck::ToSnakeCase;

use super::Report;
use super::grammar::Kind;
use super::operations::is_word;
use super::walk::{Objects, Operation};
use crate::build::operation::{ENGINE_HEADERS, declared_parameters, path_names};
use crate::diagnostic::Rule;
use crate::node::Node;
use crate::writers::client::TAKEN;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for parameter in objects.of(Kind::Parameter) {
        one(parameter, report);
    }
    for operation in &objects.operations {
        together(operation, report);
    }
    // Parameters of a path item without operations would never be looked at together.
    for (path, item) in objects.root.entries_of("paths") {
        duplicates(&item, report);
        for operation in objects.operations.iter().filter(|operation| operation.path == path) {
            duplicates(&operation.node, report);
        }
    }
}

fn one(node: &Node<'_>, report: &mut Report<'_>) {
    let (Some(name), Some(place)) = (node.text("name"), node.text("in")) else { return };
    match place {
        "path" | "query" | "header" => {}
        "cookie" => {
            let reason = "A cookie parameter is not carried: browsers do not let a program set cookies.";
            let remedy = "Send it as a header, or declare a security scheme of type `apiKey` in `cookie`.";
            return report.add(node, Rule::Parameter, reason, remedy);
        }
        other => {
            let reason = format!("A parameter cannot be in `{other}`.");
            return report.add(node, Rule::Parameter, reason, "Write `in: path`, `query` or `header`.");
        }
    }
    if !is_word(name) {
        let reason = format!("No identifier can be made of the parameter's name `{name}`.");
        report.add(node, Rule::Parameter, reason, "Write letters, digits, `_` and `-`, a letter first.");
    }
    let argument = name.to_snake_case();
    if TAKEN.contains(&argument.as_str()) {
        let reason =
            format!("A parameter called `{argument}` collides with a name of the method that takes it.");
        report.add(node, Rule::Parameter, reason, "Give it another name.");
    }
    if place == "path" && !node.flag("required") {
        let reason =
            format!("The path parameter `{name}` is not required; a path without it is another path.");
        report.add(node, Rule::Parameter, reason, "Write `required: true`.");
    }
    if place == "header"
        && ["accept", "content-type", "authorization"].contains(&name.to_ascii_lowercase().as_str())
    {
        let reason = format!("OpenAPI ignores a header parameter called `{name}`.");
        let remedy = "Remove it: media types and `security` say it.";
        report.add(node, Rule::Parameter, reason, remedy);
    }
    if let Some(content) = node.get("content") {
        let reason = "A parameter with `content` is not carried: its encoding is not that of a plain value.";
        report.add(
            &content,
            Rule::ParameterStyle,
            reason,
            "Write `schema`, with a scalar or a list of scalars.",
        );
    }
    let Some(schema) = node.get("schema") else {
        if !node.has("content") {
            report.add(
                node,
                Rule::Parameter,
                format!("The parameter `{name}` has no schema."),
                "Write `schema:`.",
            );
        }
        return;
    };
    let list = value(name, place, &schema, report);
    style(node, name, place, list, report);
}

/// What a parameter may hold; whether it is a list.
fn value(name: &str, place: &str, schema: &Node<'_>, report: &mut Report<'_>) -> bool {
    let Some(target) = schema.resolve() else { return false };
    if target.flag("nullable") {
        let reason =
            format!("The parameter `{name}` may be null, but there is no null in a URL or a header.");
        report.add(schema, Rule::Nullable, reason, "Remove `nullable`; leave the parameter out instead.");
    }
    if is_scalar(&target) {
        return false;
    }
    if target.text("type") != Some("array") {
        let reason = format!(
            "The parameter `{name}` is not a scalar; objects have no one spelling in a URL or a header."
        );
        let remedy = "Write one parameter for each property, or send a request body.";
        report.add(schema, Rule::Parameter, reason, remedy);
        return false;
    }
    if place != "query" {
        let reason = format!("The parameter `{name}` is a list in `{place}`; only the query repeats a name.");
        report.add(schema, Rule::Parameter, reason, "Put it into the query, or write a scalar.");
    } else if schema.has("$ref") {
        let reason = format!("The list parameter `{name}` is named; its items may be, not the list.");
        report.add(schema, Rule::Parameter, reason, "Write `type: array` with `items` here.");
    } else if !target.get("items").and_then(|items| items.resolve()).is_some_and(|items| is_scalar(&items)) {
        let reason = format!("The items of the parameter `{name}` are not scalars.");
        report.add(schema, Rule::Parameter, reason, "Write a list of strings, numbers or booleans.");
    }
    true
}

/// A string, a number, a boolean, or an enum.
pub(super) fn is_scalar(schema: &Node<'_>) -> bool {
    matches!(schema.text("type"), Some("string" | "integer" | "number" | "boolean"))
        && schema.text("format") != Some("binary")
}

fn style(node: &Node<'_>, name: &str, place: &str, list: bool, report: &mut Report<'_>) {
    let plain = if place == "query" { "form" } else { "simple" };
    if let Some(style) = node.text("style").filter(|style| *style != plain) {
        let reason = format!("The style `{style}` of the parameter `{name}` is not carried.");
        let remedy = match style {
            "deepObject" => "Write one parameter for each property.".to_owned(),
            "pipeDelimited" | "spaceDelimited" => {
                "Write `style: form` and `explode: true`: the name is repeated.".to_owned()
            }
            _ => format!("Write `style: {plain}`, or nothing."),
        };
        report.add(node, Rule::ParameterStyle, reason, remedy);
    }
    if list && node.get("explode").is_some_and(|explode| explode.value == false) {
        let reason =
            format!("`explode: false` of the list `{name}` would be ignored: lists repeat their name.");
        report.add(node, Rule::ParameterStyle, reason, "Write `explode: true`, or nothing.");
    }
    for flag in ["allowReserved", "allowEmptyValue"] {
        if node.flag(flag) {
            let reason =
                format!("`{flag}` of the parameter `{name}` would be ignored: values are percent-encoded.");
            report.add(node, Rule::ParameterStyle, reason, format!("Remove `{flag}`."));
        }
    }
}

fn duplicates(node: &Node<'_>, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for parameter in node.items_of("parameters") {
        let Some(target) = parameter.resolve() else { continue };
        let (Some(name), Some(place)) = (target.text("name"), target.text("in")) else { continue };
        if seen.insert((name, place), ()).is_some() {
            let reason = format!("The parameter `{name}` in `{place}` stands here twice.");
            report.add(&parameter, Rule::Parameter, reason, "Remove one of them.");
        }
    }
}

fn together(operation: &Operation<'_>, report: &mut Report<'_>) {
    let declared = declared_parameters(&operation.item, &operation.node);
    let in_path = path_names(operation.path);
    let declares = |name: &str| {
        declared.iter().any(|node| node.text("in") == Some("path") && node.text("name") == Some(name))
    };
    for name in in_path.iter().filter(|name| !declares(name)) {
        let reason = format!("`{{{name}}}` of the path is not declared.");
        let remedy = format!("Declare a parameter `{name}` with `in: path`.");
        report.add(&operation.node, Rule::Parameter, reason, remedy);
    }
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for node in &declared {
        let (Some(name), Some(place)) = (node.text("name"), node.text("in")) else { continue };
        if place == "path" && !in_path.contains(&name) {
            let reason = format!("The path `{}` has no `{{{name}}}`.", operation.path);
            report.add(&operation.node, Rule::Parameter, reason, "Put it into the path, or into the query.");
        }
        if place == "header" && ENGINE_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        if let Some(first) = names.insert(name.to_snake_case(), name) {
            let reason = format!("The parameters `{first}` and `{name}` become one argument.");
            report.add(&operation.node, Rule::Name, reason, "Rename one of them.");
        }
    }
    let twice =
        in_path.iter().enumerate().find(|(index, name)| in_path.iter().take(*index).any(|n| n == *name));
    if let Some((_, name)) = twice {
        let reason = format!("`{{{name}}}` stands twice in the path.");
        report.add(&operation.node, Rule::Path, reason, "Give each segment its own name.");
    }
}
