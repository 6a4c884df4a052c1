//! The API's form of services and routes, and the data plane's own. They are the same but for what a typed language has no good form for: a word or an object in
//! one place. Pure.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::http::{Error, FieldError};

type Object = Map<String, Value>;

/// The fields of a request's body in the data plane's form, without the name.
pub(crate) fn document(body: &impl Serialize) -> Result<Object, Error> {
    let mut document = Object::new();
    for (field, value) in object(body)? {
        if field != "name" {
            let value = to_file(&field, value)?;
            document.insert(field, value);
        }
    }
    Ok(document)
}

/// What a PATCH body makes of a document: null takes a field away, a value replaces it.
pub(crate) fn patched(document: &Value, body: &impl Serialize) -> Result<Object, Error> {
    let mut document = document.as_object().cloned().unwrap_or_default();
    for (field, value) in object(body)? {
        if value.is_null() {
            document.remove(&field);
        } else {
            let value = to_file(&field, value)?;
            document.insert(field, value);
        }
    }
    Ok(document)
}

/// What the data plane holds, as the API shows it: without what is not there.
pub(crate) fn shown(held: &impl Serialize) -> Result<Object, Error> {
    let mut shown = Object::new();
    for (field, value) in object(held)? {
        let mut value = to_api(&field, value);
        without_nulls(&mut value);
        if !value.is_null() {
            shown.insert(field, value);
        }
    }
    Ok(shown)
}

fn object(value: &impl Serialize) -> Result<Object, Error> {
    match serde_json::to_value(value).map_err(Error::internal)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::internal("what is an object is none")),
    }
}

fn to_file(field: &str, value: Value) -> Result<Value, Error> {
    match field {
        "balance" => balance(value),
        "path" if value.as_object().is_some_and(Map::is_empty) => Ok(json!("keep")),
        "fallback" => fallback(value),
        _ => Ok(value),
    }
}

fn to_api(field: &str, value: Value) -> Value {
    match (field, value) {
        ("targets", Value::Array(targets)) => targets
            .into_iter()
            .map(|target| if target.is_string() { json!({ "url": target, "weight": 1 }) } else { target })
            .collect(),
        ("balance", Value::String(algorithm)) => json!({ "algorithm": algorithm }),
        ("balance", Value::Object(mut balance)) => match (balance.remove("hash"), balance.remove("sticky")) {
            (Some(Value::Object(by)), _) => {
                let by = by.into_iter().next();
                by.map_or(
                    Value::Null,
                    |(by, name)| json!({ "algorithm": "hash", "hash": { "by": by, "name": name } }),
                )
            }
            (Some(by), _) => json!({ "algorithm": "hash", "hash": { "by": by } }),
            (None, sticky) => json!({ "algorithm": "sticky", "sticky": sticky }),
        },
        ("path", Value::String(_)) => Value::Null,
        ("fallback", Value::String(_)) => json!({ "cached": true }),
        (_, value) => value,
    }
}

fn wrong(pointer: &str, code: &'static str, detail: &str) -> Error {
    Error::invalid(vec![FieldError {
        pointer: pointer.to_owned(),
        code: code.into(),
        detail: detail.to_owned(),
    }])
}

/// `{algorithm, hash, sticky}` is a word, `{hash: …}` or `{sticky: …}`.
fn balance(value: Value) -> Result<Value, Error> {
    let algorithm = value.get("algorithm").and_then(Value::as_str).unwrap_or_default();
    let (hash, sticky) = (value.get("hash"), value.get("sticky"));
    if hash.is_some() && algorithm != "hash" {
        return Err(wrong("/balance/hash", "unknown", "belongs to the algorithm `hash`; take it out"));
    }
    if sticky.is_some() && algorithm != "sticky" {
        return Err(wrong("/balance/sticky", "unknown", "belongs to the algorithm `sticky`; take it out"));
    }
    match (algorithm, hash) {
        ("hash", None) => Err(wrong(
            "/balance/hash",
            "required",
            "is missing: what is hashed, such as {\"by\": \"caller\"}",
        )),
        ("hash", Some(hash)) => {
            let by = hash.get("by").and_then(Value::as_str).unwrap_or_default();
            let named = ["header", "query", "cookie"].contains(&by);
            match (hash.get("name"), named) {
                (Some(name), true) => Ok(json!({ "hash": { by: name } })),
                (None, false) => Ok(json!({ "hash": by })),
                (None, true) => {
                    Err(wrong("/balance/hash/name", "required", "is missing: the name of what is hashed"))
                }
                (Some(_), false) => {
                    Err(wrong("/balance/hash/name", "unknown", "has no meaning here; take it out"))
                }
            }
        }
        ("sticky", _) => Ok(json!({ "sticky": sticky.cloned().unwrap_or_else(|| json!({})) })),
        (algorithm, _) => Ok(algorithm.into()),
    }
}

/// `{cached: true}` is a word.
fn fallback(value: Value) -> Result<Value, Error> {
    match value.get("cached") {
        None => Ok(value),
        Some(Value::Bool(true)) if value.as_object().is_some_and(|object| object.len() == 1) => {
            Ok("cached".into())
        }
        Some(Value::Bool(false)) => Err(wrong("/fallback/cached", "enum", "is `true` or absent")),
        Some(_) => Err(wrong("/fallback", "one_of", "is exactly one of `respond`, `service` and `cached`")),
    }
}

/// Takes members away that are null; not within values that the integrator wrote.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            for (name, member) in members {
                if !(["default", "set"].contains(&name.as_str()) && member.is_array()) {
                    without_nulls(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use waypost_proxy::config::{Route, Service};

    use super::*;

    /// A field from the API's form to the data plane's, through its types, and back.
    fn round(field: &str, value: Value) -> Value {
        let document = document(&json!({ "name": "x", field: value })).unwrap();
        let held = match field {
            "path" | "fallback" | "transform" => {
                let route: Route = serde_json::from_value(document.into()).unwrap();
                shown(&route).unwrap()
            }
            _ => {
                let service: Service = serde_json::from_value(document.into()).unwrap();
                shown(&service).unwrap()
            }
        };
        held.get(field).cloned().unwrap_or(Value::Null)
    }

    #[test]
    fn what_is_written_is_what_is_shown() {
        for (field, value) in [
            ("balance", json!({ "algorithm": "fastest" })),
            ("balance", json!({ "algorithm": "hash", "hash": { "by": "caller" } })),
            ("balance", json!({ "algorithm": "hash", "hash": { "by": "header", "name": "X-Cart" } })),
            ("balance", json!({ "algorithm": "sticky", "sticky": { "cookie": "place", "max_age": "1h" } })),
            ("targets", json!([{ "url": "http://127.0.0.1:9001", "weight": 3 }])),
            ("path", json!({ "strip": "/api" })),
            ("fallback", json!({ "cached": true })),
            ("fallback", json!({ "service": "other" })),
        ] {
            assert_eq!(round(field, value.clone()), value, "{field}");
        }
        assert_eq!(round("path", json!({})), Value::Null);
        let changes = json!({ "response_body": [{ "default": ["/a", { "b": null }] }] });
        assert_eq!(
            round("transform", changes)["response_body"],
            json!([{ "default": ["/a", { "b": null }] }])
        );
    }

    #[test]
    fn what_a_word_cannot_say_is_refused_at_its_place() {
        for (field, value, pointer) in [
            ("balance", json!({ "algorithm": "hash" }), "/balance/hash"),
            ("balance", json!({ "algorithm": "hash", "hash": { "by": "cookie" } }), "/balance/hash/name"),
            ("balance", json!({ "algorithm": "fastest", "sticky": {} }), "/balance/sticky"),
            ("fallback", json!({ "cached": true, "service": "other" }), "/fallback"),
        ] {
            let error = document(&json!({ field: value })).unwrap_err();
            assert_eq!((error.status, error.fields[0].pointer.as_str()), (422, pointer));
        }
    }

    #[test]
    fn a_patch_replaces_and_takes_away() {
        let before = json!({ "priority": 1, "service": "a", "path": { "strip": "/x" } });
        let after = patched(&before, &json!({ "priority": 2, "path": null })).unwrap();
        assert_eq!(Value::from(after), json!({ "priority": 2, "service": "a" }));
    }
}
