//! Schemas: named types, and the uses of types in fields, parameters and bodies.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::{Unreadable, described, description, json_schema, unreadable};
use crate::model::{Bounds, EnumValue, Field, Object, Shape, TypeDef, TypeRef, Union, Variant};
use crate::node::Node;

/// Every named schema, in the order of the file.
pub(crate) fn types(root: &Node<'_>) -> Result<IndexMap<String, TypeDef>, Unreadable> {
    let mut types = IndexMap::new();
    for (name, node) in root.walk(&["components", "schemas"]).iter().flat_map(Node::entries) {
        let definition = TypeDef {
            name: name.to_owned(),
            description: description(&node),
            shape: shape(&node)?,
            example: node.get("example").map(|example| example.value.clone()),
            in_request: false,
            in_response: false,
            json_schema: json_schema::named(&node),
        };
        types.insert(name.to_owned(), definition);
    }
    take_tags_out(&mut types);
    Ok(types)
}

/// A variant's discriminator belongs to the union.
fn take_tags_out(types: &mut IndexMap<String, TypeDef>) {
    let mut tags = Vec::new();
    for definition in types.values() {
        if let Shape::Union(union) = &definition.shape {
            tags.extend(union.variants.iter().map(|v| (v.ty.clone(), union.discriminator.clone())));
        }
    }
    for (name, tag) in tags {
        if let Some(Shape::Object(object)) = types.get_mut(&name).map(|def| &mut def.shape) {
            object.fields.retain(|field| field.name != tag);
            object.tag = Some(tag);
        }
    }
}

fn shape(node: &Node<'_>) -> Result<Shape, Unreadable> {
    if node.has("oneOf") {
        return union(node).map(Shape::Union);
    }
    if node.has("enum") {
        return Ok(Shape::Enum(enum_values(node)));
    }
    if node.has("properties") {
        return object(node).map(Shape::Object);
    }
    if node.text("type") == Some("object")
        && node.get("additionalProperties").is_some_and(|a| a.value == false)
    {
        return object(node).map(Shape::Object);
    }
    Ok(Shape::Alias(type_ref(node)?, bounds(node)))
}

fn enum_values(node: &Node<'_>) -> Vec<EnumValue> {
    let descriptions = node.get("x-enum-descriptions");
    node.items_of("enum")
        .filter_map(|value| value.value.as_str())
        .map(|value| EnumValue {
            value: value.to_owned(),
            description: descriptions
                .as_ref()
                .and_then(|descriptions| descriptions.text(value))
                .unwrap_or_default()
                .to_owned(),
        })
        .collect()
}

/// The variants of a `oneOf` with a discriminator, as tag and schema; the tag is the schema's name unless the mapping says else.
pub(crate) fn variants(node: &Node<'_>) -> Vec<Variant> {
    let mapping: Vec<(&str, &str)> = node
        .get("discriminator")
        .iter()
        .flat_map(|discriminator| discriminator.entries_of("mapping"))
        .filter_map(|(tag, target)| {
            let target = target.value.as_str()?;
            Some((tag, target.strip_prefix("#/components/schemas/").unwrap_or(target)))
        })
        .collect();
    let mut variants = Vec::new();
    for member in node.items_of("oneOf") {
        let Some(name) = member.schema_name() else { continue };
        let mut tags: Vec<&str> =
            mapping.iter().filter(|(_, target)| *target == name).map(|(tag, _)| *tag).collect();
        if tags.is_empty() {
            tags.push(name);
        }
        variants.extend(tags.into_iter().map(|tag| Variant { tag: tag.to_owned(), ty: name.to_owned() }));
    }
    variants
}

fn union(node: &Node<'_>) -> Result<Union, Unreadable> {
    let discriminator = node
        .get("discriminator")
        .and_then(|discriminator| discriminator.text("propertyName"))
        .ok_or_else(|| unreadable(node, "This union has no discriminator."))?;
    Ok(Union { discriminator: discriminator.to_owned(), variants: variants(node) })
}

fn object(node: &Node<'_>) -> Result<Object, Unreadable> {
    let required: BTreeSet<&str> = node.items_of("required").filter_map(|name| name.value.as_str()).collect();
    let mut fields = Vec::new();
    for (name, property) in node.entries_of("properties") {
        let own = unwrapped(&property);
        let target = own.resolve().ok_or_else(|| unreadable(&property, "This reference leads nowhere."))?;
        fields.push(Field {
            name: name.to_owned(),
            ty: type_ref(&property)?,
            required: required.contains(name),
            nullable: property.flag("nullable"),
            bounds: bounds(&property),
            description: described(&[&property, &own, &target]),
            default: property.get("default").map(|value| value.value.clone()),
            example: [&property, &target]
                .iter()
                .find_map(|node| node.get("example"))
                .map(|e| e.value.clone()),
            secret: [&property, &target].iter().any(|node| is_secret(node)),
        });
    }
    let open = node.get("additionalProperties").is_none_or(|additional| additional.value != false);
    Ok(Object { fields, tag: None, open })
}

/// `x-secret`, or `format: password`.
pub(crate) fn is_secret(node: &Node<'_>) -> bool {
    node.flag("x-secret") || node.text("format") == Some("password")
}

/// `allOf: [{$ref}]`, the way in which 3.0.3 puts a description or `nullable` beside a reference, is that reference.
pub(crate) fn unwrapped<'d>(node: &Node<'d>) -> Node<'d> {
    let mut members = node.items_of("allOf");
    match (members.next(), members.next()) {
        (Some(only), None) => only,
        _ => node.clone(),
    }
}

/// A use of a type.
pub(crate) fn type_ref(node: &Node<'_>) -> Result<TypeRef, Unreadable> {
    let node = unwrapped(node);
    if let Some(name) = node.schema_name() {
        return Ok(TypeRef::Named(name.to_owned()));
    }
    let format = node.text("format");
    Ok(match node.text("type") {
        Some("string") => TypeRef::String(format.map(str::to_owned)),
        Some("integer") => TypeRef::Integer { bits: if format == Some("int32") { 32 } else { 64 } },
        Some("number") => TypeRef::Number,
        Some("boolean") => TypeRef::Boolean,
        Some("array") => {
            let items = node.get("items").ok_or_else(|| unreadable(&node, "This array has no `items`."))?;
            TypeRef::Array(Box::new(type_ref(&items)?))
        }
        Some("object") => match node.get("additionalProperties") {
            Some(values) if values.object().is_some_and(|map| !map.is_empty()) => {
                TypeRef::Map(Box::new(type_ref(&values)?))
            }
            _ => TypeRef::Map(Box::new(TypeRef::Any)),
        },
        None if !node.has("$ref") => TypeRef::Any,
        _ => return Err(unreadable(&node, "This schema cannot be read.")),
    })
}

/// The bounds that stand in this very schema.
pub(crate) fn bounds(node: &Node<'_>) -> Bounds {
    let value = |key: &str| node.get(key).map(|found| found.value);
    let number = |key: &str| value(key).and_then(Value::as_f64);
    let length = |one: &str, other: &str| value(one).or_else(|| value(other)).and_then(Value::as_u64);
    // The linter lets exclusive bounds through on integers only, where the next integer says the same.
    let step = |key: &str| if node.flag(key) { 1.0 } else { 0.0 };
    Bounds {
        minimum: number("minimum").map(|minimum| minimum + step("exclusiveMinimum")),
        maximum: number("maximum").map(|maximum| maximum - step("exclusiveMaximum")),
        min_length: length("minLength", "minItems"),
        max_length: length("maxLength", "maxItems"),
        pattern: node.text("pattern").map(str::to_owned),
    }
}

/// Adds the named types that stand in this use.
pub(crate) fn named_in(ty: &TypeRef, names: &mut BTreeSet<String>) {
    match ty {
        TypeRef::Named(name) => {
            names.insert(name.clone());
        }
        TypeRef::Array(inner) | TypeRef::Map(inner) => named_in(inner, names),
        _ => {}
    }
}

/// The named types that stand in this shape.
pub(crate) fn named_in_shape(shape: &Shape) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match shape {
        Shape::Object(object) => object.fields.iter().for_each(|field| named_in(&field.ty, &mut names)),
        Shape::Union(union) => names.extend(union.variants.iter().map(|variant| variant.ty.clone())),
        Shape::Alias(ty, _) => named_in(ty, &mut names),
        Shape::Enum(_) => {}
    }
    names
}

/// These types and all that they are made of.
pub(crate) fn reachable(types: &IndexMap<String, TypeDef>, from: BTreeSet<String>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = from.into_iter().collect();
    while let Some(name) = open.pop() {
        if let Some(definition) = types.get(&name)
            && seen.insert(name)
        {
            open.extend(named_in_shape(&definition.shape));
        }
    }
    seen
}
