//! `types.ts`: every named schema. The promise: a value is the plain object that came as JSON, so what a later version of the API puts into it
//! (properties, enum values, variants) is kept and sent back; and the types say so, without giving up completion or narrowing.

use super::Output;
use super::doc::{Doc, samples};
use super::names::property;
use crate::model::{EnumValue, Field, Object, Shape, TypeDef, Union};
use crate::writers::File;
use crate::writers::rust::type_ident;

/// What the types are made of besides the language's own.
const HELPERS: &str = r#"/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

/**
 * An object together with the properties that this version does not know, which are kept as they came: `(value as Open<T>).new_property` is `unknown`,
 * the known ones have their types.
 */
export type Open<T extends object> = T & { [property: string]: unknown };

declare const unknownTag: unique symbol;

/**
 * The tag of a variant that this version does not know: at run time any other string. It is typed as one that no server sends, because a plain
 * `string` would keep comparisons with the known tags from narrowing. Write `tag as string` to compare it with others.
 */
export type UnknownTag = "a tag of a later version" & { readonly [unknownTag]: true };

"#;

pub(super) fn write(output: &Output<'_>) -> File {
    let mut text = String::from(HELPERS);
    for definition in output.api.types.values() {
        text.push_str(&item(output, definition));
        text.push('\n');
    }
    let about = format!(
        "The types of {} {}: every value is a plain object, as it came as JSON.",
        output.line(&output.api.title),
        output.line(&output.api.version)
    );
    output.file("types.ts", &about, &text)
}

fn item(output: &Output<'_>, definition: &TypeDef) -> String {
    let name = output.names.ty(&definition.name);
    let mut doc = Doc::of(&output.prose(&definition.description));
    match &definition.shape {
        Shape::Object(object) => interface(output, definition, object, doc),
        Shape::Enum(values) => open_enum(output, name, values, doc),
        Shape::Union(shape) => union(output, definition, shape, doc),
        Shape::Alias(ty, bounds) => {
            doc.paragraph(&output.facts(ty, bounds));
            samples(&mut doc, None, definition.example.as_ref());
            format!("{}export type {name} = {};\n", doc.render(0), output.ty(ty))
        }
    }
}

fn interface(output: &Output<'_>, definition: &TypeDef, object: &Object, mut doc: Doc) -> String {
    let name = output.names.ty(&definition.name);
    if definition.in_response && object.open {
        doc.paragraph(&format!(
            "Properties that this version does not know are kept; `Open<{name}>` has them in its type."
        ));
    }
    samples(&mut doc, None, definition.example.as_ref());
    let tag = object.tag.as_deref().map(|tag| tag_property(output, definition, tag));
    let fields = object.fields.iter().map(|field| member(output, field));
    let members: String = tag.into_iter().chain(fields).collect();
    let docs = doc.render(0);
    if members.is_empty() {
        // An empty interface would take any value.
        return format!("{docs}export type {name} = {{ [property: string]: never }};\n");
    }
    format!("{docs}export interface {name} {{\n{members}}}\n")
}

/// The tag of a variant: of all unions that it is a variant of.
fn tag_property(output: &Output<'_>, definition: &TypeDef, tag: &str) -> String {
    let mut tags: Vec<String> = Vec::new();
    for other in output.api.types.values() {
        let Shape::Union(union) = &other.shape else { continue };
        for variant in union.variants.iter().filter(|variant| variant.ty == definition.name) {
            let literal = serde_json::Value::from(variant.tag.as_str()).to_string();
            if !tags.contains(&literal) {
                tags.push(literal);
            }
        }
    }
    let tags = if tags.is_empty() { "string".to_owned() } else { tags.join(" | ") };
    format!("  /** Tells the variants apart. */\n  {}: {tags};\n", property(tag))
}

fn member(output: &Output<'_>, field: &Field) -> String {
    // The model says it in the description, having no better place; here there is one.
    let (description, deprecated) = match field.description.strip_suffix("Deprecated.") {
        Some(rest) if rest.is_empty() || rest.ends_with("\n\n") => (rest, true),
        _ => (field.description.as_str(), false),
    };
    let mut doc = Doc::of(&output.prose(description));
    doc.paragraph(&output.facts(&field.ty, &field.bounds));
    if field.secret {
        doc.paragraph("A secret: do not log it.");
    }
    samples(&mut doc, field.default.as_ref(), field.example.as_ref());
    if deprecated {
        doc.tag("@deprecated");
    }
    let (optional, null) =
        (if field.required { "" } else { "?" }, if field.nullable { " | null" } else { "" });
    format!("{}  {}{optional}: {}{null};\n", doc.render(2), property(&field.name), output.ty(&field.ty))
}

/// The type keeps completion and takes any other string; the object of the same name has the known values, for those who like names.
fn open_enum(output: &Output<'_>, name: &str, values: &[EnumValue], mut doc: Doc) -> String {
    let literal = |value: &EnumValue| serde_json::Value::from(value.value.as_str()).to_string();
    let list = values.iter().map(|value| match output.line(&value.description) {
        text if text.is_empty() => format!("- `{}`", value.value),
        text => format!("- `{}`: {text}", value.value),
    });
    doc.paragraph(&list.collect::<Vec<_>>().join("\n"));
    doc.paragraph("A later version may answer others: treat a value that you do not know as such.");
    let union: String = values.iter().map(|value| literal(value) + " | ").collect();
    let (docs, about) = (
        doc.render(0),
        Doc::of(&format!("The values of {{@link {name}}} that this version knows.")).render(0),
    );
    let members: String = values
        .iter()
        .map(|value| {
            let docs = Doc::of(&output.prose(&value.description)).render(2);
            format!("{docs}  {}: {},\n", type_ident(&value.value), literal(value))
        })
        .collect();
    format!(
        "{docs}export type {name} = {union}(string & {{}});\n\n{about}export const {name} = {{\n{members}}} as const;\n"
    )
}

fn union(output: &Output<'_>, definition: &TypeDef, union: &Union, mut doc: Doc) -> String {
    let (name, unknown) = (output.names.ty(&definition.name), output.names.unknown(&definition.name));
    let tag = property(&union.discriminator);
    doc.paragraph(&format!(
        "Compare `{}` with a tag to narrow it; what is left then is a variant that this version does not know.",
        union.discriminator
    ));
    samples(&mut doc, None, definition.example.as_ref());
    let mut variants: Vec<&str> = Vec::new();
    for variant in &union.variants {
        let ty = output.names.ty(&variant.ty);
        if !variants.contains(&ty) {
            variants.push(ty);
        }
    }
    let about =
        format!("A variant of {{@link {name}}} that this version does not know, with all that it came with.");
    format!(
        "{}export type {name} = {} | {unknown};\n\n{}export interface {unknown} {{\n  /** Tells the variants apart. */\n  \
         {tag}: UnknownTag;\n  [property: string]: unknown;\n}}\n",
        doc.render(0),
        variants.join(" | "),
        Doc::of(&about).render(0)
    )
}
