//! House: how operations are named, what each says of itself, and how it fails.

use heck::{ToPascalCase, ToSnakeCase};

use crate::build::operation::declared_parameters;
use crate::diagnostic::Rule;
use crate::lint::Report;
use crate::lint::grammar::Kind;
use crate::lint::walk::{Objects, Operation};
use crate::node::Node;

/// Every extension of ours.
const EXTENSIONS: &[&str] = &[
    "x-aliases",
    "x-browser",
    "x-deprecated",
    "x-enum-descriptions",
    "x-errors",
    "x-paginate",
    "x-permission",
    "x-rate-cost",
    "x-retry",
    "x-secret",
    "x-since",
    "x-websocket",
];

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let tags: Vec<&str> = objects.of(Kind::Tag).filter_map(|tag| tag.text("name")).collect();
    for operation in &objects.operations {
        name(operation, &tags, report);
        extensions(&operation.node, report);
        errors(operation, report);
        idempotency(operation, report);
        patch(operation, report);
    }
    for (_, node) in &objects.all {
        for (key, value) in
            node.entries().filter(|(key, _)| key.starts_with("x-") && !EXTENSIONS.contains(key))
        {
            // Names of headers and of media types may start so.
            if node.pointer.ends_with("/headers") || node.pointer.ends_with("/content") {
                continue;
            }
            let reason = format!("Nothing reads the extension `{key}`.");
            report.add(&value, Rule::HouseExtension, reason, "Remove it, or mend its name.");
        }
    }
    names(objects, report);
}

fn name(operation: &Operation<'_>, tags: &[&str], report: &mut Report<'_>) {
    let node = &operation.node;
    let tag = node.items_of("tags").next().and_then(|tag| tag.value.as_str()).unwrap_or_default();
    if !tag.is_empty() && !tags.contains(&tag) {
        let reason = format!("The tag `{tag}` is not declared.");
        report.add(node, Rule::HouseOperationId, reason, "Declare it under `tags`, with a description.");
    }
    let id = node.text("operationId").unwrap_or_default();
    let verb = id.strip_prefix(tag).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
    if verb.is_empty() || id.to_snake_case() != id {
        let reason =
            format!("`{id}` is not `<resource>_<verb>` in snake_case, with the tag `{tag}` as the resource.");
        report.add(node, Rule::HouseOperationId, reason, format!("Write `operationId: {tag}_<verb>`."));
    }
}

fn extensions(node: &Node<'_>, report: &mut Report<'_>) {
    for (key, remedy) in [
        ("x-retry", "Write `x-retry: safe`, `idempotent` or `never`."),
        ("x-rate-cost", "Write `x-rate-cost: 1`."),
        ("x-since", "Write `x-since: '<version of the API>'`."),
        ("x-errors", "List its errors: `x-errors: [{status, code, when}]`."),
        ("security", "Write `security: []` if it needs no credentials."),
    ] {
        if !node.has(key) {
            report.add(node, Rule::HouseExtension, format!("The operation has no `{key}`."), remedy);
        }
    }
    let scopes = node.items_of("security").flat_map(|alternative| alternative.entries().collect::<Vec<_>>());
    for (name, requirement) in scopes {
        let named: Vec<_> =
            requirement.items().filter_map(|scope| scope.value.as_str().map(str::to_owned)).collect();
        let permission: Vec<_> = node.text("x-permission").map(str::to_owned).into_iter().collect();
        if !named.is_empty() && named != permission {
            let reason = format!("The scopes of `{name}` are not the operation's permission.");
            let remedy = "List the one of `x-permission`, or none where there is none.";
            report.add(&requirement, Rule::HouseExtension, reason, remedy);
        }
    }
    let public = node.get("security").is_some_and(|security| security.items().next().is_none());
    if public && node.has("x-permission") {
        let reason = "The operation needs a permission but no credentials.";
        report.add(node, Rule::HouseExtension, reason, "Write `security`, or remove `x-permission`.");
    }
}

/// Whether the operation takes a form: what a browser sends, or what a protocol that others wrote asks for.
fn takes_a_form(operation: &Operation<'_>) -> bool {
    let body = operation.node.get("requestBody").and_then(|body| body.resolve());
    body.is_some_and(|body| body.walk(&["content", "application/x-www-form-urlencoded"]).is_some())
}

fn errors(operation: &Operation<'_>, report: &mut Report<'_>) {
    let node = &operation.node;
    // OAuth's own errors (RFC 6749, section 5.2) are plain JSON.
    let media_type = if takes_a_form(operation) { "application/json" } else { "application/problem+json" };
    let remedy = "Write `4XX` and `5XX` with references to the document's error responses.";
    for status in ["4XX", "5XX"] {
        if node.walk(&["responses", status]).is_none() {
            report.add(node, Rule::HouseError, format!("The operation declares no `{status}`."), remedy);
        }
    }
    for (status, response) in node.entries_of("responses") {
        if status.parse::<u16>().is_ok_and(|status| status >= 400) {
            let reason = format!("The error `{status}` stands by itself.");
            report.add(&response, Rule::HouseError, reason, "Describe it in `x-errors`, by its `code`.");
        }
        if status.starts_with(['4', '5'])
            && response.resolve().is_some_and(|r| {
                ["application/problem+json", media_type]
                    .iter()
                    .all(|name| r.walk(&["content", name]).is_none())
            })
        {
            let reason = "Errors are problems (RFC 9457).";
            report.add(&response, Rule::HouseError, reason, "Write `application/problem+json`.");
        }
    }
}

fn idempotency(operation: &Operation<'_>, report: &mut Report<'_>) {
    let takes = declared_parameters(&operation.item, &operation.node)
        .iter()
        .any(|node| node.text("name").is_some_and(|name| name.eq_ignore_ascii_case("idempotency-key")));
    // A form is sent by what does not know the header.
    if takes != (operation.method == "post" && !takes_a_form(operation)) {
        let (reason, remedy) = if takes {
            ("Only a POST takes `Idempotency-Key`.", "Remove the parameter.")
        } else {
            (
                "A POST without `Idempotency-Key` cannot be sent again safely.",
                "Refer to the parameter in `parameters`.",
            )
        };
        report.add(&operation.node, Rule::HouseIdempotency, reason, remedy);
    }
}

fn patch(operation: &Operation<'_>, report: &mut Report<'_>) {
    if operation.method != "patch" {
        return;
    }
    let Some(body) = operation.node.get("requestBody").and_then(|body| body.resolve()) else {
        return report.add(
            &operation.node,
            Rule::HousePatch,
            "A PATCH without a body.",
            "Write what it changes.",
        );
    };
    let schema = body.walk(&["content", "application/json", "schema"]).and_then(|schema| schema.resolve());
    if schema.is_some_and(|schema| schema.items_of("required").next().is_some()) {
        let reason = "A PATCH changes what is in its body and leaves the rest, so nothing in it is required.";
        report.add(&body, Rule::HousePatch, reason, "Make every property optional.");
    }
}

fn names(objects: &Objects<'_>, report: &mut Report<'_>) {
    for (name, schema) in objects.components("schemas") {
        if name.to_pascal_case() != name {
            let reason = format!("The schema's name `{name}` is not in PascalCase.");
            report.add(&schema, Rule::HouseName, reason, format!("Write `{}`.", name.to_pascal_case()));
        }
        for (name, property) in
            schema.entries_of("properties").filter(|(name, _)| name.to_snake_case() != *name)
        {
            let reason = format!("The property's name `{name}` is not in snake_case.");
            report.add(&property, Rule::HouseName, reason, format!("Write `{}`.", name.to_snake_case()));
        }
    }
    for parameter in objects.of(Kind::Parameter).filter(|parameter| parameter.text("in") != Some("header")) {
        if let Some(name) = parameter.text("name").filter(|name| name.to_snake_case() != *name) {
            let reason = format!("The parameter's name `{name}` is not in snake_case.");
            report.add(parameter, Rule::HouseName, reason, format!("Write `{}`.", name.to_snake_case()));
        }
    }
}
