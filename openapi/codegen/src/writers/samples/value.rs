//! A value to show where a spec has no example: not a true one, but one of the right type.

use serde_json::{Map, Value, json};

use crate::model::{Api, Bounds, Object, Shape, TypeRef};

/// How deep optional parts are followed; required ones end by themselves, or the type could have no value.
const DEPTH: usize = 8;

/// Makes it.
pub(super) fn of(api: &Api, ty: &TypeRef, bounds: &Bounds) -> Value {
    within(api, ty, bounds, DEPTH)
}

fn within(api: &Api, ty: &TypeRef, bounds: &Bounds, depth: usize) -> Value {
    match ty {
        TypeRef::Named(name) => {
            let Some(def) = api.types.get(name).filter(|_| depth > 0) else { return Value::Null };
            if let Some(example) = &def.example {
                return example.clone();
            }
            match &def.shape {
                Shape::Alias(target, bounds) => within(api, target, bounds, depth - 1),
                Shape::Enum(values) => values.first().map_or(Value::Null, |value| json!(value.value)),
                Shape::Object(object) => Value::Object(fields(api, object, depth - 1)),
                Shape::Union(union) => union.variants.first().map_or(Value::Null, |variant| {
                    let mut value =
                        within(api, &TypeRef::Named(variant.ty.clone()), &Bounds::default(), depth - 1);
                    if let Some(map) = value.as_object_mut() {
                        map.insert(union.discriminator.clone(), json!(variant.tag));
                    }
                    value
                }),
            }
        }
        TypeRef::String(format) => json!(match format.as_deref() {
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("date") => "2026-01-01",
            Some("uri") => "https://example.com",
            Some("email") => "ann@example.com",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => "...",
        }),
        // Within a double's exact integers, so the cast keeps the value.
        TypeRef::Integer { .. } => json!(bounds.minimum.or(bounds.maximum).unwrap_or(1.0) as i64),
        TypeRef::Number => json!(bounds.minimum.or(bounds.maximum).unwrap_or(1.0)),
        TypeRef::Boolean => json!(true),
        TypeRef::Array(item) => json!([within(api, item, &Bounds::default(), depth.saturating_sub(1))]),
        TypeRef::Map(value) => {
            json!({ "name": within(api, value, &Bounds::default(), depth.saturating_sub(1)) })
        }
        TypeRef::Any => json!({}),
    }
}

/// What is required, and nothing else.
fn fields(api: &Api, object: &Object, depth: usize) -> Map<String, Value> {
    let required = object.fields.iter().filter(|field| field.required);
    required
        .map(|field| {
            let value = field.example.clone().or_else(|| field.default.clone());
            let value = match value {
                Some(value) => value,
                None if field.nullable => Value::Null,
                None => within(api, &field.ty, &field.bounds, depth),
            };
            (field.name.clone(), value)
        })
        .collect()
}
