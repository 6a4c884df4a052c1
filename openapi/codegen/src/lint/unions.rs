//! Compositions: a reference with something beside it, and a choice with a discriminator. Everything else loses something on
//! its way into a type.

use std::collections::BTreeMap;

use super::Report;
use super::grammar::Kind;
use super::schemas::top_level;
use super::walk::Objects;
use crate::build::schema::variants;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let mut tagged: BTreeMap<&str, &str> = BTreeMap::new();
    for schema in objects.of(Kind::Schema) {
        all_of(schema, report);
        for key in ["anyOf", "not"] {
            if let Some(node) = schema.get(key) {
                let remedy = if key == "not" {
                    "Say what is allowed, by `enum`, `pattern` or bounds."
                } else {
                    "Write `oneOf` with a discriminator; for null write `nullable: true` on the property."
                };
                report.add(
                    &node,
                    Rule::Composition,
                    format!("`{key}` is not carried: it names no one type."),
                    remedy,
                );
            }
        }
        if schema.has("oneOf") {
            one_of(schema, report);
            let property =
                schema.get("discriminator").and_then(|d| d.text("propertyName")).unwrap_or_default();
            for variant in schema.items_of("oneOf").filter_map(|member| member.schema_name()) {
                if let Some(other) = tagged.insert(variant, property).filter(|other| *other != property) {
                    let reason = format!(
                        "`{variant}` is told by `{property}` here and by `{other}` in another union."
                    );
                    report.add(schema, Rule::Discriminator, reason, "Use one discriminator for it.");
                }
            }
        } else if let Some(discriminator) = schema.get("discriminator") {
            let reason =
                "A discriminator without `oneOf` is not carried: nothing says which variants there are.";
            report.add(&discriminator, Rule::Discriminator, reason, "List the variants under `oneOf`.");
        }
    }
    for (kind, reference) in &objects.references {
        let name = reference.schema_name().unwrap_or_default();
        let in_union = reference.pointer.rsplit('/').nth(1) == Some("oneOf");
        if *kind == Kind::Schema && !in_union && tagged.contains_key(name) {
            let reason =
                format!("`{name}` is a variant of a union and used without it, so its tag could be wrong.");
            report.add(
                reference,
                Rule::Discriminator,
                reason,
                "Refer to the union, or to a schema of its own.",
            );
        }
    }
}

fn all_of(schema: &Node<'_>, report: &mut Report<'_>) {
    let Some(node) = schema.get("allOf") else { return };
    let members: Vec<_> = node.items().collect();
    let beside = ["description", "nullable", "example", "default", "deprecated", "title", "externalDocs"];
    let extra: Vec<&str> = schema
        .entries()
        .map(|(key, _)| key)
        .filter(|key| *key != "allOf" && !beside.contains(key) && !key.starts_with("x-"))
        .collect();
    if members.len() != 1 || !members.iter().all(|member| member.has("$ref")) {
        let reason = "`allOf` of several schemas, or of one without a name, is not carried: contradictions would go unseen.";
        report.add(&node, Rule::Composition, reason, "Write all properties into one schema.");
    } else if !extra.is_empty() {
        let reason = format!("`{}` stands beside `allOf`; the two are not merged.", extra.join("`, `"));
        report.add(&node, Rule::Composition, reason, "Write one schema with all of it.");
    }
}

fn one_of(schema: &Node<'_>, report: &mut Report<'_>) {
    if !top_level(schema) {
        let remedy = "Move it to `components/schemas` and refer to it.";
        report.add(schema, Rule::Unnamed, "A union without a name: no type can be named after it.", remedy);
    }
    for key in ["properties", "allOf", "anyOf", "enum", "items", "additionalProperties", "required"] {
        if let Some(node) = schema.get(key) {
            let reason = format!("`{key}` stands beside `oneOf`; the two are not merged.");
            report.add(&node, Rule::Composition, reason, "Write it into each variant.");
        }
    }
    let Some(discriminator) = schema.get("discriminator") else {
        let reason = "A `oneOf` without a discriminator: nothing in the data says which variant it is.";
        let remedy = "Give each variant a required string property, and name it in `discriminator: {propertyName, mapping}`.";
        return report.add(schema, Rule::Composition, reason, remedy);
    };
    let Some(property) = discriminator.text("propertyName") else { return };
    let members: Vec<_> = schema.items_of("oneOf").collect();
    if members.is_empty() {
        report.add(schema, Rule::Composition, "A `oneOf` without variants.", "List them.");
    }
    for (index, member) in members.iter().enumerate() {
        let Some(name) = member.schema_name() else {
            let reason = "A variant without a name: no type can be named after it.";
            report.add(member, Rule::Unnamed, reason, "Move it to `components/schemas` and refer to it.");
            continue;
        };
        if members.iter().take(index).any(|other| other.schema_name() == Some(name)) {
            report.add(
                member,
                Rule::Discriminator,
                format!("`{name}` stands here twice."),
                "Remove one of them.",
            );
        }
        variant(member, name, property, schema, report);
    }
    mapping(&discriminator, &members, report);
}

fn variant(member: &Node<'_>, name: &str, property: &str, schema: &Node<'_>, report: &mut Report<'_>) {
    let Some(target) = member.resolve() else { return };
    if !target.has("properties") {
        let reason = format!("The variant `{name}` is not an object with properties.");
        return report.add(member, Rule::Discriminator, reason, "Wrap the value in an object.");
    }
    let Some(tag) = target.walk(&["properties", property]) else {
        let reason =
            format!("The variant `{name}` has no property `{property}`, which tells the variants apart.");
        return report.add(
            member,
            Rule::Discriminator,
            reason,
            format!("Declare `{property}` as a required string."),
        );
    };
    if !target.items_of("required").any(|required| required.value == property) {
        let reason =
            format!("`{property}` of the variant `{name}` is not required, but tells the variants apart.");
        report.add(member, Rule::Discriminator, reason, format!("Add `{property}` to `required`."));
    }
    let Some(tag) = tag.resolve().and_then(|tag| crate::build::schema::unwrapped(&tag).resolve()) else {
        return;
    };
    if tag.text("type") != Some("string") || tag.flag("nullable") {
        let reason = format!("`{property}` of the variant `{name}` is not a string.");
        return report.add(member, Rule::Discriminator, reason, "Write `type: string`.");
    }
    if !tag.has("enum") {
        return;
    }
    for variant in variants(schema).iter().filter(|variant| variant.ty == name) {
        if !tag.items_of("enum").any(|value| value.value == variant.tag.as_str()) {
            let reason =
                format!("`{property}` of the variant `{name}` can never be its tag `{}`.", variant.tag);
            report.add(member, Rule::Discriminator, reason, "Add the tag to the enum, or mend the mapping.");
        }
    }
}

fn mapping(discriminator: &Node<'_>, members: &[Node<'_>], report: &mut Report<'_>) {
    for (tag, target) in discriminator.entries_of("mapping") {
        let Some(text) = target.value.as_str() else { continue };
        let name = text.strip_prefix("#/components/schemas/").unwrap_or(text);
        if !members.iter().any(|member| member.schema_name() == Some(name)) {
            let reason = format!("The tag `{tag}` stands for `{text}`, which is no variant.");
            let remedy = "Name a schema of `oneOf`: `'#/components/schemas/<name>'`.";
            report.add(&target, Rule::Discriminator, reason, remedy);
        }
    }
}
