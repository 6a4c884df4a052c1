//! What the runtime is told of an operation: as little as checking the arguments and reading the answer need, since all of it ends up in a browser.

use heck::ToKebabCase;
use serde_json::{Map, Value, json};

use super::Output;
use super::literal::literal;
use super::names::MEMBERS;
use crate::model::{
    Api, Body, Content, Location, Object, Operation, Paginate, Parameter, Retry, SecurityScheme, Shape,
    TypeRef,
};
use crate::writers::{Error, Layout, operations};

/// How a list continues unless the spec says otherwise.
const HOUSE: [&str; 4] = ["data", "cursor", "next_cursor", "has_more"];

/// The constant's value.
pub(super) fn descriptor(output: &Output<'_>, operation: &Operation, before: usize) -> Result<String, Error> {
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
    match output.context.layout {
        Layout::Standalone => value.insert("define".into(), definition(api, operation)),
        Layout::Repository => value.insert("row".into(), json!(row(api, operation)?)),
    };
    // Where a member has the name of something that every object has, tsc expects that something's type.
    let names =
        ["fields", "params"].iter().filter_map(|group| value.get(*group)?.as_object()).flat_map(Map::keys);
    let inherited = names.into_iter().any(|name| MEMBERS.contains(&name.as_str()) || name == "__proto__");
    Ok(literal(&Value::Object(value), before, 0) + if inherited { " as const" } else { "" })
}

/// The operation's row of the table, without its id.
fn row(api: &Api, operation: &Operation) -> Result<String, Error> {
    let text = operations::text(api, operation)?;
    Ok(text.split_once('\t').map(|(_, rest)| rest.to_owned()).unwrap_or_default())
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

/// What the row of one of our operations says, of a stranger's: how it is sent. The engine knows it by an id that is nobody else's.
fn definition(api: &Api, operation: &Operation) -> Value {
    let parameter = |parameter: &Parameter| {
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        };
        match parameter.required {
            true => json!({ "name": parameter.name, "in": place, "required": true }),
            false => json!({ "name": parameter.name, "in": place }),
        }
    };
    let parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    let retry = match operation.retry {
        Retry::Safe => "safe",
        Retry::Idempotent => "idempotent",
        Retry::Never => "never",
    };
    let result = match &operation.success.content {
        Content::None => json!("none"),
        Content::Json(_) => json!("json"),
        Content::Text(_) => json!("text"),
        Content::Bytes(media_types) => json!(media_types),
        Content::EventStream(_) => json!("events"),
    };
    let security: Vec<Vec<String>> = api
        .distinct_security(operation)
        .map(|names| names.iter().filter_map(|name| api.security_schemes.get(name)).map(scheme).collect())
        .collect();
    let mut value = Map::new();
    value.insert("id".into(), json!(format!("{}.{}", api.title.to_kebab_case(), operation.id)));
    value.insert("method".into(), json!(operation.method));
    value.insert("path".into(), json!(operation.path));
    if !parameters.is_empty() {
        value.insert("parameters".into(), json!(parameters));
    }
    let body = match &operation.body {
        None => "none",
        Some(Body::Json(_)) => "json",
        Some(Body::Form(_)) => "form",
        Some(Body::Bytes(media_type)) => media_type,
    };
    value.insert("body".into(), json!(body));
    value.insert("retry".into(), json!(retry));
    if operation.idempotency_key {
        value.insert("idempotency_key".into(), json!(true));
    }
    if !security.is_empty() {
        value.insert("security".into(), json!(security));
    }
    value.insert("result".into(), result);
    Value::Object(value)
}

fn scheme(scheme: &SecurityScheme) -> String {
    match scheme {
        SecurityScheme::Bearer | SecurityScheme::OAuth2 => "bearer".to_owned(),
        SecurityScheme::Header(name) => format!("header:{name}"),
        SecurityScheme::Cookie(name) => format!("cookie:{name}"),
    }
}
