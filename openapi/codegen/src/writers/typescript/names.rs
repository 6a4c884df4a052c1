//! Every name of a spec as TypeScript spells it, decided once for all files, so that no two things of one scope share a name.
//!
//! Types keep the names that they have in the other languages; properties and parameters of a request keep those of the wire. Resources, methods
//! and path arguments are camelCase. A name that is taken gets something put behind it, always the same, in the order of the spec.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToKebabCase, ToLowerCamelCase};

use crate::model::{Api, Location, Operation, Resource, Shape};
use crate::writers::Layout;
use crate::writers::rust::{params_ident, static_ident, type_ident};

/// Names that the output declares or imports itself, or that a reader takes for the language's own: a schema or a resource of such a name is
/// called something else.
const TYPES: &[&str] = &[
    "ApiPromise",
    "Array",
    "ArrayBuffer",
    "BytesPromise",
    "CallOptions",
    "Caller",
    "Client",
    "Date",
    "Error",
    "EventsPromise",
    "Function",
    "JsonValue",
    "Map",
    "Number",
    "Object",
    "Open",
    "Operation",
    "PagePromise",
    "Promise",
    "Resources",
    "Set",
    "String",
    "Symbol",
    "Uint8Array",
    "UnknownTag",
];

/// What every object has already, and what would make a promise of one: `await client.wallets` must not call a method of the API.
pub(super) const MEMBERS: &[&str] = &[
    "catch",
    "constructor",
    "finally",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "then",
    "toJSON",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// What a client has besides its resources.
const CLIENT: &[&str] = &["caller", "close", "options", "use", "withOptions"];

/// What the generated methods call their own parameters, and the words that cannot name one.
const ARGUMENTS: &[&str] = &[
    "arguments",
    "await",
    "body",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "options",
    "package",
    "params",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// The names, by what they are the names of.
pub(in crate::writers) struct Names {
    types: BTreeMap<String, String>,
    unknown: BTreeMap<String, String>,
    resources: BTreeMap<String, ResourceNames>,
    operations: BTreeMap<String, OperationNames>,
}

/// What a resource is called.
#[derive(Debug, Clone, Default)]
pub(in crate::writers) struct ResourceNames {
    /// `ApiKeys`.
    pub(in crate::writers) class: String,
    /// `apiKeys`, on the client.
    pub(in crate::writers) property: String,
    /// `api-keys`, without the ending.
    pub(in crate::writers) file: String,
}

/// What an operation is called.
#[derive(Debug, Clone, Default)]
pub(in crate::writers) struct OperationNames {
    /// `changePassword`.
    pub(in crate::writers) method: String,
    /// `auth.changePassword`, as its user writes it behind the client.
    pub(in crate::writers) called: String,
    /// `CHANGE_PASSWORD`: the constant that describes it, in its resource's file.
    pub(in crate::writers) constant: String,
    /// `WalletsListParams`; empty if it has no query or header parameters.
    pub(in crate::writers) params: String,
    /// Path arguments in path order.
    pub(in crate::writers) arguments: Vec<String>,
}

impl Names {
    /// Decides all of them.
    pub(in crate::writers) fn new(api: &Api) -> Self {
        let mut taken: Scope = Scope::of(TYPES);
        let types: BTreeMap<_, _> = api
            .types
            .keys()
            .map(|name| (name.clone(), taken.unique(type_ident(name).to_string(), "Schema")))
            .collect();
        let mut unknown = BTreeMap::new();
        for (name, definition) in &api.types {
            if matches!(definition.shape, Shape::Union(_)) {
                unknown.insert(name.clone(), taken.unique(format!("Unknown{}", type_ident(name)), "_"));
            }
        }
        let mut files = Scope::default();
        let (mut resources, mut operations) = (BTreeMap::new(), BTreeMap::new());
        for (resource, property) in properties(api) {
            let names = ResourceNames {
                class: taken.unique(type_ident(&resource.name).to_string(), "Resource"),
                property,
                file: files.unique(resource.name.to_kebab_case(), "-2"),
            };
            resources.insert(resource.name.clone(), names);
        }
        for resource in &api.resources {
            let property = resources.get(&resource.name).map_or("", |names: &ResourceNames| &names.property);
            for (operation, method) in methods(resource) {
                let params = params_ident(operation).map(|ident| taken.unique(ident.to_string(), "_"));
                let names = OperationNames {
                    called: format!("{property}.{method}"),
                    method,
                    constant: String::new(),
                    params: params.unwrap_or_default(),
                    arguments: arguments(operation),
                };
                operations.insert(operation.id.clone(), names);
            }
        }
        // Last, as a constant must not have the name of a class or type of its file.
        for resource in &api.resources {
            let mut constants = taken.clone();
            for operation in &resource.operations {
                if let Some(names) = operations.get_mut(&operation.id) {
                    names.constant = constants.unique(static_ident(&operation.verb).to_string(), "_");
                }
            }
        }
        Self { types, unknown, resources, operations }
    }

    /// A schema's.
    pub(in crate::writers) fn ty(&self, schema: &str) -> &str {
        self.types.get(schema).map_or("unknown", String::as_str)
    }

    /// The interface of a union's variants that are not known.
    pub(super) fn unknown(&self, union: &str) -> &str {
        self.unknown.get(union).map_or("unknown", String::as_str)
    }

    /// A resource's.
    pub(in crate::writers) fn resource(&self, name: &str) -> ResourceNames {
        self.resources.get(name).cloned().unwrap_or_default()
    }

    /// An operation's.
    pub(in crate::writers) fn operation(&self, operation: &Operation) -> OperationNames {
        self.operations.get(&operation.id).cloned().unwrap_or_default()
    }

    /// The method as its user writes it: `wallets.unfreeze`; none if there is no operation of this id.
    pub(super) fn called(&self, id: &str) -> Option<&str> {
        self.operations.get(id).map(|names| names.called.as_str())
    }
}

/// Each resource with its property on the client.
fn properties(api: &Api) -> impl Iterator<Item = (&Resource, String)> {
    let mut scope = Scope::of(MEMBERS);
    scope.extend(CLIENT);
    api.resources.iter().map(move |resource| (resource, scope.unique(camel(&resource.name), "_")))
}

/// Each operation of a resource with its method.
fn methods(resource: &Resource) -> impl Iterator<Item = (&Operation, String)> {
    let mut scope = Scope::of(MEMBERS);
    resource.operations.iter().map(move |operation| (operation, scope.unique(camel(&operation.verb), "_")))
}

/// [`OperationNames::called`] of one operation, without deciding all the other names.
pub(in crate::writers) fn called(api: &Api, operation: &Operation) -> String {
    let found = properties(api).find(|(resource, _)| resource.name == operation.resource);
    let method = found
        .as_ref()
        .and_then(|(resource, _)| methods(resource).find(|(other, _)| other.id == operation.id));
    let property = found.as_ref().map_or("", |(_, property)| property);
    format!("{property}.{}", method.map(|(_, method)| method).unwrap_or_default())
}

/// The name of the client's class: ours adds a constructor to it, a stranger's is used as it is.
pub(in crate::writers) fn client_class(layout: Layout) -> &'static str {
    match layout {
        Layout::Repository => "Resources",
        Layout::Standalone => "Client",
    }
}

fn arguments(operation: &Operation) -> Vec<String> {
    let mut scope = Scope::default();
    let path = operation.parameters.iter().filter(|parameter| parameter.location == Location::Path);
    path.map(|parameter| {
        let name = camel(&parameter.name);
        if !ARGUMENTS.contains(&name.as_str()) {
            return scope.unique(name, "_");
        }
        scope.unique(camel(&format!("path_{}", parameter.name)), "_")
    })
    .collect()
}

fn camel(name: &str) -> String {
    let mut camel: String =
        name.to_lower_camel_case().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if camel.is_empty() || camel.starts_with(|c: char| c.is_ascii_digit()) {
        camel.insert(0, 'n');
    }
    camel
}

/// Whether a property can be written without quotes, and read with a dot. Reserved words can.
pub(in crate::writers) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// Whether a constant can have this name in a module.
pub(in crate::writers) fn is_free_word(name: &str) -> bool {
    is_identifier(name) && !ARGUMENTS.contains(&name)
}

/// A property's name as a member of an interface or of an object: quoted where it must be.
pub(in crate::writers) fn property(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

/// The names of one scope.
#[derive(Debug, Clone, Default)]
struct Scope {
    taken: BTreeSet<String>,
}

impl Scope {
    fn of(names: &[&str]) -> Self {
        let mut scope = Self::default();
        scope.extend(names);
        scope
    }

    fn extend(&mut self, names: &[&str]) {
        self.taken.extend(names.iter().map(|name| (*name).to_owned()));
    }

    fn unique(&mut self, mut name: String, behind: &str) -> String {
        while !self.taken.insert(name.clone()) {
            name.push_str(behind);
        }
        name
    }
}
