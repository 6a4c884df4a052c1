//! Schemas: what a type can be made of, and what would mean something else than it says.

use std::collections::BTreeSet;

use super::Report;
use super::grammar::Kind;
use super::walk::Objects;
use crate::diagnostic::Rule;
use crate::node::Node;

/// Keywords that mean something for one type only.
const OF_TYPE: &[(&str, &[&str])] = &[
    ("string", &["minLength", "maxLength", "pattern"]),
    ("array", &["items", "minItems", "maxItems", "uniqueItems"]),
    ("object", &["properties", "required", "additionalProperties", "minProperties", "maxProperties"]),
];
const OF_NUMBERS: &[&str] = &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    for schema in objects.of(Kind::Schema) {
        let top = top_level(schema);
        kind(schema, report);
        nullable(schema, top, report);
        enumeration(schema, top, report);
        object(schema, top, report);
        access(schema, report);
        bounds(schema, report);
        binary(schema, report);
    }
    closed_answers(objects, report);
}

/// Whether the schema is an entry of `components/schemas`.
pub(super) fn top_level(schema: &Node<'_>) -> bool {
    schema.pointer.strip_prefix("/components/schemas/").is_some_and(|rest| !rest.contains('/'))
}

fn kind(schema: &Node<'_>, report: &mut Report<'_>) {
    let ty = schema.text("type");
    let format = schema.text("format");
    match ty {
        None => {
            let typed = OF_TYPE.iter().find(|(_, keys)| keys.iter().any(|key| schema.has(key)));
            let guess = typed.map(|(name, _)| *name).or_else(|| {
                if schema.has("enum") {
                    Some("string")
                } else {
                    OF_NUMBERS.iter().any(|k| schema.has(k)).then_some("integer")
                }
            });
            if let Some(guess) = guess.filter(|_| !schema.has("oneOf") && !schema.has("anyOf")) {
                let reason = "The schema has no `type`, so its keywords bind values of one type only and let any other pass.";
                report.add(schema, Rule::Schema, reason, format!("Write `type: {guess}`."));
            }
        }
        Some("integer") => {
            if let Some(format) = format.filter(|format| !["int32", "int64"].contains(format)) {
                let reason = format!(
                    "The integer format `{format}` is not carried: integers are signed, of 32 or 64 bits."
                );
                report.add(
                    schema,
                    Rule::Schema,
                    reason,
                    "Write `format: int64` with `minimum` and `maximum`.",
                );
            }
        }
        Some("number") => {
            if let Some(format) = format.filter(|format| !["float", "double"].contains(format)) {
                let reason = format!("The number format `{format}` is not carried.");
                report.add(
                    schema,
                    Rule::Schema,
                    reason,
                    "Write `format: double`, or a string for exact decimals.",
                );
            }
        }
        Some("array") => {
            if !schema.has("items") {
                report.add(schema, Rule::Schema, "An array without `items`.", "Write what its items are.");
            }
        }
        Some("string" | "boolean" | "object") => {}
        Some(other) => {
            let reason = format!("There is no type `{other}`.");
            let remedy = "Write `string`, `integer`, `number`, `boolean`, `array` or `object`.";
            report.add(schema, Rule::Schema, reason, remedy);
        }
    }
    let Some(ty) = ty else { return };
    let foreign = OF_TYPE.iter().filter(|(own, _)| *own != ty).flat_map(|(_, keys)| keys.iter());
    let numbers = OF_NUMBERS.iter().filter(|_| !["integer", "number"].contains(&ty));
    for key in foreign.chain(numbers).filter(|key| schema.has(key)) {
        let reason = format!("`{key}` means nothing for the type `{ty}`; it would be ignored.");
        report.add(schema, Rule::Schema, reason, format!("Remove `{key}`, or change the type."));
    }
}

fn nullable(schema: &Node<'_>, top: bool, report: &mut Report<'_>) {
    if !schema.flag("nullable") {
        return;
    }
    let segments: Vec<&str> = schema.pointer.rsplit('/').take(2).collect();
    let place = match segments.as_slice() {
        _ if top => "A named schema",
        // Before the next two: a property may have their names.
        [_, "properties"] => return,
        ["items", _] => "An item of a list",
        ["additionalProperties", _] => "A value of a map",
        [_, "allOf" | "oneOf" | "anyOf"] => "A part of a composition",
        // Parameters report it themselves.
        _ => return,
    };
    let reason = format!("{place} is `nullable`; only a property may be null.");
    report.add(
        schema,
        Rule::Nullable,
        reason,
        "Put `nullable: true` on the property that refers to it, or leave the value out.",
    );
}

fn enumeration(schema: &Node<'_>, top: bool, report: &mut Report<'_>) {
    let Some(values) = schema.get("enum") else { return };
    let add = |report: &mut Report<'_>, reason: &str, remedy: &str| {
        report.add(&values, Rule::Enum, reason, remedy);
    };
    if !top {
        let remedy = "Move it to `components/schemas` and refer to it.";
        report.add(schema, Rule::Unnamed, "An enum without a name: no type can be named after it.", remedy);
    }
    if schema.text("type").is_some_and(|ty| ty != "string") {
        add(
            report,
            "An enum of other values than strings is not carried.",
            "Write strings, or a number with bounds.",
        );
    }
    if values.items().next().is_none() {
        add(report, "An enum without values: nothing would be right.", "Write its values.");
    }
    if values.items().any(|value| value.value.is_null()) {
        add(
            report,
            "null stands among the values.",
            "Remove it, and write `nullable: true` on the property.",
        );
    } else if values.items().any(|value| !value.value.is_string()) {
        add(report, "A value is not a string.", "Quote it.");
    }
    let mut seen = BTreeSet::new();
    for value in values.items() {
        if let Some(text) = value.value.as_str()
            && !seen.insert(text)
        {
            report.add(&value, Rule::Enum, format!("`{text}` stands here twice."), "Remove one of them.");
        }
    }
    for (name, description) in schema.entries_of("x-enum-descriptions") {
        if !seen.contains(name) {
            let reason = format!("`{name}` is described but is no value of the enum.");
            report.add(&description, Rule::Extension, reason, "Name a value that is there.");
        }
    }
}

fn object(schema: &Node<'_>, top: bool, report: &mut Report<'_>) {
    let properties = schema.get("properties");
    if properties.is_some() && !top {
        let remedy = "Move it to `components/schemas` and refer to it.";
        report.add(schema, Rule::Unnamed, "An object without a name: no type can be named after it.", remedy);
    }
    let names: BTreeSet<&str> = schema.entries_of("properties").map(|(name, _)| name).collect();
    for required in schema.items_of("required") {
        if let Some(name) = required.value.as_str().filter(|name| !names.contains(name)) {
            let reason = format!("`{name}` is required but is no property.");
            report.add(&required, Rule::Schema, reason, "Declare it under `properties`.");
        }
    }
    let Some(additional) = schema.get("additionalProperties") else { return };
    if additional.value.is_object() && properties.is_some() {
        let reason = "Properties and a map of further ones in one object are not carried.";
        let remedy = "Put the map into a property of its own, or write `additionalProperties: true`.";
        report.add(&additional, Rule::AdditionalProperties, reason, remedy);
    }
    if additional.value == false && !top {
        let reason = "An object without a name that is closed.";
        report.add(&additional, Rule::AdditionalProperties, reason, "Move it to `components/schemas`.");
    }
}

fn access(schema: &Node<'_>, report: &mut Report<'_>) {
    for key in ["readOnly", "writeOnly"] {
        if schema.flag(key) {
            let reason = format!("`{key}` makes two types of one, by direction.");
            let remedy = "Write two schemas: what is sent, and what is answered.";
            report.add(schema, Rule::Schema, reason, remedy);
        }
    }
}

fn bounds(schema: &Node<'_>, report: &mut Report<'_>) {
    let number = |key: &str| schema.get(key).and_then(|node| node.value.as_f64());
    for (low, high) in [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ] {
        if let (Some(a), Some(b)) = (number(low), number(high))
            && a > b
        {
            let reason = format!("`{low}` is {a} and `{high}` is {b}: no value keeps both.");
            report.add(schema, Rule::Bounds, reason, "Change one of them.");
        }
    }
    if number("multipleOf").is_some_and(|step| step <= 0.0) {
        report.add(schema, Rule::Bounds, "`multipleOf` is not above 0.", "Write a step above 0.");
    }
    let integer = schema.text("type") == Some("integer");
    for key in ["minimum", "maximum"] {
        let Some(bound) = schema.get(key).filter(|_| integer) else { continue };
        if bound.value.as_i64().is_none() {
            report.add(
                &bound,
                Rule::Bounds,
                format!("`{key}` of an integer is not a whole number of 64 bits."),
                "Write one that is.",
            );
        } else if schema.text("format") == Some("int32")
            && bound.value.as_i64().is_some_and(|b| i32::try_from(b).is_err())
        {
            report.add(
                &bound,
                Rule::Bounds,
                format!("`{key}` does not fit 32 bits."),
                "Write `format: int64`.",
            );
        }
    }
    for key in ["exclusiveMinimum", "exclusiveMaximum"] {
        let bound = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
        if schema.flag(key) && (!integer || !schema.has(bound)) {
            let reason = format!("`{key}` is carried beside `{bound}` of an integer only.");
            report.add(schema, Rule::Bounds, reason, format!("Write `{bound}` alone."));
        }
    }
    // Asked of the library that the generated server checks with.
    if let Some(pattern) = schema.get("pattern")
        && let Err(error) = jsonschema::draft202012::new(&serde_json::json!({"pattern": pattern.value}))
    {
        let reason = format!("The pattern cannot be checked: {error}.");
        report.add(&pattern, Rule::Bounds, reason, "Write an ECMA 262 regular expression.");
    }
}

fn binary(schema: &Node<'_>, report: &mut Report<'_>) {
    let in_media = schema.pointer.ends_with("/schema") && schema.pointer.contains("/content/");
    if schema.text("format") == Some("binary") && !in_media {
        let reason = "Plain bytes inside JSON are not carried.";
        report.add(
            schema,
            Rule::Schema,
            reason,
            "Write `format: byte` (base64), or make them the whole body.",
        );
    }
}

/// A closed answer would break every client on the day that it gets a field more.
fn closed_answers(objects: &Objects<'_>, report: &mut Report<'_>) {
    let mut open: Vec<Node<'_>> = Vec::new();
    for response in objects.of(Kind::Response) {
        open.extend(response.entries_of("content").filter_map(|(_, media)| media.get("schema")));
    }
    let mut seen = BTreeSet::new();
    while let Some(node) = open.pop() {
        let Some(schema) = node.resolve() else { continue };
        if !seen.insert(schema.pointer.clone()) {
            continue;
        }
        if let Some(additional) = schema.get("additionalProperties").filter(|a| a.value == false) {
            let reason = "The object is part of an answer and closed: a field of tomorrow would break today's clients.";
            let remedy = "Remove `additionalProperties`; use another schema for requests.";
            report.add(&additional, Rule::AdditionalProperties, reason, remedy);
        }
        open.extend(schema.get("items"));
        open.extend(schema.get("additionalProperties"));
        open.extend(schema.entries_of("properties").map(|(_, property)| property));
        for key in ["allOf", "oneOf", "anyOf"] {
            open.extend(schema.items_of(key));
        }
    }
}
