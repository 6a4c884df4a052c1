//! The document that progenitor reads: the same operations, in the part of OpenAPI that it carries rightly.
//!
//! - Every schema is an empty object here, as each is replaced by a type of the types crate.
//! - A parameter is a bare scalar, a named enum or an array of these: bounds would become one newtype an operation, and are the
//!   server's to enforce. Headers that the engine owns are not in the model, so not in here.
//! - The problem is `application/json`: under its true name every operation would fail with an untyped stream. The client never
//!   looks at the content type, so this changes nothing on the wire.
//! - Bytes of any media type are `application/octet-stream`; [`super::finish`] puts the true one back.

use std::collections::BTreeMap;

use openapiv3::OpenAPI;
use serde_json::{Map, Value, json};

use super::{Error, WRITER};
use crate::model::{Api, Body, Content, Location, Operation, Parameter, Shape, TypeRef};
use crate::writers::rust::snake_ident;

/// The media type under which progenitor takes any bytes.
pub(super) const BYTES: &str = "application/octet-stream";

/// Names that progenitor's method bodies use for themselves.
pub(crate) const TAKEN: [&str; 3] = ["body", "header_map", "info"];

/// Makes it.
pub(super) fn prepare(api: &Api) -> Result<OpenAPI, Error> {
    let mut paths = Map::new();
    for operation in api.resources.iter().flat_map(|resource| &resource.operations) {
        let item = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.method.to_lowercase(), method(api, operation)?);
        }
    }
    let schemas: Map<String, Value> =
        api.types.keys().map(|name| (key(api, name), json!({ "type": "object" }))).collect();
    let document = json!({
        "openapi": "3.0.3",
        "info": { "title": api.title, "version": api.version, "description": api.description },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    serde_json::from_value(document)
        .map_err(|error| Error::new(WRITER, format!("made a document that is not OpenAPI: {error}")))
}

/// What a schema is called here: a name that progenitor's own change of case leaves alone, which `AB` (of `a_b`) is not.
pub(super) fn key(api: &Api, name: &str) -> String {
    api.types.get_index_of(name).map_or_else(|| name.to_owned(), |index| format!("Schema{index}"))
}

fn method(api: &Api, operation: &Operation) -> Result<Value, Error> {
    distinct_names(operation)?;
    let parameters: Vec<Value> = operation.parameters.iter().map(|p| parameter(api, p)).collect();
    let mut method = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": parameters,
        "responses": responses(api, operation),
    });
    if let (Some(body), Some(method)) = (&operation.body, method.as_object_mut()) {
        let (media_type, schema) = match body {
            Body::Json(ty) => ("application/json", schema(api, ty)),
            Body::Form(ty) => ("application/x-www-form-urlencoded", schema(api, ty)),
            Body::Bytes(_) => (BYTES, binary()),
        };
        let content = Map::from_iter([(media_type.to_owned(), json!({ "schema": schema }))]);
        method.insert("requestBody".into(), json!({ "required": true, "content": content }));
    }
    Ok(method)
}

/// progenitor keys parameters by name alone and writes each as an argument: two that meet would silently become one.
fn distinct_names(operation: &Operation) -> Result<(), Error> {
    let mut seen = BTreeMap::new();
    for parameter in &operation.parameters {
        let argument = snake_ident(&parameter.name).to_string();
        if TAKEN.contains(&argument.as_str()) {
            return Err(Error::new(
                WRITER,
                format!(
                    "`{}`: a parameter cannot be called `{}` here; rename it",
                    operation.id, parameter.name
                ),
            ));
        }
        if let Some(other) = seen.insert(argument, &parameter.name) {
            return Err(Error::new(
                WRITER,
                format!(
                    "`{}`: the parameters `{other}` and `{}` become one argument; rename one",
                    operation.id, parameter.name
                ),
            ));
        }
    }
    Ok(())
}

fn parameter(api: &Api, parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        },
        "required": parameter.required,
        "description": parameter.description,
        "schema": schema(api, &parameter.ty),
    })
}

fn responses(api: &Api, operation: &Operation) -> Value {
    let content = match &operation.success.content {
        Content::None => json!({}),
        Content::Json(ty) => json!({ "application/json": { "schema": schema(api, ty) } }),
        // Whatever is no JSON is a stream of bytes to progenitor.
        Content::Text(_) | Content::Bytes(_) | Content::EventStream(_) => {
            json!({ BYTES: { "schema": binary() } })
        }
    };
    let success = json!({ "description": operation.success.description, "content": content });
    let problem = schema(api, &TypeRef::Named(api.problem.clone()));
    let failure =
        json!({ "description": "A problem.", "content": { "application/json": { "schema": problem } } });
    let status = operation.success.status.to_string();
    json!({ status: success, "4XX": failure, "5XX": failure })
}

fn binary() -> Value {
    json!({ "type": "string", "format": "binary" })
}

fn schema(api: &Api, ty: &TypeRef) -> Value {
    match ty {
        TypeRef::Named(name) => match api.types.get(name).map(|def| &def.shape) {
            // An alias of a scalar is that scalar in Rust, and a bare scalar makes the better argument: `&str`, not `&String`.
            Some(Shape::Alias(target, _)) => schema(api, target),
            _ => json!({ "$ref": format!("#/components/schemas/{}", key(api, name)) }),
        },
        TypeRef::String(_) => json!({ "type": "string" }),
        TypeRef::Integer { bits: 32 } => json!({ "type": "integer", "format": "int32" }),
        TypeRef::Integer { .. } => json!({ "type": "integer", "format": "int64" }),
        TypeRef::Number => json!({ "type": "number", "format": "double" }),
        TypeRef::Boolean => json!({ "type": "boolean" }),
        TypeRef::Array(item) => json!({ "type": "array", "items": schema(api, item) }),
        TypeRef::Map(value) => json!({ "type": "object", "additionalProperties": schema(api, value) }),
        TypeRef::Any => json!({}),
    }
}
