//! `schemas.json`: what the server validates inputs with. One document, so that shared schemas stand in it once.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{NAME, operations_of};
use crate::model::{Api, Body, Location, Operation, Parameter, TypeRef};
use crate::writers::Error;

/// The text of `schemas.json`.
pub(super) fn write(api: &Api) -> Result<String, Error> {
    let mut operations = Map::new();
    for operation in operations_of(api) {
        let mut parts = Map::new();
        parts.insert("parameters".to_owned(), parameters(operation));
        if let Some(Body::Json(TypeRef::Named(name)) | Body::Form(TypeRef::Named(name))) = &operation.body {
            parts.insert("body".to_owned(), json!({ "$ref": format!("#/$defs/{name}") }));
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
        let schema = ty.json_schema.clone();
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

/// The object that the server makes of a request's path, query and headers. A path parameter is named `path:<name>`.
fn parameters(operation: &Operation) -> Value {
    let key = |parameter: &Parameter| match parameter.location {
        Location::Path => format!("path:{}", parameter.name),
        Location::Query | Location::Header => parameter.name.clone(),
    };
    let properties: Map<_, _> = operation
        .parameters
        .iter()
        .map(|parameter| (key(parameter), parameter.json_schema.clone()))
        .collect();
    let required: Vec<_> =
        operation.parameters.iter().filter(|parameter| parameter.required).map(key).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
