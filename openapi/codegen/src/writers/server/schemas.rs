//! `schemas.json`: what the server validates inputs with. One document, so that shared schemas stand in it once.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{NAME, operations_of};
use crate::model::{Api, Body, Bounds, Location, Operation, Parameter, Shape, TypeRef, Union};
use crate::writers::Error;

/// The text of `schemas.json`.
pub(super) fn write(api: &Api) -> Result<String, Error> {
    let mut operations = Map::new();
    for operation in operations_of(api) {
        let mut parts = Map::new();
        parts.insert("parameters".to_owned(), parameters(operation));
        if let Some(Body::Json(ty) | Body::Form(ty)) = &operation.body {
            parts.insert("body".to_owned(), type_schema(ty, &Bounds::default()));
        }
        operations.insert(operation.id.clone(), Value::Object(parts));
    }
    let operations = Value::Object(operations);
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions(api, &operations)?,
        "operations": operations,
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| Error::new(NAME, error))
}

/// Every schema that is reached from the operations.
fn definitions(api: &Api, operations: &Value) -> Result<Value, Error> {
    let mut wanted = BTreeSet::new();
    references(operations, &mut wanted);
    let mut open: Vec<String> = wanted.iter().cloned().collect();
    let mut done = Map::new();
    while let Some(name) = open.pop() {
        let ty =
            api.types.get(&name).ok_or_else(|| Error::new(NAME, format!("there is no schema `{name}`")))?;
        let schema = match &ty.shape {
            Shape::Union(union) => union_schema(union),
            Shape::Object(_) | Shape::Enum(_) | Shape::Alias(..) => clean(&ty.json_schema),
        };
        let mut reached = BTreeSet::new();
        references(&schema, &mut reached);
        open.extend(reached.into_iter().filter(|name| wanted.insert(name.clone())));
        done.insert(name, schema);
    }
    done.sort_keys();
    Ok(Value::Object(done))
}

fn references(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(name) =
                fields.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"))
            {
                found.insert(name.to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A union by its discriminator, so that errors point into the variant that was chosen; `oneOf` could only say that none fits.
fn union_schema(union: &Union) -> Value {
    let tag = &union.discriminator;
    let tags: Vec<_> = union.variants.iter().map(|variant| &variant.tag).collect();
    let variants: Vec<_> = union
        .variants
        .iter()
        .map(|variant| {
            json!({
                "if": { "type": "object", "properties": { tag: { "const": variant.tag } }, "required": [tag] },
                "then": { "$ref": format!("#/$defs/{}", variant.ty) },
            })
        })
        .collect();
    json!({ "type": "object", "properties": { tag: { "enum": tags } }, "required": [tag], "allOf": variants })
}

/// The object that the server makes of a request's path, query and headers. A path parameter is named `path:<name>`.
fn parameters(operation: &Operation) -> Value {
    let key = |parameter: &Parameter| match parameter.location {
        Location::Path => format!("path:{}", parameter.name),
        Location::Query | Location::Header => parameter.name.clone(),
    };
    let properties: Map<_, _> = operation
        .parameters
        .iter()
        .map(|parameter| (key(parameter), type_schema(&parameter.ty, &parameter.bounds)))
        .collect();
    let required: Vec<_> =
        operation.parameters.iter().filter(|parameter| parameter.required).map(key).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn type_schema(ty: &TypeRef, bounds: &Bounds) -> Value {
    let mut schema = match ty {
        TypeRef::Named(name) => json!({ "$ref": format!("#/$defs/{name}") }),
        TypeRef::String(None) => json!({ "type": "string" }),
        TypeRef::String(Some(format)) => json!({ "type": "string", "format": format }),
        TypeRef::Integer { bits: 32 } => json!({ "type": "integer", "format": "int32" }),
        TypeRef::Integer { .. } => json!({ "type": "integer", "format": "int64" }),
        TypeRef::Number => json!({ "type": "number" }),
        TypeRef::Boolean => json!({ "type": "boolean" }),
        TypeRef::Array(item) => json!({ "type": "array", "items": type_schema(item, &Bounds::default()) }),
        TypeRef::Map(value) => {
            json!({ "type": "object", "additionalProperties": type_schema(value, &Bounds::default()) })
        }
        TypeRef::Any => json!({}),
    };
    let (shortest, longest) = match ty {
        TypeRef::Array(_) => ("minItems", "maxItems"),
        _ => ("minLength", "maxLength"),
    };
    let integer = matches!(ty, TypeRef::Integer { .. });
    if let Value::Object(fields) = &mut schema {
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        set("minimum", bounds.minimum.map(|limit| number(limit, integer)));
        set("maximum", bounds.maximum.map(|limit| number(limit, integer)));
        set(shortest, bounds.min_length.map(Value::from));
        set(longest, bounds.max_length.map(Value::from));
        set("pattern", bounds.pattern.clone().map(Value::from));
    }
    clean(&schema)
}

/// A bound as it reads best: `100`, not `100.0`.
#[allow(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and within what a double holds exactly"
)]
fn number(limit: f64, integer: bool) -> Value {
    let whole = limit.fract() == 0.0 && limit.abs() < 9_007_199_254_740_992.0;
    if integer && whole { Value::from(limit as i64) } else { Value::from(limit) }
}

/// Keywords that validate nothing.
const SILENT: &[&str] = &[
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "externalDocs",
    "xml",
    "discriminator",
];

/// A schema without what validates nothing, and with the bounds that `int32` and `int64` stand for.
fn clean(schema: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let mut kept = Map::new();
    for (keyword, value) in fields {
        if SILENT.contains(&keyword.as_str()) || keyword.starts_with("x-") {
            continue;
        }
        let value = match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(schemas)) => {
                Value::Object(schemas.iter().map(|(name, schema)| (name.clone(), clean(schema))).collect())
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                Value::Array(schemas.iter().map(clean).collect())
            }
            ("items" | "additionalProperties" | "not" | "propertyNames", schema) => clean(schema),
            (_, value) => value.clone(),
        };
        kept.insert(keyword.clone(), value);
    }
    let range = match fields.get("format").and_then(Value::as_str) {
        Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
        Some("int64") => Some((json!(i64::MIN), json!(i64::MAX))),
        _ => None,
    };
    if let Some((minimum, maximum)) = range {
        kept.shift_remove("format");
        kept.entry("minimum").or_insert(minimum);
        kept.entry("maximum").or_insert(maximum);
    }
    Value::Object(kept)
}
