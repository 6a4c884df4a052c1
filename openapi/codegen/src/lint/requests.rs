//! Request bodies: JSON of a named schema, a form of scalars, or plain bytes. Always required, one media type.

use super::Report;
use super::grammar::Kind;
use super::parameters::is_scalar;
use super::walk::Objects;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for operation in &objects.operations {
        if let Some(body) = operation.node.get("requestBody")
            && ["get", "delete"].contains(&operation.method)
        {
            let reason =
                format!("A `{}` with a body: proxies drop it (RFC 9110, section 9.3).", operation.method);
            report.add(&body, Rule::RequestBody, reason, "Write a `post`, or send parameters.");
        }
    }
    for body in objects.of(Kind::RequestBody) {
        one(body, report);
    }
}

fn one(body: &Node<'_>, report: &mut Report<'_>) {
    if !body.flag("required") {
        let reason = "An optional request body would silently become required.";
        let remedy = "Write `required: true`; make the properties optional instead.";
        report.add(body, Rule::RequestBody, reason, remedy);
    }
    let media: Vec<_> = body.entries_of("content").collect();
    if media.len() != 1 {
        let reason = format!("The request body has {} media types; one is carried.", media.len());
        report.add(body, Rule::RequestBody, reason, "Keep one, best `application/json`.");
    }
    for (name, media) in &media {
        if let Some(encoding) = media.get("encoding") {
            report.add(&encoding, Rule::RequestBody, "`encoding` is not carried.", "Remove it.");
        }
        match *name {
            "application/json" => named(media, "A JSON body", report),
            "application/x-www-form-urlencoded" => form(media, report),
            "application/octet-stream" => bytes(media, report),
            other => {
                let remedy = match other {
                    "application/merge-patch+json" => {
                        "Write `application/json`: an optional field with `nullable: true` is absent, null or a value."
                    }
                    other if other.starts_with("multipart/") => {
                        "Send the file as `application/octet-stream`, and the rest as parameters or in a call of its own."
                    }
                    other if other.starts_with("application/json") => "Write `application/json`.",
                    _ => {
                        "Write `application/json`, `application/x-www-form-urlencoded` or `application/octet-stream`."
                    }
                };
                report.add(
                    media,
                    Rule::RequestBody,
                    format!("The media type `{other}` is not carried in requests."),
                    remedy,
                );
            }
        }
    }
}

/// A schema under a name of its own.
pub(super) fn named(media: &Node<'_>, what: &str, report: &mut Report<'_>) {
    match media.get("schema") {
        None => {
            let remedy = "Write `schema: {$ref: '#/components/schemas/<name>'}`.";
            report.add(media, Rule::Unnamed, format!("{what} without a schema."), remedy);
        }
        Some(schema) if !schema.has("$ref") => {
            let reason = format!("{what} whose schema has no name: no type can be named after it.");
            report.add(&schema, Rule::Unnamed, reason, "Move it to `components/schemas` and refer to it.");
        }
        Some(_) => {}
    }
}

fn form(media: &Node<'_>, report: &mut Report<'_>) {
    named(media, "A form", report);
    let Some(schema) = media.get("schema").and_then(|schema| schema.resolve()) else { return };
    if !schema.has("properties") {
        let reason = "A form is an object with properties.";
        return report.add(media, Rule::RequestBody, reason, "Write `type: object` with `properties`.");
    }
    for (name, property) in schema.entries_of("properties") {
        let scalar = property.resolve().is_some_and(|target| is_scalar(&target) && !target.flag("nullable"));
        if !scalar {
            let reason = format!("`{name}` is in a form but is no scalar, or may be null.");
            report.add(&property, Rule::RequestBody, reason, "Write a scalar, or send JSON.");
        }
    }
}

/// Bytes say that they are bytes.
pub(super) fn bytes(media: &Node<'_>, report: &mut Report<'_>) {
    let schema = media.get("schema");
    let binary = schema
        .as_ref()
        .is_some_and(|s| s.text("type") == Some("string") && s.text("format") == Some("binary"));
    if !binary {
        let node = schema.unwrap_or_else(|| media.clone());
        let reason = "Plain bytes whose schema does not say so.";
        report.add(&node, Rule::RequestBody, reason, "Write `schema: {type: string, format: binary}`.");
    }
}
