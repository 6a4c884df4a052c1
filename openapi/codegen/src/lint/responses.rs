//! Responses: one success of one shape, and one shape of error for the whole document.

use std::collections::BTreeSet;

use super::Report;
use super::grammar::Kind;
use super::parameters::is_scalar;
use super::requests::named;
use super::walk::{Objects, Operation};
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let mut problem = None;
    for operation in &objects.operations {
        statuses(operation, &mut problem, report);
    }
    if problem.is_none() && !objects.operations.is_empty() {
        let reason = "No operation declares what an error looks like, so errors could not be told apart.";
        let remedy = "Declare `4XX` and `5XX` with `application/problem+json` of one schema.";
        report.add_at("/paths", Rule::ErrorResponse, reason, remedy);
    }
    for header in objects.of(Kind::Header) {
        let scalar = header.get("schema").and_then(|schema| schema.resolve()).is_some_and(|s| is_scalar(&s));
        if !scalar {
            let reason = "A response header that is not a scalar is not carried.";
            report.add(
                header,
                Rule::ResponseHeader,
                reason,
                "Write `schema` with a string, a number or a boolean.",
            );
        }
    }
}

fn statuses<'d>(operation: &Operation<'d>, problem: &mut Option<&'d str>, report: &mut Report<'_>) {
    let mut successes = Vec::new();
    for (status, response) in operation.node.entries_of("responses").filter(|(s, _)| !s.starts_with("x-")) {
        match status {
            "200" | "201" | "202" | "204" => successes.push((status, response)),
            "101" if operation.node.has("x-websocket") => successes.push((status, response)),
            "303" if operation.node.flag("x-browser") => successes.push((status, response)),
            "default" => {
                let reason = "`default` stands for successes and errors at once, so neither has a type.";
                report.add(&response, Rule::ErrorResponse, reason, "Write `4XX` and `5XX`.");
            }
            "2XX" | "2xx" => {
                let reason = "A range of successes has no one outcome.";
                report.add(
                    &response,
                    Rule::Success,
                    reason,
                    "Write the one status: `200`, `201`, `202` or `204`.",
                );
            }
            _ if is_error(status) => error(&response, problem, report),
            other => {
                let reason = format!("The status `{other}` is not carried.");
                report.add(
                    &response,
                    Rule::Success,
                    reason,
                    "Write `200`, `201`, `202` or `204`, and errors as `4XX` and `5XX`.",
                );
            }
        }
    }
    match successes.as_slice() {
        [(status, response)] if operation.node.has("x-websocket") => switch(status, response, report),
        [(status, response)] if operation.node.flag("x-browser") => page(status, response, report),
        [(status, response)] => success(status, response, report),
        [] => {
            let reason = "The operation has no success.";
            report.add(&operation.node, Rule::Success, reason, "Write one of `200`, `201`, `202` and `204`.");
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(status, _)| *status).collect();
            let reason = format!(
                "The operation has {} successes ({}); one is carried.",
                names.len(),
                names.join(", ")
            );
            report.add(&operation.node, Rule::Success, reason, "Keep one; say what differs in a field.");
        }
    }
}

fn is_error(status: &str) -> bool {
    matches!(status, "4XX" | "5XX" | "4xx" | "5xx")
        || status.parse::<u16>().is_ok_and(|status| (400..600).contains(&status))
}

fn error<'d>(response: &Node<'d>, problem: &mut Option<&'d str>, report: &mut Report<'_>) {
    let Some(target) = response.resolve() else { return };
    let media: Vec<_> = target.entries_of("content").collect();
    let remedy = "Write `application/problem+json` with the schema that every error of the document has.";
    let [(name, body)] = media.as_slice() else {
        let reason = format!("The error has {} media types; it needs exactly one body.", media.len());
        return report.add(response, Rule::ErrorResponse, reason, remedy);
    };
    if !["application/problem+json", "application/json"].contains(name) {
        return report.add(
            response,
            Rule::ErrorResponse,
            format!("An error as `{name}` is not carried."),
            remedy,
        );
    }
    let Some(schema) = body.get("schema").and_then(|schema| schema.schema_name()) else {
        return report.add(response, Rule::ErrorResponse, "The error's body has no named schema.", remedy);
    };
    match problem {
        None => *problem = Some(schema),
        // The media type may differ: a protocol that others wrote may ask for plain JSON.
        Some(first) if *first != schema => {
            let reason = format!("The error is a `{schema}`, others are a `{first}`.");
            report.add(response, Rule::ErrorResponse, reason, remedy);
        }
        Some(_) => {}
    }
}

/// What opens a WebSocket.
fn switch(status: &str, response: &Node<'_>, report: &mut Report<'_>) {
    let bare = response.resolve().is_none_or(|target| target.entries_of("content").next().is_none());
    if status != "101" || !bare {
        let reason = "A WebSocket begins with 101 and no body; its messages are schemas.";
        report.add(response, Rule::Success, reason, "Write `101` without content.");
    }
}

/// What a browser is answered: a page, or the way to another.
fn page(status: &str, response: &Node<'_>, report: &mut Report<'_>) {
    let Some(target) = response.resolve() else { return };
    let media: Vec<_> = target.entries_of("content").map(|(name, _)| name).collect();
    let fits = match status {
        "303" => media.is_empty(),
        _ => status == "200" && media == ["text/html"],
    };
    if !fits {
        let reason = "A browser is answered a page, or the way to another.";
        let remedy = "Write `200` with `text/html`, or `303` without content.";
        report.add(response, Rule::Success, reason, remedy);
    }
}

fn success(status: &str, response: &Node<'_>, report: &mut Report<'_>) {
    let Some(target) = response.resolve() else { return };
    let media: Vec<_> = target.entries_of("content").collect();
    let add = |report: &mut Report<'_>, reason: String, remedy: &str| {
        report.add(response, Rule::Success, reason, remedy);
    };
    let [(name, first), ..] = media.as_slice() else {
        if status != "204" {
            add(report, format!("A {status} without content."), "Write 204, or what it carries.");
        }
        return;
    };
    if status == "204" {
        return add(report, "A 204 has no content.".to_owned(), "Write 200, or remove `content`.");
    }
    let kinds: BTreeSet<&str> = media.iter().map(|(_, media)| kind(media)).collect();
    if media.len() > 1 && kinds != BTreeSet::from(["bytes"]) {
        let reason = format!(
            "The success has {} media types; several are carried for streamed bytes only.",
            media.len()
        );
        return add(report, reason, "Keep one, or write `schema: {type: string, format: binary}` for each.");
    }
    if name.contains(';') {
        return add(report, format!("`{name}` carries a parameter."), "Write the media type alone.");
    }
    if status != "200" && *name != "application/json" {
        let reason =
            format!("A {status} as `{name}` is not carried: it answers that something was made, in JSON.");
        return add(report, reason, "Write 200, or `application/json`.");
    }
    match *name {
        "application/json" => named(first, "A JSON answer", report),
        "text/event-stream" if !is_event(first) => {
            let remedy = "Write `schema: {$ref: …}` for the JSON in `data`, or `{type: string}`.";
            add(report, "The events' schema is not carried.".to_owned(), remedy);
        }
        "text/event-stream" => {}
        other if other.ends_with("/xml") || other.ends_with("+xml") || other.ends_with("+json") => {
            add(report, format!("The media type `{other}` is not carried."), "Write `application/json`.");
        }
        other if kind(first) == "other" => {
            let reason = format!("The schema of `{other}` says neither text nor bytes.");
            let remedy = "Write `schema: {type: string}` for text, with `format: binary` for streamed bytes.";
            add(report, reason, remedy);
        }
        _ => {}
    }
}

/// Events carry JSON of a named schema, or text.
fn is_event(media: &Node<'_>) -> bool {
    media.get("schema").is_none_or(|schema| schema.has("$ref")) || kind(media) == "text"
}

fn kind(media: &Node<'_>) -> &'static str {
    match media.get("schema") {
        Some(schema) if schema.text("type") == Some("string") && !schema.has("enum") => {
            match schema.text("format") {
                None => "text",
                Some("binary") => "bytes",
                Some(_) => "other",
            }
        }
        _ => "other",
    }
}
