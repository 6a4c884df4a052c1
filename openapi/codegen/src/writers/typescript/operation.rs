//! What the runtime is told of an operation: as little as checking the arguments and reading the answer need, since all of it ends up in a browser.

use serde_json::{Map, Value, json};

use super::Output;
use super::literal::literal;
use crate::model::{
    Api, Body, Content, Location, Object, Operation, Paginate, Parameter, Retry, Shape, TypeRef,
};
use crate::writers::Layout;

/// How a list continues unless the spec says otherwise.
const HOUSE: [&str; 4] = ["data", "cursor", "next_cursor", "has_more"];

/// The constant's value.
pub(super) fn descriptor(output: &Output<'_>, operation: &Operation, before: usize) -> String {
    let api = output.api;
    let mut value = Map::new();
    value.insert("id".into(), json!(operation.id));
    let path: Vec<&str> = path_parameters(operation).map(|parameter| parameter.name.as_str()).collect();
    if !path.is_empty() {
        value.insert("path".into(), json!(path));
    }
    match &operation.body {
        None => {}
        Some(Body::Json(ty)) => body(api, "json", ty, &mut value),
        Some(Body::Form(ty)) => body(api, "form", ty, &mut value),
        Some(Body::Bytes(_)) => {
            value.insert("body".into(), json!("bytes"));
        }
    }
    let params: Map<String, Value> = params(operation)
        .map(|parameter| (parameter.name.clone(), check(api, &parameter.ty, parameter.required, false)))
        .collect();
    if !params.is_empty() {
        value.insert("params".into(), Value::Object(params));
    }
    value.insert("result".into(), json!(result(operation)));
    if let Some(page) = operation.paginate.as_ref().map(continuation).filter(|page| *page != HOUSE) {
        value.insert("page".into(), json!(page));
    }
    if output.context.layout == Layout::Standalone {
        value.insert("define".into(), definition(operation));
    }
    literal(&Value::Object(value), before, 0)
}

fn path_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter(|parameter| parameter.location == Location::Path)
}

/// Query and header parameters: the properties of the params object.
pub(super) fn params(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter(|parameter| parameter.location != Location::Path)
}

/// The object behind a type, under its aliases.
pub(super) fn object<'a>(api: &'a Api, ty: &'a TypeRef) -> Option<&'a Object> {
    let TypeRef::Named(name) = api.resolve(ty) else { return None };
    match &api.types.get(name)?.shape {
        Shape::Object(object) => Some(object),
        _ => None,
    }
}

/// What a body is, and which fields it has if it is an object: others pass, as a later version may know them.
fn body(api: &Api, kind: &str, ty: &TypeRef, value: &mut Map<String, Value>) {
    value.insert("body".into(), json!(kind));
    if let Some(object) = object(api, ty).filter(|object| object.tag.is_none() && !object.fields.is_empty()) {
        let fields: Map<String, Value> = object
            .fields
            .iter()
            .map(|field| (field.name.clone(), check(api, &field.ty, field.required, field.nullable)))
            .collect();
        value.insert("fields".into(), Value::Object(fields));
    }
}

/// The type of an argument as far as it is checked at run time.
fn check(api: &Api, ty: &TypeRef, required: bool, nullable: bool) -> Value {
    let kind = match api.resolve(ty) {
        TypeRef::String(_) => "string",
        TypeRef::Integer { .. } => "integer",
        TypeRef::Number => "number",
        TypeRef::Boolean => "boolean",
        TypeRef::Array(_) => "array",
        TypeRef::Map(_) => "object",
        TypeRef::Any => "any",
        TypeRef::Named(name) => match api.types.get(name).map(|def| &def.shape) {
            Some(Shape::Enum(_)) => "string",
            _ => "object",
        },
    };
    json!(format!("{kind}{}{}", if required { "" } else { "?" }, if nullable { "~" } else { "" }))
}

fn result(operation: &Operation) -> &'static str {
    match (&operation.success.content, &operation.paginate) {
        (Content::Json(_), Some(_)) => "page",
        (Content::Json(_), None) => "json",
        (Content::None, _) => "none",
        (Content::Text(_), _) => "text",
        (Content::Bytes(_), _) => "bytes",
        (Content::EventStream(_), _) => "events",
    }
}

fn continuation(paginate: &Paginate) -> [&str; 4] {
    [&paginate.items, &paginate.cursor, &paginate.next_cursor, &paginate.has_more]
}

/// What the engine's own table has of our operations: how one of a stranger's is sent.
fn definition(operation: &Operation) -> Value {
    let parameters: Vec<Value> = operation
        .parameters
        .iter()
        .map(|parameter| {
            let place = match parameter.location {
                Location::Path => "path",
                Location::Query => "query",
                Location::Header => "header",
            };
            if parameter.required {
                json!({ "name": parameter.name, "in": place, "required": true })
            } else {
                json!({ "name": parameter.name, "in": place })
            }
        })
        .collect();
    let retry = match operation.retry {
        Retry::Safe => "safe",
        Retry::Idempotent => "idempotent",
        Retry::Never => "never",
    };
    let mut value = json!({ "method": operation.method, "path": operation.path });
    if let Some(map) = value.as_object_mut() {
        if !parameters.is_empty() {
            map.insert("parameters".into(), json!(parameters));
        }
        map.insert("retry".into(), json!(retry));
        if operation.idempotency_key {
            map.insert("idempotency_key".into(), json!(true));
        }
        let result = match result(operation) {
            "page" => "json",
            other => other,
        };
        map.insert("result".into(), json!(result));
    }
    value
}
