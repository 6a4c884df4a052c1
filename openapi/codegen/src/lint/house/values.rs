//! House: every value has bounds, identifiers carry a prefix, money is an integer, times are RFC 3339.

use crate::diagnostic::Rule;
use crate::lint::Report;
use crate::lint::grammar::Kind;
use crate::lint::walk::Objects;
use crate::node::Node;

/// Formats that bound a string by themselves.
const BOUNDED: &[&str] = &["date-time", "date", "uuid", "binary"];

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for schema in objects.of(Kind::Schema) {
        // The bodies that are text or bytes are bounded by the server's limits.
        if !schema.pointer.contains("/content/") {
            bounded(schema, report);
        }
    }
    for (name, schema) in objects.components("schemas") {
        if name.ends_with("Id") && !schema.text("pattern").is_some_and(|pattern| pattern.contains('_')) {
            let reason = format!("The identifier `{name}` has no pattern with its prefix.");
            report.add(&schema, Rule::HouseValue, reason, "Write `pattern: '^wal_…$'`.");
        }
        for (name, property) in schema.entries_of("properties") {
            let Some(target) = property.resolve() else { continue };
            if name.ends_with("_at") && target.text("format") != Some("date-time") {
                let reason = format!("`{name}` is a time.");
                report.add(
                    &property,
                    Rule::HouseValue,
                    reason,
                    "Write `type: string` with `format: date-time`.",
                );
            }
            if name.ends_with("amount")
                && (target.text("type"), target.text("format")) != (Some("integer"), Some("int64"))
            {
                let reason = format!("`{name}` is money: an integer of minor units.");
                report.add(
                    &property,
                    Rule::HouseValue,
                    reason,
                    "Write `type: integer` with `format: int64`.",
                );
            }
        }
    }
}

fn bounded(schema: &Node<'_>, report: &mut Report<'_>) {
    let has = |keys: &[&str]| keys.iter().any(|key| schema.has(key));
    let (held, remedy) = match schema.text("type") {
        Some("string") => (
            has(&["maxLength", "enum"])
                || schema.text("format").is_some_and(|format| BOUNDED.contains(&format)),
            "Write `maxLength`.",
        ),
        Some("integer" | "number") => {
            (has(&["minimum"]), "Write `minimum`, and `maximum` where there is one.")
        }
        Some("array") => (has(&["maxItems"]), "Write `maxItems`."),
        Some("object") if schema.get("additionalProperties").is_some_and(|values| values.value != false) => {
            (has(&["maxProperties"]), "Write `maxProperties`.")
        }
        _ => return,
    };
    if !held {
        report.add(schema, Rule::HouseBounds, "The value has no bounds.", remedy);
    }
}
