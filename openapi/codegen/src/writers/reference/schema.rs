//! Types and fields as the page shows them: a name, what it may hold, what it means; an object inside opens in place.

use maud::{Markup, html};
use serde_json::Value;

use super::markdown;
use crate::model::{Api, Bounds, Field, Object, Shape, TypeDef, TypeRef};

/// How deep objects open in place. Below, the name links to the type.
const DEPTH: usize = 4;

/// From where a type is looked at: a caller must know what to give, and what may be missing in what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// In a request, or by itself.
    Given,
    /// In an answer.
    Answered,
}

/// Where the page stands: the side, and the types that are open above.
struct Place<'a> {
    side: Side,
    above: Vec<&'a str>,
}

/// The anchor of a named type.
pub(super) fn anchor(name: &str) -> String {
    format!("type-{name}")
}

/// A named type's own content: fields, values or variants.
pub(super) fn definition(api: &Api, def: &TypeDef) -> Markup {
    let side = if def.in_response && !def.in_request { Side::Answered } else { Side::Given };
    shape(api, def, &mut Place { side, above: vec![def.name.as_str()] })
}

/// What a body or an answer of this type holds.
pub(super) fn content(api: &Api, ty: &TypeRef, side: Side) -> Markup {
    nested(api, ty, &mut Place { side, above: Vec::new() }).unwrap_or_default()
}

fn shape<'a>(api: &'a Api, def: &'a TypeDef, place: &mut Place<'a>) -> Markup {
    match &def.shape {
        Shape::Object(object) => fields(api, object, place),
        Shape::Enum(values) => html! {
            dl.fields {
                @for value in values {
                    div.field {
                        dt { code.value { (value.value) } }
                        @if !value.description.is_empty() { dd { (markdown::line(&value.description)) } }
                    }
                }
            }
        },
        Shape::Union(union) => html! {
            p.note { "One of these, told apart by " code { (union.discriminator) } ":" }
            @for variant in &union.variants {
                details.nested {
                    summary { code { (union.discriminator) ": " (variant.tag) } }
                    @match api.types.get(&variant.ty) {
                        Some(def) => {
                            (markdown::block(&def.description, 5))
                            (shape_of(api, def, place))
                        },
                        None => {},
                    }
                }
            }
        },
        Shape::Alias(target, bounds) => html! {
            p.facts { (type_name(target)) (limits(api, target, bounds)) }
        },
    }
}

/// The same, unless the type is already open above.
fn shape_of<'a>(api: &'a Api, def: &'a TypeDef, place: &mut Place<'a>) -> Markup {
    if place.above.contains(&def.name.as_str()) || place.above.len() >= DEPTH {
        return html! { p.note { "See " a href=(format!("#{}", anchor(&def.name))) { (def.name) } "." } };
    }
    place.above.push(&def.name);
    let markup = shape(api, def, place);
    place.above.pop();
    markup
}

fn fields<'a>(api: &'a Api, object: &'a Object, place: &mut Place<'a>) -> Markup {
    html! {
        @if object.fields.is_empty() { p.note { "No fields." } }
        dl.fields {
            @for field in &object.fields { (self::field(api, field, place)) }
        }
        @if !object.open { p.note { "Other fields are refused." } }
    }
}

fn field<'a>(api: &'a Api, field: &'a Field, place: &mut Place<'a>) -> Markup {
    html! {
        div.field {
            dt {
                code.name { (field.name) }
                span.facts {
                    (type_name(&field.ty))
                    @match (place.side, field.required) {
                        (Side::Given, true) => { span.tag.required { "required" } },
                        (Side::Answered, false) => { span.tag { "may be absent" } },
                        _ => {},
                    }
                    @if field.nullable { span.tag { "or null" } }
                    @if field.secret { span.tag { "secret" } }
                    (limits(api, &field.ty, &field.bounds))
                    (default(field.default.as_ref()))
                }
            }
            dd {
                (markdown::block(&field.description, 6))
                (inner(api, &field.ty, place))
            }
        }
    }
}

/// What opens under a field or a parameter: the fields of an object, the values of an enum.
fn inner<'a>(api: &'a Api, ty: &'a TypeRef, place: &mut Place<'a>) -> Markup {
    let Some(name) = named(ty) else { return html! {} };
    let Some(def) = api.types.get(name) else { return html! {} };
    match &def.shape {
        Shape::Alias(..) => html! {},
        Shape::Enum(values) => html! {
            p.values { @for value in values { code.value title=(value.description) { (value.value) } " " } }
        },
        Shape::Object(_) | Shape::Union(_) => {
            let Some(content) = nested(api, ty, place) else { return html! {} };
            let word = if matches!(def.shape, Shape::Union(_)) { "Variants" } else { "Fields" };
            html! { details.nested { summary { (word) " of " code { (name) } } (content) } }
        }
    }
}

fn nested<'a>(api: &'a Api, ty: &'a TypeRef, place: &mut Place<'a>) -> Option<Markup> {
    let def = api.types.get(named(ty)?)?;
    Some(shape_of(api, def, place))
}

/// The one named type inside a list or a map.
fn named(ty: &TypeRef) -> Option<&str> {
    match ty {
        TypeRef::Named(name) => Some(name),
        TypeRef::Array(inner) | TypeRef::Map(inner) => named(inner),
        _ => None,
    }
}

/// The values of an enum parameter, if it is one.
pub(super) fn values(api: &Api, ty: &TypeRef) -> Markup {
    inner(api, ty, &mut Place { side: Side::Given, above: Vec::new() })
}

/// `list of Wallet`, `string (date-time)`, each named type a link.
pub(super) fn type_name(ty: &TypeRef) -> Markup {
    html! { span.type { (type_words(ty)) } }
}

fn type_words(ty: &TypeRef) -> Markup {
    match ty {
        TypeRef::Named(name) => html! { a href=(format!("#{}", anchor(name))) { (name) } },
        TypeRef::String(None) => html! { "string" },
        TypeRef::String(Some(format)) => html! { "string (" (format) ")" },
        TypeRef::Integer { bits } => html! { "integer (" (bits) " bits)" },
        TypeRef::Number => html! { "number" },
        TypeRef::Boolean => html! { "boolean" },
        TypeRef::Array(item) => html! { "list of " (type_words(item)) },
        TypeRef::Map(value) => html! { "map of " (type_words(value)) },
        TypeRef::Any => html! { "any JSON value" },
    }
}

/// Bounds in words: the use's own, and those of the alias that it uses.
pub(super) fn limits(api: &Api, ty: &TypeRef, bounds: &Bounds) -> Markup {
    let alias = match ty {
        TypeRef::Named(name) => api.types.get(name).and_then(|def| match &def.shape {
            Shape::Alias(target, bounds) => Some((target, bounds)),
            _ => None,
        }),
        _ => None,
    };
    html! {
        @if let Some((target, bounds)) = alias { span.type { (type_words(target)) } (limits(api, target, bounds)) }
        (own_limits(ty, bounds))
    }
}

fn own_limits(ty: &TypeRef, bounds: &Bounds) -> Markup {
    let unit = match ty {
        TypeRef::Array(_) => " items",
        TypeRef::Map(_) => " entries",
        _ => " characters",
    };
    let value = range(bounds.minimum.map(number), bounds.maximum.map(number), "");
    let length = range(bounds.min_length.map(grouped), bounds.max_length.map(grouped), unit);
    html! {
        @if let Some(value) = value { span.tag { (value) } }
        @if let Some(length) = length { span.tag { (length) } }
        @if let Some(pattern) = &bounds.pattern { span.tag { "matches " code { (pattern) } } }
    }
}

/// A default, as JSON.
pub(super) fn default(value: Option<&Value>) -> Markup {
    html! { @if let Some(value) = value { span.tag { "default " code { (value) } } } }
}

fn range(low: Option<String>, high: Option<String>, unit: &str) -> Option<String> {
    match (low, high) {
        (Some(low), Some(high)) if low == high => Some(format!("exactly {low}{unit}")),
        (Some(low), Some(high)) => Some(format!("{low} to {high}{unit}")),
        (Some(low), None) => Some(format!("at least {low}{unit}")),
        (None, Some(high)) => Some(format!("at most {high}{unit}")),
        (None, None) => None,
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e18 { signed(value as i128) } else { value.to_string() }
}

fn signed(value: i128) -> String {
    let digits = separated(&value.unsigned_abs().to_string());
    if value < 0 { format!("−{digits}") } else { digits }
}

fn grouped(value: u64) -> String {
    separated(&value.to_string())
}

/// Thousands apart, as people write them.
fn separated(digits: &str) -> String {
    let mut output = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            output.push(',');
        }
        output.push(digit);
    }
    output
}
