//! Operations: parameters merged from the path item, the one success, the extensions with their defaults.

use heck::ToSnakeCase;
use indexmap::IndexMap;
use serde_json::Value;

use super::{Unreadable, described, example, json_schema, schema, unreadable};
use crate::model::{
    Body, Content, Deprecated, ErrorCode, Location, Operation, Paginate, Parameter, Retry, Shape, Success,
    TypeDef, TypeRef,
};
use crate::node::Node;

/// Header parameters that the engine sends by itself, in lower case: they are no arguments of any method.
pub const ENGINE_HEADERS: &[&str] = &["idempotency-key", "if-none-match", "x-request-id", "x-api-version"];

pub(crate) fn operation(
    root: &Node<'_>,
    path: &str,
    item: &Node<'_>,
    method: &str,
    node: &Node<'_>,
    types: &IndexMap<String, TypeDef>,
) -> Result<Operation, Unreadable> {
    let id =
        node.text("operationId").ok_or_else(|| unreadable(node, "This operation has no `operationId`."))?;
    let resource = node
        .items_of("tags")
        .next()
        .and_then(|tag| tag.value.as_str())
        .ok_or_else(|| unreadable(node, "This operation has no tag."))?;
    let declared = declared_parameters(item, node);
    let idempotency_key = declared.iter().any(|parameter| is_header(parameter, "idempotency-key"));
    let parameters = parameters(path, &declared)?;
    let body = node.get("requestBody").map(|body| request_body(&body)).transpose()?;
    let (success, response_example) = success(node)?;
    let parameter_examples = parameters
        .iter()
        .filter_map(|parameter| Some((parameter.name.clone(), parameter.example.clone()?)))
        .collect();
    let paginate = paginate(node, &success, types);
    let (body, request_example) = body.map_or((None, None), |(body, example)| (Some(body), example));
    Ok(Operation {
        id: id.to_owned(),
        resource: resource.to_owned(),
        verb: verb(id, resource),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        aliases: texts(node, "x-aliases"),
        summary: node.text("summary").unwrap_or_default().trim().to_owned(),
        description: node.text("description").unwrap_or_default().trim().to_owned(),
        parameters,
        idempotency_key,
        browser: node.flag("x-browser"),
        error_media_type: error_media_type(node),
        body,
        success,
        retry: retry(node, method, idempotency_key),
        permission: node.text("x-permission").map(str::to_owned),
        security: security(root, node),
        paginate,
        rate_cost: node
            .get("x-rate-cost")
            .and_then(|cost| u32::try_from(cost.value.as_u64()?).ok())
            .unwrap_or(1),
        since: node.text("x-since").map(str::to_owned),
        deprecated: node.get("x-deprecated").map(|node| Deprecated {
            since: node.text("since").unwrap_or_default().to_owned(),
            sunset: node.text("sunset").map(str::to_owned),
            link: node.text("link").map(str::to_owned),
        }),
        errors: errors(node),
        parameter_examples,
        request_example,
        response_example,
    })
}

/// What is left of the operation's id when the resource is taken off its front.
pub(crate) fn verb(id: &str, resource: &str) -> String {
    let (id, resource) = (id.to_snake_case(), resource.to_snake_case());
    match id.strip_prefix(&resource).and_then(|rest| rest.strip_prefix('_')) {
        Some(verb) if !verb.is_empty() => verb.to_owned(),
        _ => id,
    }
}

/// The path item's parameters and the operation's own, which win by name and place; resolved.
pub(crate) fn declared_parameters<'d>(item: &Node<'d>, operation: &Node<'d>) -> Vec<Node<'d>> {
    let own: Vec<Node<'d>> = operation.items_of("parameters").filter_map(|node| node.resolve()).collect();
    let key = |node: &Node<'d>| (node.text("name"), node.text("in"));
    let mut all: Vec<Node<'d>> = item
        .items_of("parameters")
        .filter_map(|node| node.resolve())
        .filter(|inherited| !own.iter().any(|node| key(node) == key(inherited)))
        .collect();
    all.extend(own);
    all
}

fn is_header(parameter: &Node<'_>, name: &str) -> bool {
    parameter.text("in") == Some("header")
        && parameter.text("name").is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// The names between braces, in path order.
pub(crate) fn path_names(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
}

fn parameters(path: &str, declared: &[Node<'_>]) -> Result<Vec<Parameter>, Unreadable> {
    let mut parameters = Vec::new();
    for name in path_names(path) {
        if let Some(node) =
            declared.iter().find(|node| node.text("in") == Some("path") && node.text("name") == Some(name))
        {
            parameters.push(parameter(node, Location::Path)?);
        }
    }
    for (place, location) in [("query", Location::Query), ("header", Location::Header)] {
        for node in declared.iter().filter(|node| node.text("in") == Some(place)) {
            if !ENGINE_HEADERS.iter().any(|name| is_header(node, name)) {
                parameters.push(parameter(node, location)?);
            }
        }
    }
    Ok(parameters)
}

fn parameter(node: &Node<'_>, location: Location) -> Result<Parameter, Unreadable> {
    let schema = node.get("schema").ok_or_else(|| unreadable(node, "This parameter has no schema."))?;
    let target = schema.resolve().ok_or_else(|| unreadable(&schema, "This reference leads nowhere."))?;
    let find = |key: &str| schema.get(key).or_else(|| target.get(key)).map(|found| found.value.clone());
    Ok(Parameter {
        name: node.text("name").unwrap_or_default().to_owned(),
        location,
        ty: schema::type_ref(&schema)?,
        bounds: schema::bounds(&schema),
        required: location == Location::Path || node.flag("required"),
        description: described(&[node, &target]),
        default: find("default"),
        example: example(node).or_else(|| find("example")),
        json_schema: json_schema::named(&schema),
    })
}

fn request_body(node: &Node<'_>) -> Result<(Body, Option<Value>), Unreadable> {
    let body = node.resolve().ok_or_else(|| unreadable(node, "This reference leads nowhere."))?;
    let (media_type, media) = body
        .entries_of("content")
        .next()
        .ok_or_else(|| unreadable(&body, "This request body has no content."))?;
    let ty = || match media.get("schema") {
        Some(schema) => schema::type_ref(&schema),
        None => Err(unreadable(&media, "This request body has no schema.")),
    };
    let read = match media_type {
        "application/json" => Body::Json(ty()?),
        "application/x-www-form-urlencoded" => Body::Form(ty()?),
        other => Body::Bytes(other.to_owned()),
    };
    Ok((read, example_of_media(&media)))
}

/// A media type's own example, else its named schema's.
fn example_of_media(media: &Node<'_>) -> Option<Value> {
    example(media).or_else(|| Some(media.get("schema")?.resolve()?.get("example")?.value.clone()))
}

fn success(node: &Node<'_>) -> Result<(Success, Option<Value>), Unreadable> {
    let (status, response) = node
        .entries_of("responses")
        .find_map(|(status, response)| {
            let number = status.parse::<u16>().ok().filter(|status| *status < 400)?;
            Some((number, response))
        })
        .ok_or_else(|| unreadable(node, "This operation has no success."))?;
    let response =
        response.resolve().ok_or_else(|| unreadable(&response, "This reference leads nowhere."))?;
    let media: Vec<(&str, Node<'_>)> = response.entries_of("content").collect();
    let first = media.first();
    let schema = first.and_then(|(_, media)| media.get("schema"));
    let named = schema.as_ref().filter(|schema| schema.has("$ref"));
    let content = match first {
        None => Content::None,
        Some(("application/json", media)) => {
            let schema = schema.as_ref().ok_or_else(|| unreadable(media, "This answer has no schema."))?;
            Content::Json(schema::type_ref(schema)?)
        }
        Some(("text/event-stream", _)) => Content::EventStream(named.map(schema::type_ref).transpose()?),
        Some(_) if schema.as_ref().is_some_and(|schema| schema.text("format") == Some("binary")) => {
            Content::Bytes(media.iter().map(|(name, _)| (*name).to_owned()).collect())
        }
        Some((name, _)) => Content::Text((*name).to_owned()),
    };
    let success = Success {
        status,
        description: response.text("description").unwrap_or_default().trim().to_owned(),
        content,
        headers: response.entries_of("headers").map(|(name, _)| name.to_owned()).collect(),
    };
    Ok((success, first.and_then(|(_, media)| example_of_media(media))))
}

/// The media type that the operation's errors have.
fn error_media_type(node: &Node<'_>) -> String {
    let error = node.entries_of("responses").find(|(status, _)| status.starts_with('4'));
    let response = error.and_then(|(_, response)| response.resolve());
    let media_type = response.as_ref().and_then(|response| response.entries_of("content").next());
    media_type.map_or("application/problem+json", |(name, _)| name).to_owned()
}

/// What `x-retry` says, or the safe reading of the method.
fn retry(node: &Node<'_>, method: &str, idempotency_key: bool) -> Retry {
    match (node.text("x-retry"), method) {
        (Some("safe"), _) | (None, "get") => Retry::Safe,
        (Some("idempotent"), _) | (None, "put" | "delete") => Retry::Idempotent,
        (None, _) if idempotency_key => Retry::Idempotent,
        _ => Retry::Never,
    }
}

fn security(root: &Node<'_>, node: &Node<'_>) -> Vec<Vec<String>> {
    let requirements = node.get("security").or_else(|| root.get("security"));
    requirements
        .iter()
        .flat_map(Node::items)
        .map(|alternative| alternative.entries().map(|(name, _)| name.to_owned()).collect())
        .collect()
}

/// `x-paginate: true`, or a mapping whose keys override the contract's names.
fn paginate(node: &Node<'_>, success: &Success, types: &IndexMap<String, TypeDef>) -> Option<Paginate> {
    let own = node.get("x-paginate").filter(|own| own.value != false)?;
    let name = |key: &str, default: &str| own.text(key).unwrap_or(default).to_owned();
    let items = name("items", "data");
    let Content::Json(page) = &success.content else { return None };
    let TypeRef::Named(page) = super::behind_aliases(types, page) else { return None };
    let Some(Shape::Object(page)) = types.get(page).map(|page| &page.shape) else { return None };
    let list = page.fields.iter().find(|field| field.name == items)?;
    let TypeRef::Array(item) = super::behind_aliases(types, &list.ty) else { return None };
    Some(Paginate {
        item: (**item).clone(),
        items,
        cursor: name("cursor", "cursor"),
        next_cursor: name("next_cursor", "next_cursor"),
        has_more: name("has_more", "has_more"),
    })
}

fn errors(node: &Node<'_>) -> Vec<ErrorCode> {
    node.items_of("x-errors")
        .filter_map(|error| {
            Some(ErrorCode {
                status: error.get("status")?.value.as_u64()?.try_into().ok()?,
                code: error.text("code")?.to_owned(),
                when: error.text("when").unwrap_or_default().trim().to_owned(),
            })
        })
        .collect()
}

fn texts(node: &Node<'_>, key: &str) -> Vec<String> {
    node.items_of(key).filter_map(|item| item.value.as_str()).map(str::to_owned).collect()
}
