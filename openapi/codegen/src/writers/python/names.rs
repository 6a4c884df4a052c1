//! Every name of the spec in Python, decided once for all files: two names that would meet get different spellings, always the same ones.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

use crate::build::schema::{named_in, reachable};
use crate::model::{Api, Body, Content, Operation, Resource, Shape, TypeRef};
use crate::writers::Layout;

/// Words that cannot be names.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
/// What the annotations of a class are written with: an attribute of that name would be taken for it.
const BUILTINS: &[&str] =
    &["bool", "bytes", "dict", "field", "float", "int", "list", "object", "str", "tuple"];
/// What the annotations of methods are written with; a resource may well have a `list`.
const BUILTINS_OF_METHODS: &[&str] = &["bool", "bytes", "float", "int", "object", "str"];
/// What a model inherits.
const OF_MODELS: &[&str] = &["unknown_fields"];
/// What a resource has besides its operations.
const OF_RESOURCES: &[&str] = &["with_raw_response"];
/// What a client has besides its resources.
const OF_CLIENTS: &[&str] = &["aclose", "base_url", "close", "closed", "with_options"];
/// What a method takes besides its own arguments.
const OF_METHODS: &[&str] = &["body", "options", "self"];
/// What the modules of models are written with.
const OF_MODULES: &[&str] = &[
    "Annotated",
    "Any",
    "ClassVar",
    "Confidential",
    "Final",
    "Literal",
    "Mapping",
    "Meta",
    "Model",
    "OpenModel",
    "Sequence",
    "TypeAlias",
    "UnknownVariant",
    "UnsetType",
];
/// The module of what several resources use.
const SHARED: &str = "shared";

/// An attribute of a model, or another name in snake case that is not among these.
fn snake(text: &str, taken: &[&[&str]]) -> String {
    let clean: String =
        text.to_snake_case().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let clean =
        if clean.starts_with(|c: char| c.is_ascii_alphabetic()) { clean } else { format!("n{clean}") };
    let is_taken =
        KEYWORDS.contains(&clean.as_str()) || taken.iter().any(|words| words.contains(&clean.as_str()));
    if is_taken { format!("{clean}_") } else { clean }
}

/// A property as an attribute.
pub(in crate::writers) fn attribute(wire: &str) -> String {
    snake(wire, &[BUILTINS, OF_MODELS])
}

/// An operation's verb as a method.
pub(in crate::writers) fn method(operation: &Operation) -> String {
    snake(&operation.verb, &[BUILTINS_OF_METHODS, OF_RESOURCES])
}

/// A resource as the client's attribute.
pub(in crate::writers) fn resource(resource: &str) -> String {
    snake(resource, &[OF_CLIENTS])
}

/// A resource as a module.
pub(super) fn module(resource: &str) -> String {
    snake(resource, &[&[SHARED]])
}

/// A constant: of an enum, or an operation.
pub(super) fn constant(text: &str) -> String {
    let clean: String =
        text.to_shouty_snake_case().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if clean.starts_with(|c: char| c.is_ascii_alphabetic()) { clean } else { format!("N{clean}") }
}

fn pascal(text: &str) -> String {
    let clean: String = text.to_upper_camel_case().chars().filter(char::is_ascii_alphanumeric).collect();
    if clean.starts_with(|c: char| c.is_ascii_alphabetic()) { clean } else { format!("N{clean}") }
}

/// The arguments of one method: no two are alike, and none hides what the method has already.
#[derive(Default)]
pub(in crate::writers) struct Arguments {
    taken: BTreeSet<String>,
}

impl Arguments {
    /// The next one. `place` (`path`, `query`, `header`, `body`) goes before a name that is taken.
    pub(in crate::writers) fn add(&mut self, wire: &str, place: &str) -> String {
        let mut name = snake(wire, &[OF_METHODS]);
        if self.taken.contains(&name) {
            name = snake(&format!("{place}_{wire}"), &[OF_METHODS]);
        }
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// A schema's class or alias. The linter keeps two of them from being one, so it takes no look at the others.
pub(in crate::writers) fn class(name: &str) -> String {
    let name = pascal(name);
    if KEYWORDS.contains(&name.as_str()) || OF_MODULES.contains(&name.as_str()) { name + "_" } else { name }
}

/// The folder of the package that a foreign spec gets: `pet_shop_sdk`.
pub(in crate::writers) fn package(api: &Api) -> String {
    format!("{}_sdk", snake(&api.title, &[]).trim_end_matches('_'))
}

/// What the engine knows an operation by. A foreign one has its package before it, so that it is no operation of ours.
pub(super) fn id(api: &Api, layout: Layout, operation: &Operation) -> String {
    match layout {
        Layout::Repository => operation.id.clone(),
        Layout::Standalone => format!("{}.{}", package(api), operation.id),
    }
}

/// The classes of variants by schema and tag. A class of msgspec has one tag: a schema that stands for a second one gets a class for it.
pub(in crate::writers) fn variants(api: &Api) -> BTreeMap<(String, String), String> {
    let mut taken: BTreeSet<String> = api.types.keys().map(|name| class(name)).collect();
    let mut variants: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for definition in api.types.values() {
        let Shape::Union(union) = &definition.shape else { continue };
        for variant in &union.variants {
            let key = (variant.ty.clone(), variant.tag.clone());
            if variants.contains_key(&key) {
                continue;
            }
            let mut name = class(&variant.ty);
            if *first.entry(&variant.ty).or_insert(&variant.tag) != variant.tag {
                name.push_str(&pascal(&variant.tag));
                while !taken.insert(name.clone()) {
                    name.push('_');
                }
            }
            variants.insert(key, name);
        }
    }
    variants
}

/// What the types are called, and where they are.
pub(in crate::writers) struct Names {
    values: BTreeMap<String, String>,
    variants: BTreeMap<(String, String), String>,
    modules: BTreeMap<String, String>,
}

impl Names {
    /// Decides all of them.
    pub(in crate::writers) fn new(api: &Api) -> Self {
        let variants = variants(api);
        let mut taken: BTreeSet<String> = api.types.keys().map(|name| class(name)).collect();
        taken.extend(variants.values().cloned());
        let mut values = BTreeMap::new();
        for definition in api.types.values().filter(|def| matches!(def.shape, Shape::Enum(_))) {
            let mut name = format!("{}Value", pascal(&definition.name));
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            values.insert(definition.name.clone(), name);
        }
        Self { values, variants, modules: modules(api) }
    }

    /// A schema's class or alias.
    pub(in crate::writers) fn ty(&self, name: &str) -> String {
        class(name)
    }

    /// The alias of an enum's values; its own name is that of its constants.
    pub(in crate::writers) fn values(&self, name: &str) -> String {
        self.values.get(name).cloned().unwrap_or_else(|| format!("{}Value", pascal(name)))
    }

    /// The class of a schema under a tag.
    pub(in crate::writers) fn variant(&self, ty: &str, tag: &str) -> String {
        self.variants.get(&(ty.to_owned(), tag.to_owned())).cloned().unwrap_or_else(|| self.ty(ty))
    }

    /// The tags of a schema with their classes; the first is the schema's own.
    pub(super) fn tags(&self, ty: &str) -> Vec<(&str, &str)> {
        let own = self.ty(ty);
        let mut tags: Vec<(&str, &str)> = self
            .variants
            .iter()
            .filter(|((of, _), _)| of == ty)
            .map(|((_, tag), class)| (tag.as_str(), class.as_str()))
            .collect();
        tags.sort_by_key(|(_, class)| *class != own);
        tags
    }

    /// The module that a schema's class is in.
    pub(super) fn module_of(&self, ty: &str) -> &str {
        self.modules.get(ty).map_or(SHARED, String::as_str)
    }
}

/// A schema that one resource uses is in that resource's module, every other in the shared one. So the shared module needs no other, and
/// the others need only that one.
fn modules(api: &Api) -> BTreeMap<String, String> {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in &api.resources {
        for name in reachable(&api.types, used(resource)) {
            users.entry(name).or_default().insert(module(&resource.name));
        }
    }
    for name in reachable(&api.types, BTreeSet::from([api.problem.clone()])) {
        users.entry(name).or_default().insert(SHARED.to_owned());
    }
    // What no call carries, as the messages of a socket: it is shared, and so is all that it is made of.
    let carried_by_none: BTreeSet<String> =
        api.types.keys().filter(|name| !users.contains_key(*name)).cloned().collect();
    for name in reachable(&api.types, carried_by_none) {
        users.entry(name).or_default().insert(SHARED.to_owned());
    }
    let one = |of: BTreeSet<String>| {
        let mut modules = of.into_iter();
        modules.next().filter(|_| modules.next().is_none())
    };
    users.into_iter().map(|(name, of)| (name, one(of).unwrap_or_else(|| SHARED.to_owned()))).collect()
}

fn used(resource: &Resource) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |ty: &TypeRef| named_in(ty, &mut names);
    for operation in &resource.operations {
        if let Some(Body::Json(ty) | Body::Form(ty)) = &operation.body {
            add(ty);
        }
        operation.parameters.iter().for_each(|parameter| add(&parameter.ty));
        if let Content::Json(ty) | Content::EventStream(Some(ty)) = &operation.success.content {
            add(ty);
        }
    }
    names
}
