//! An OpenAPI 3.0.3 schema as JSON Schema 2020-12, for validators that know nothing of OpenAPI.
//!
//! Documentation is dropped, `nullable` becomes a type, references become `#/$defs/Name`, and two things are added: the limits
//! of an integer's width, so that what validates also decodes; and for a union one `if`/`then` a tag, so that errors point into
//! the variant that was meant instead of saying that no alternative matched.

use serde_json::{Map, Value, json};

use super::schema::variants;
use crate::node::Node;

/// Keywords that mean the same in both.
const SAME: &[&str] = &[
    "enum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "pattern",
    "required",
    "uniqueItems",
];

/// The schema of an entry of `components/schemas`, a parameter or a media type.
pub(crate) fn named(node: &Node<'_>) -> Value {
    if node.has("oneOf") { union(node) } else { convert(node) }
}

fn union(node: &Node<'_>) -> Value {
    let discriminator = node.get("discriminator").and_then(|d| d.text("propertyName")).unwrap_or_default();
    let variants = variants(node);
    let tags: Vec<&str> = variants.iter().map(|variant| variant.tag.as_str()).collect();
    let branches: Vec<Value> = variants
        .iter()
        .map(|variant| {
            json!({
                "if": {"properties": {discriminator: {"const": variant.tag}}, "required": [discriminator]},
                "then": {"$ref": format!("#/$defs/{}", variant.ty)},
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": [discriminator],
        "properties": {discriminator: {"enum": tags}},
        "allOf": branches,
    })
}

fn convert(node: &Node<'_>) -> Value {
    if let Some(name) = node.schema_name() {
        return json!({"$ref": format!("#/$defs/{name}")});
    }
    if let Some(only) = node.items_of("allOf").next() {
        let inner = convert(&only);
        return if node.flag("nullable") { json!({"anyOf": [inner, {"type": "null"}]}) } else { inner };
    }
    let mut schema = Map::new();
    if let Some(kind) = node.text("type") {
        let kind = if node.flag("nullable") { json!([kind, "null"]) } else { json!(kind) };
        schema.insert("type".to_owned(), kind);
    }
    for key in SAME {
        if let Some(value) = node.get(key) {
            schema.insert((*key).to_owned(), value.value.clone());
        }
    }
    if node.text("type") != Some("string") {
        // The formats of numbers are their ranges.
        schema.shift_remove("format");
    }
    range(node, &mut schema);
    if let Some(items) = node.get("items") {
        schema.insert("items".to_owned(), convert(&items));
    }
    if node.has("properties") {
        let properties: Map<String, Value> = node
            .entries_of("properties")
            .map(|(name, property)| (name.to_owned(), convert(&property)))
            .collect();
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    if let Some(additional) = node.get("additionalProperties") {
        let additional =
            if additional.object().is_some() { convert(&additional) } else { additional.value.clone() };
        schema.insert("additionalProperties".to_owned(), additional);
    }
    Value::Object(schema)
}

fn range(node: &Node<'_>, schema: &mut Map<String, Value>) {
    let integer = node.text("type") == Some("integer");
    let limits = if node.text("format") == Some("int32") {
        (i64::from(i32::MIN), i64::from(i32::MAX))
    } else {
        (i64::MIN, i64::MAX)
    };
    for (bound, exclusive, exclusive_name, limit) in [
        ("minimum", "exclusiveMinimum", "exclusiveMinimum", limits.0),
        ("maximum", "exclusiveMaximum", "exclusiveMaximum", limits.1),
    ] {
        match node.get(bound) {
            Some(value) if node.flag(exclusive) => {
                schema.insert(exclusive_name.to_owned(), value.value.clone());
            }
            Some(value) => {
                schema.insert(bound.to_owned(), value.value.clone());
            }
            None if integer => {
                schema.insert(bound.to_owned(), json!(limit));
            }
            None => {}
        }
    }
}
