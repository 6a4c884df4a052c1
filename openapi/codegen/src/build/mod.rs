//! The model out of a document that passed the linter: references become names, inherited parameters are merged, defaults of
//! the contract are filled in. It trusts the linter for the rules but not for its life: what it cannot read is a finding.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use crate::diagnostic::{Finding, Rule};
use crate::load::Document;
use crate::model::{Api, Body, Content, Operation, Resource, SecurityScheme, TypeRef};
use crate::node::Node;

pub mod json_schema;
pub mod operation;
pub mod schema;

/// The path item keys that are operations.
pub const METHODS: &[&str] = &["get", "put", "post", "delete", "patch"];

/// A part that cannot be read.
pub(crate) type Unreadable = Box<Finding>;

/// A finding for a node that is not what the model needs.
pub(crate) fn unreadable(node: &Node<'_>, reason: impl Into<String>) -> Unreadable {
    Box::new(Finding {
        place: node.document().place(&node.pointer),
        pointer: node.pointer.clone(),
        rule: Rule::Structure,
        reason: reason.into(),
        remedy: "Write it as OpenAPI 3.0.3 has it.".to_owned(),
    })
}

/// Builds the model.
pub fn build(document: &Document) -> Result<Api, Vec<Finding>> {
    api(document).map_err(|finding| vec![*finding])
}

fn api(document: &Document) -> Result<Api, Unreadable> {
    let root = Node::root(document);
    let security_schemes = security_schemes(&root)?;
    let mut types = schema::types(&root)?;
    let resources = resources(&root, &types)?;
    mark_uses(&mut types, &resources, problem(&root).as_deref(), &messages(&root));
    let headers = root
        .walk(&["components", "headers"])
        .iter()
        .flat_map(Node::entries)
        .map(|(name, header)| (name.to_owned(), description(&header)))
        .collect();
    let info = |key: &str| root.get("info").and_then(|info| info.text(key)).unwrap_or_default().to_owned();
    Ok(Api {
        title: info("title"),
        version: info("version"),
        description: info("description"),
        security_schemes,
        resources,
        types,
        problem: problem(&root).unwrap_or_else(|| "Problem".to_owned()),
        headers,
    })
}

/// A node's description, or that of what it refers to.
pub(crate) fn description(node: &Node<'_>) -> String {
    described(&[node, &node.resolve().unwrap_or_else(|| node.clone())])
}

/// The first description among these nodes, which stand for one thing, and whether it is deprecated: there is no better place to say it.
pub(crate) fn described(nodes: &[&Node<'_>]) -> String {
    let text = nodes.iter().find_map(|node| node.text("description")).unwrap_or_default().trim();
    let gone = nodes.iter().any(|node| node.flag("deprecated"));
    match (text, gone) {
        (text, false) => text.to_owned(),
        ("", true) => "Deprecated.".to_owned(),
        (text, true) => format!("{text}\n\nDeprecated."),
    }
}

/// `example`, or the first of `examples`, of a parameter or a media type.
pub(crate) fn example(node: &Node<'_>) -> Option<Value> {
    if let Some(example) = node.get("example") {
        return Some(example.value.clone());
    }
    let (_, first) = node.entries_of("examples").next()?;
    Some(first.resolve()?.get("value")?.value.clone())
}

fn security_schemes(root: &Node<'_>) -> Result<IndexMap<String, SecurityScheme>, Unreadable> {
    let mut schemes = IndexMap::new();
    for (name, node) in root.walk(&["components", "securitySchemes"]).iter().flat_map(Node::entries) {
        let node = node.resolve().ok_or_else(|| unreadable(&node, "This reference leads nowhere."))?;
        let parameter = || node.text("name").unwrap_or_default().to_owned();
        let scheme = match (node.text("type"), node.text("scheme"), node.text("in")) {
            (Some("http"), Some(scheme), _) if scheme.eq_ignore_ascii_case("bearer") => {
                SecurityScheme::Bearer
            }
            (Some("apiKey"), _, Some("header")) => SecurityScheme::Header(parameter()),
            (Some("apiKey"), _, Some("cookie")) => SecurityScheme::Cookie(parameter()),
            (Some("oauth2"), ..) => SecurityScheme::OAuth2,
            _ => return Err(unreadable(&node, format!("The security scheme `{name}` is not carried."))),
        };
        schemes.insert(name.to_owned(), scheme);
    }
    Ok(schemes)
}

fn resources(
    root: &Node<'_>,
    types: &IndexMap<String, crate::model::TypeDef>,
) -> Result<Vec<Resource>, Unreadable> {
    let mut resources: IndexMap<String, Resource> = IndexMap::new();
    for tag in root.items_of("tags") {
        let name = tag.text("name").ok_or_else(|| unreadable(&tag, "This tag has no name."))?;
        resources.insert(name.to_owned(), empty_resource(name, description(&tag)));
    }
    for (path, item) in root.entries_of("paths") {
        // A WebSocket is no call: of it the types of its messages are carried, and its text.
        let calls = |key: &str, node: &Node<'_>| METHODS.contains(&key) && !node.has("x-websocket");
        for (method, node) in item.entries().filter(|(key, node)| calls(key, node)) {
            let operation: Operation = operation::operation(root, path, &item, method, &node, types)?;
            resources
                .entry(operation.resource.clone())
                .or_insert_with_key(|name| empty_resource(name, String::new()))
                .operations
                .push(operation);
        }
    }
    Ok(resources.into_values().filter(|resource| !resource.operations.is_empty()).collect())
}

fn empty_resource(name: &str, description: String) -> Resource {
    Resource { name: name.to_owned(), description, operations: Vec::new() }
}

/// The schema of the first error body; the linter holds every other to it.
fn problem(root: &Node<'_>) -> Option<String> {
    for (_, item) in root.entries_of("paths") {
        for (_, node) in item.entries().filter(|(key, _)| METHODS.contains(key)) {
            for (status, response) in node.entries_of("responses") {
                if !status.starts_with(['4', '5']) {
                    continue;
                }
                let Some((_, media)) = response.resolve().and_then(|r| r.entries_of("content").next()) else {
                    continue;
                };
                if let Some(name) = media.get("schema").and_then(|schema| schema.schema_name()) {
                    return Some(name.to_owned());
                }
            }
        }
    }
    None
}

/// The schemas that clients and servers of WebSockets send.
pub(crate) fn messages(root: &Node<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut names = (BTreeSet::new(), BTreeSet::new());
    for (_, item) in root.entries_of("paths") {
        for (_, socket) in item.entries().filter_map(|(key, node)| Some((key, node.get("x-websocket")?))) {
            names.0.extend(socket.text("client").map(str::to_owned));
            names.1.extend(socket.text("server").map(str::to_owned));
        }
    }
    names
}

/// Marks what requests and responses reach.
fn mark_uses(
    types: &mut IndexMap<String, crate::model::TypeDef>,
    resources: &[Resource],
    problem: Option<&str>,
    (sent, told): &(BTreeSet<String>, BTreeSet<String>),
) {
    let (mut requests, mut responses) = (sent.clone(), told.clone());
    responses.extend(problem.map(str::to_owned));
    for operation in resources.iter().flat_map(|resource| &resource.operations) {
        if let Some(Body::Json(ty) | Body::Form(ty)) = &operation.body {
            schema::named_in(ty, &mut requests);
        }
        for parameter in &operation.parameters {
            schema::named_in(&parameter.ty, &mut requests);
        }
        if let Content::Json(ty) | Content::EventStream(Some(ty)) = &operation.success.content {
            schema::named_in(ty, &mut responses);
        }
    }
    let requests = schema::reachable(types, requests);
    let responses = schema::reachable(types, responses);
    for (name, ty) in types {
        ty.in_request = requests.contains(name);
        ty.in_response = responses.contains(name);
    }
}

/// The type behind aliases.
pub fn behind_aliases<'a>(
    types: &'a IndexMap<String, crate::model::TypeDef>,
    mut ty: &'a TypeRef,
) -> &'a TypeRef {
    for _ in 0..types.len() {
        let TypeRef::Named(name) = ty else { break };
        let Some(crate::model::Shape::Alias(inner, _)) = types.get(name).map(|def| &def.shape) else { break };
        ty = inner;
    }
    ty
}
