//! Our extensions: where one stands, it has a value that means something.

use std::collections::BTreeMap;

use super::Report;
use super::grammar::Kind;
use super::walk::{Objects, Operation, found};
use crate::build::operation::declared_parameters;
use crate::build::schema::unwrapped;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for operation in objects.of(Kind::Operation) {
        own(operation, report);
        deprecated(operation, report);
        errors(operation, report);
    }
    let mut pages = BTreeMap::new();
    for operation in &objects.operations {
        paginate(operation, &mut pages, report);
    }
    for schema in objects.of(Kind::Schema) {
        expect(schema, "x-secret", serde_json::Value::is_boolean, "`true` or `false`", report);
        for (_, text) in schema.entries_of("x-enum-descriptions") {
            if !text.value.is_string() {
                report.add(
                    &text,
                    Rule::Extension,
                    format!("Here stands {}.", found(&text)),
                    "Write one line of text.",
                );
            }
        }
    }
}

fn expect(
    node: &Node<'_>,
    key: &str,
    fits: fn(&serde_json::Value) -> bool,
    wanted: &str,
    report: &mut Report<'_>,
) {
    if let Some(value) = node.get(key).filter(|value| !fits(value.value)) {
        let reason = format!("`{key}` is {}.", found(&value));
        report.add(&value, Rule::Extension, reason, format!("Write {wanted}."));
    }
}

fn own(operation: &Node<'_>, report: &mut Report<'_>) {
    let text = serde_json::Value::is_string;
    let retry = |value: &serde_json::Value| matches!(value.as_str(), Some("safe" | "idempotent" | "never"));
    expect(operation, "x-retry", retry, "`safe`, `idempotent` or `never`", report);
    expect(operation, "x-permission", text, "a permission such as `wallets:write`", report);
    expect(operation, "x-since", text, "the version of the API, quoted", report);
    expect(operation, "x-browser", serde_json::Value::is_boolean, "`true` or `false`", report);
    let messages =
        |value: &serde_json::Value| ["client", "server"].iter().all(|side| value[*side].is_string());
    expect(operation, "x-websocket", messages, "`{client: <schema>, server: <schema>}`", report);
    let root = Node::root(operation.document());
    for (_, name) in operation.entries_of("x-websocket") {
        let known =
            name.value.as_str().is_none_or(|name| root.walk(&["components", "schemas", name]).is_some());
        if !known {
            let reason = "The messages of a WebSocket are no schema of this document.";
            report.add(&name, Rule::Extension, reason, "Name one of `components/schemas`.");
        }
    }
    let cost = |value: &serde_json::Value| value.as_u64().is_some_and(|cost| u32::try_from(cost).is_ok());
    expect(operation, "x-rate-cost", cost, "a whole number from 0", report);
    let list =
        |value: &serde_json::Value| value.as_array().is_some_and(|list| list.iter().all(|v| v.is_string()));
    expect(operation, "x-aliases", list, "a list of paths", report);
}

fn deprecated(operation: &Node<'_>, report: &mut Report<'_>) {
    let Some(node) = operation.get("x-deprecated") else { return };
    let remedy =
        "Write `{since: <date>, sunset: <date>, link: <url>}`; `since` is required, dates are RFC 3339.";
    if !node.text("since").is_some_and(is_date)
        || node.has("sunset") && !node.text("sunset").is_some_and(is_date)
    {
        report.add(&node, Rule::Extension, "`x-deprecated` has no date where it needs one.", remedy);
    }
    for (key, value) in node.entries() {
        if !["since", "sunset", "link"].contains(&key) || !value.value.is_string() {
            report.add(&value, Rule::Extension, format!("`{key}` means nothing here."), remedy);
        }
    }
}

/// `2026-11-22`, or a time of that day.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('T').next().unwrap_or_default().split('-');
    let mut part = |digits: usize, most: u32| {
        parts.next().is_some_and(|part| {
            part.len() == digits && part.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number))
        })
    };
    let date = part(4, 9999) && part(2, 12) && part(2, 31);
    date && parts.next().is_none()
}

fn errors(operation: &Node<'_>, report: &mut Report<'_>) {
    let Some(list) = operation.get("x-errors") else { return };
    let remedy = "Write a list of `{status: 409, code: wallet_closed, when: One line.}`.";
    if !list.value.is_array() {
        return report.add(&list, Rule::Extension, format!("`x-errors` is {}.", found(&list)), remedy);
    }
    for error in list.items() {
        let status = error.get("status").and_then(|status| status.value.as_u64());
        let whole = status.is_some_and(|status| (400..600).contains(&status))
            && error.text("code").is_some_and(|code| !code.is_empty())
            && error.text("when").is_some();
        let known = error.entries().all(|(key, _)| ["status", "code", "when"].contains(&key));
        if !whole || !known {
            report.add(&error, Rule::Extension, "This is not a documented error.", remedy);
        }
    }
}

/// What `x-paginate` names must be there, and be the same for every list that answers the same page: the page is one type.
fn paginate<'d>(
    operation: &Operation<'d>,
    pages: &mut BTreeMap<String, [&'d str; 3]>,
    report: &mut Report<'_>,
) {
    let Operation { node: operation, item, .. } = operation;
    let Some(node) = operation.get("x-paginate").filter(|node| node.value != false) else { return };
    let keys = ["items", "cursor", "next_cursor", "has_more"];
    let known = node.value == true
        || node.object().is_some_and(|map| {
            map.iter().all(|(key, value)| keys.contains(&key.as_str()) && value.is_string())
        });
    if !known {
        let remedy =
            "Write `true`, or `{items, cursor, next_cursor, has_more}` with the names of the fields.";
        return report.add(
            &node,
            Rule::Extension,
            format!("`x-paginate` is {} that says something else.", found(&node)),
            remedy,
        );
    }
    let name = |key: &'static str, default: &'static str| node.text(key).unwrap_or(default);
    let page = operation.entries_of("responses").find(|(status, _)| status.starts_with('2')).and_then(
        |(_, response)| response.resolve()?.walk(&["content", "application/json", "schema"])?.resolve(),
    );
    let property = |name: &str| {
        let property = page.as_ref()?.walk(&["properties", name])?;
        unwrapped(&property).resolve()
    };
    let mut need = |held: bool, reason: String| {
        if !held {
            let remedy = "Answer an object with the list, the next cursor and the flag, and take the cursor as a query parameter.";
            report.add(&node, Rule::Extension, reason, remedy);
        }
    };
    let items = name("items", "data");
    let list = property(items).is_some_and(|items| items.text("type") == Some("array"));
    need(list, format!("The answer has no list `{items}`."));
    let next = name("next_cursor", "next_cursor");
    let text = property(next).is_some_and(|next| next.text("type") == Some("string") && !next.has("enum"));
    need(text, format!("The answer has no string `{next}`."));
    let more = name("has_more", "has_more");
    let flag = property(more).is_some_and(|more| more.text("type") == Some("boolean"));
    need(flag, format!("The answer has no boolean `{more}`."));
    let cursor = name("cursor", "cursor");
    let taken = declared_parameters(item, operation)
        .iter()
        .any(|parameter| parameter.text("in") == Some("query") && parameter.text("name") == Some(cursor));
    need(taken, format!("The operation takes no query parameter `{cursor}`."));
    if let Some(page) = &page
        && *pages.entry(page.pointer.clone()).or_insert([items, next, more]) != [items, next, more]
    {
        let reason = "Another list answers the same page and names other fields of it.";
        report.add(&node, Rule::Extension, reason, "Name the same fields, or answer a page of its own.");
    }
}
