//! The walk over a document by the grammar: it finds what is not OpenAPI 3.0.3 (unknown keywords, values of the wrong kind,
//! references that lead nowhere) and collects the objects for the other rules.

use std::collections::BTreeSet;

use super::Report;
use super::grammar::{Form, Keyword, Kind};
use crate::build::METHODS;
use crate::diagnostic::Rule;
use crate::load::Document;
use crate::node::Node;

/// The objects of a document that the rules look at.
pub(super) struct Objects<'d> {
    /// The document.
    pub(super) root: Node<'d>,
    /// Every object with its kind, references themselves left out.
    pub(super) all: Vec<(Kind, Node<'d>)>,
    /// Every reference with the kind that it must lead to.
    pub(super) references: Vec<(Kind, Node<'d>)>,
    /// Every operation with where it hangs.
    pub(super) operations: Vec<Operation<'d>>,
}

/// An operation and where it hangs.
pub(super) struct Operation<'d> {
    /// `/v1/wallets/{wallet_id}`.
    pub(super) path: &'d str,
    /// `get`.
    pub(super) method: &'d str,
    /// The path item.
    pub(super) item: Node<'d>,
    /// The operation.
    pub(super) node: Node<'d>,
}

impl<'d> Objects<'d> {
    /// The objects of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Node<'d>> {
        self.all.iter().filter(move |(own, _)| *own == kind).map(|(_, node)| node)
    }

    /// The entries of a folder of `components`.
    pub(super) fn components(&self, folder: &str) -> Vec<(&'d str, Node<'d>)> {
        self.root.walk(&["components", folder]).iter().flat_map(Node::entries).collect()
    }
}

/// Walks.
pub(super) fn objects<'d>(document: &'d Document, report: &mut Report<'_>) -> Objects<'d> {
    let root = Node::root(document);
    let mut walk = Walk {
        report,
        objects: Objects {
            root: root.clone(),
            all: Vec::new(),
            references: Vec::new(),
            operations: Vec::new(),
        },
    };
    walk.version(&root);
    walk.object(&root, Kind::Document);
    let Walk { mut objects, report } = walk;
    for (path, item) in root.entries_of("paths") {
        for (method, node) in item.entries().filter(|(key, _)| METHODS.contains(key)) {
            objects.operations.push(Operation { path, method, item: item.clone(), node });
        }
    }
    references(&objects, report);
    objects
}

struct Walk<'d, 'r, 's> {
    report: &'r mut Report<'s>,
    objects: Objects<'d>,
}

impl<'d> Walk<'d, '_, '_> {
    fn version(&mut self, root: &Node<'d>) {
        let remedy = "Write `openapi: 3.0.3`.";
        match root.get("openapi") {
            Some(version) if version.value.as_str().is_some_and(|text| text.starts_with("3.0.")) => {}
            Some(version) => {
                let text = version.value.as_str().map_or_else(|| version.value.to_string(), str::to_owned);
                let reason =
                    format!("OpenAPI {text} is not read: its schemas mean other things than those of 3.0.");
                self.report.add(&version, Rule::Structure, reason, remedy);
            }
            None if root.has("swagger") => {
                let swagger = root.get("swagger").unwrap_or_else(|| root.clone());
                self.report.add(
                    &swagger,
                    Rule::Structure,
                    "This is Swagger 2, not OpenAPI 3.",
                    "Convert it to OpenAPI 3.0.3.",
                );
            }
            // The grammar reports it.
            None => {}
        }
    }

    fn object(&mut self, node: &Node<'d>, kind: Kind) {
        if node.object().is_none() {
            let reason = format!("Here stands {}; {} belongs here.", found(node), kind.title());
            self.report.add(node, Rule::Structure, reason, "Write a mapping.");
            return;
        }
        self.objects.all.push((kind, node.clone()));
        let keywords = kind.keywords();
        for keyword in keywords.iter().filter(|keyword| keyword.required && !node.has(keyword.name)) {
            let reason = format!("{} has no `{}`.", capital(kind.title()), keyword.name);
            self.report.add(node, Rule::Structure, reason, format!("Write `{}:`.", keyword.name));
        }
        for (name, value) in node.entries() {
            match keywords.iter().find(|keyword| keyword.name == name) {
                Some(_) if kind == Kind::Schema && is_later(name, &value) => self.later(&value, name),
                Some(keyword) => self.form(&value, keyword.form),
                None if name.starts_with("x-") => {}
                None => self.unknown(&value, name, kind, keywords),
            }
        }
    }

    /// What is right in OpenAPI 3.1 only.
    fn later(&mut self, value: &Node<'d>, name: &str) {
        let (reason, remedy) = match name {
            "type" => (
                "A list of types is OpenAPI 3.1.",
                "Write one `type`, and `nullable: true` where null may stand.",
            ),
            _ => (
                "A number here is OpenAPI 3.1.",
                "Write the number as `minimum` or `maximum`, and `true` here.",
            ),
        };
        self.report.add(value, Rule::Structure, reason, remedy);
    }

    fn unknown(&mut self, value: &Node<'d>, name: &str, kind: Kind, keywords: &[Keyword]) {
        let reason = format!(
            "{} has no keyword `{name}` in OpenAPI 3.0.3; it would be ignored.",
            capital(kind.title())
        );
        let remedy = match (kind, name) {
            (Kind::Schema, "const") => "Write an `enum` of one value, as a named schema.".to_owned(),
            (Kind::Schema, "$defs" | "definitions") => "Name the schemas in `components/schemas`.".to_owned(),
            (Kind::Schema, "examples") => "Write one `example`.".to_owned(),
            (Kind::Schema, "patternProperties" | "propertyNames" | "unevaluatedProperties") => {
                "Write `additionalProperties` with the schema of the values.".to_owned()
            }
            (Kind::Schema, "if" | "then" | "else" | "dependentSchemas" | "dependentRequired") => {
                "Write one schema a case, and a `oneOf` with a discriminator.".to_owned()
            }
            (Kind::Schema, "prefixItems" | "contains") => "Write an object with named properties.".to_owned(),
            _ => match nearest(name, keywords) {
                Some(near) => format!("Did you mean `{near}`? An extension's name starts with `x-`."),
                None => "Remove it; an extension's name starts with `x-`.".to_owned(),
            },
        };
        self.report.add(value, Rule::UnknownKeyword, reason, remedy);
    }

    fn form(&mut self, node: &Node<'d>, form: Form) {
        let value = node.value;
        let (fits, wanted) = match form {
            Form::Text => (value.is_string(), "a string"),
            Form::Flag => (value.is_boolean(), "`true` or `false`"),
            Form::Number => (value.is_number(), "a number"),
            Form::Whole => (value.is_u64(), "a whole number from 0"),
            Form::Any => (true, "anything"),
            Form::Object(kind) => return self.object(node, kind),
            Form::OrReference(kind) if node.has("$ref") => return self.reference(node, kind),
            Form::OrReference(kind) => return self.object(node, kind),
            Form::SchemaOrFlag if value.is_boolean() => (true, "true"),
            Form::SchemaOrFlag => return self.form(node, Form::OrReference(Kind::Schema)),
            Form::List(item) => {
                for inner in node.items() {
                    self.form(&inner, *item);
                }
                (value.is_array(), "a list")
            }
            Form::Map(entry, extensible) => {
                for (name, inner) in node.entries() {
                    if !(extensible && name.starts_with("x-")) {
                        self.form(&inner, *entry);
                    }
                }
                (value.is_object(), "a mapping")
            }
        };
        if !fits {
            let reason = format!("Here stands {}; {wanted} belongs here.", found(node));
            let remedy = match form {
                Form::Text if value.is_number() || value.is_boolean() => "Quote it.".to_owned(),
                _ => format!("Write {wanted}."),
            };
            self.report.add(node, Rule::Structure, reason, remedy);
        }
    }

    fn reference(&mut self, node: &Node<'d>, kind: Kind) {
        self.objects.references.push((kind, node.clone()));
        for (name, sibling) in node.entries().filter(|(name, _)| *name != "$ref") {
            let reason = format!("`{name}` stands beside a `$ref`; OpenAPI 3.0.3 ignores it.");
            let remedy = match kind {
                Kind::Schema => {
                    format!("Write `allOf: [$ref: …]` with `{name}` beside it, or remove `{name}`.")
                }
                _ => format!("Remove `{name}`, or write the object out."),
            };
            self.report.add(&sibling, Rule::Reference, reason, remedy);
        }
    }
}

/// Every reference must lead to an object of its kind, by a finite way.
fn references(objects: &Objects<'_>, report: &mut Report<'_>) {
    for (kind, node) in &objects.references {
        let Some(text) = node.text("$ref") else {
            report.add(node, Rule::Reference, "`$ref` is not a string.", "Write `$ref: '#/components/…'`.");
            continue;
        };
        let folder = kind.folder().unwrap_or_default();
        let remedy = format!("Write `$ref: '#/components/{folder}/<name>'`.");
        let Some(name) = text.strip_prefix(&format!("#/components/{folder}/")) else {
            let reason = if text.starts_with('#') {
                format!("`{text}` does not name {} in `components/{folder}`.", kind.title())
            } else {
                format!("`{text}` is in another file; a spec is one file.")
            };
            report.add(node, Rule::Reference, reason, remedy);
            continue;
        };
        if name.is_empty() || name.contains(['/', '~', '%']) {
            report.add(
                node,
                Rule::Reference,
                format!("`{text}` does not name an entry of `components/{folder}`."),
                remedy,
            );
        } else if objects.root.walk(&["components", folder, name]).is_none() {
            let entries = objects.components(folder);
            let near = nearest_of(name, entries.iter().map(|(name, _)| *name));
            let hint = near.map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
            let reason = format!("There is no `{name}` in `components/{folder}`.");
            report.add(node, Rule::Reference, reason, format!("Name one that is there, or add it.{hint}"));
        } else if node.resolve().is_none() {
            report.add(
                node,
                Rule::Reference,
                format!("`{text}` leads back to itself."),
                "Write the object out once.",
            );
        }
    }
}

fn is_later(name: &str, value: &Node<'_>) -> bool {
    match name {
        "type" => value.value.is_array(),
        "exclusiveMinimum" | "exclusiveMaximum" => value.value.is_number(),
        _ => false,
    }
}

/// What stands there, for a message.
pub(super) fn found(node: &Node<'_>) -> String {
    match node.value {
        serde_json::Value::Null => "nothing".to_owned(),
        serde_json::Value::Bool(flag) => format!("`{flag}`"),
        serde_json::Value::Number(number) => format!("the number {number}"),
        serde_json::Value::String(text) => {
            let short: String = text.chars().take(40).collect();
            format!("the text `{short}`")
        }
        serde_json::Value::Array(_) => "a list".to_owned(),
        serde_json::Value::Object(_) => "a mapping".to_owned(),
    }
}

/// With its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn nearest(name: &str, keywords: &[Keyword]) -> Option<&'static str> {
    nearest_of(name, keywords.iter().map(|keyword| keyword.name))
}

/// The candidate that a slip of the pen may have meant.
pub(super) fn nearest_of<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's, letters of either case alike.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, x) in a.to_lowercase().chars().take(64).enumerate() {
        let mut previous = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = (previous + usize::from(x != *y)).min(above + 1).min(left + 1);
            previous = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The names of all entries that something refers to, by folder.
pub(super) fn referenced<'d>(objects: &Objects<'d>, kind: Kind) -> BTreeSet<&'d str> {
    let prefix = format!("#/components/{}/", kind.folder().unwrap_or_default());
    objects
        .references
        .iter()
        .filter(|(own, _)| *own == kind)
        .filter_map(|(_, node)| node.text("$ref")?.strip_prefix(prefix.as_str()))
        .collect()
}
