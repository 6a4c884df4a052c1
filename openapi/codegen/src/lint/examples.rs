//! Examples and defaults: each is a value that its own schema takes. They end in documentation, in code samples and in tests,
//! so a wrong one teaches everybody the wrong thing.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::Report;
use super::grammar::Kind;
use super::walk::Objects;
use crate::build::json_schema;
use crate::diagnostic::Rule;
use crate::node::Node;

pub(super) fn check(objects: &Objects<'_>, report: &mut Report<'_>) {
    let definitions: Map<String, Value> = objects
        .components("schemas")
        .iter()
        .map(|(name, node)| ((*name).to_owned(), json_schema::named(node)))
        .collect();
    let mut validators = Validators { definitions, compiled: BTreeMap::new() };
    for media in objects.of(Kind::MediaType) {
        // Examples of text and bytes are text; there is nothing to check them by.
        let Some(schema) = media.get("schema").filter(|schema| schema.text("format") != Some("binary"))
        else {
            continue;
        };
        for example in examples(media) {
            validators.check(&schema, &example, report);
        }
    }
    for kind in [Kind::Parameter, Kind::Header] {
        for node in objects.of(kind) {
            let Some(schema) = node.get("schema") else { continue };
            for example in examples(node) {
                validators.check(&schema, &example, report);
            }
        }
    }
    for schema in objects.of(Kind::Schema) {
        for value in ["example", "default"].iter().filter_map(|key| schema.get(key)) {
            validators.check(schema, &value, report);
        }
    }
}

fn examples<'d>(node: &Node<'d>) -> Vec<Node<'d>> {
    let several = node.entries_of("examples").filter_map(|(_, example)| example.resolve()?.get("value"));
    node.get("example").into_iter().chain(several).collect()
}

struct Validators {
    definitions: Map<String, Value>,
    /// By the schema as text; none where it cannot be compiled, which other rules report.
    compiled: BTreeMap<String, Option<Validator>>,
}

impl Validators {
    fn check(&mut self, schema: &Node<'_>, value: &Node<'_>, report: &mut Report<'_>) {
        let converted = json_schema::named(schema);
        let key = converted.to_string();
        if !self.compiled.contains_key(&key) {
            let compiled = self.compile(converted);
            self.compiled.insert(key.clone(), compiled);
        }
        let Some(Some(validator)) = self.compiled.get(&key) else { return };
        for error in validator.iter_errors(value.value) {
            let pointer = format!("{}{}", value.pointer, error.instance_path());
            let reason = format!("The schema refuses this: {error}.");
            report.add_at(&pointer, Rule::Example, reason, "Mend the value, or the schema.");
        }
    }

    /// The schema with the definitions that it reaches; all of them would cost the time of all of them.
    fn compile(&self, schema: Value) -> Option<Validator> {
        let mut reached: Map<String, Value> = Map::new();
        let mut open = Vec::new();
        names(&schema, &mut open);
        while let Some(name) = open.pop() {
            if let Some(definition) = self.definitions.get(&name).filter(|_| !reached.contains_key(&name)) {
                names(definition, &mut open);
                reached.insert(name, definition.clone());
            }
        }
        let document = json!({"allOf": [schema], "$defs": reached});
        jsonschema::draft202012::options().should_validate_formats(true).build(&document).ok()
    }
}

fn names(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) =
                map.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"))
            {
                into.push(name.to_owned());
            }
            map.values().for_each(|value| names(value, into));
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, into)),
        _ => {}
    }
}
