//! Runners of what goes on the wire: `request`, `form`, `base_url`.

use serde_json::{Map, Value, json};
use waypost::engine::build::build;
use waypost::engine::encode::BaseUrl;
use waypost::engine::operation::{Body, Location, Operation, Parameter, ResultKind, Retry};
use waypost::engine::{Arguments, encode};

/// A request, or the configuration error that names every mistake.
pub(crate) fn request(input: &Value) -> Value {
    let parameters: Vec<Parameter> = input["parameters"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|parameter| Parameter {
            name: leak(&parameter["name"]),
            location: match parameter["in"].as_str() {
                Some("query") => Location::Query,
                Some("header") => Location::Header,
                _ => Location::Path,
            },
            required: parameter["required"].as_bool().unwrap_or(false),
        })
        .collect();
    let operation: &'static Operation = Box::leak(Box::new(Operation {
        id: "things_do",
        method: "GET",
        path: leak(&input["path"]),
        parameters: Box::leak(parameters.into_boxed_slice()),
        body: Body::None,
        idempotency_key: false,
        retry: Retry::Safe,
        security: &[],
        paginate: None,
        result: ResultKind::Json,
        status: 200,
    }));
    let mut arguments = Arguments::new();
    for (name, value) in pairs(&input["path_arguments"]) {
        arguments = arguments.path(name, value);
    }
    for (name, value) in pairs(&input["query_arguments"]) {
        arguments = arguments.query(name, Some(value));
    }
    for (name, value) in pairs(&input["header_arguments"]) {
        arguments = arguments.header(name, Some(value));
    }
    match build(operation, &arguments, input["base_url"].as_str().unwrap_or("https://api.example")) {
        Ok(request) => {
            let headers: Map<_, _> =
                request.headers.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            json!({ "url": request.url, "headers": headers })
        }
        Err(error) => json!({ "error": error.kind().as_str(), "message": error.to_string() }),
    }
}

/// A form body.
pub(crate) fn form(input: &Value) -> Value {
    match encode::form(&input["value"]) {
        Ok(body) => json!({ "body": body }),
        Err(reason) => json!({ "error": "config", "message": reason }),
    }
}

/// A base URL, taken apart.
pub(crate) fn base_url(input: &Value) -> Value {
    match BaseUrl::parse(input["base_url"].as_str().unwrap_or_default()) {
        Ok(base) => json!({ "origin": base.origin(), "prefix": base.prefix() }),
        Err(reason) => json!({ "error": "config", "message": reason }),
    }
}

/// An object of name and value (or values), or a list of pairs.
fn pairs(input: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match input {
        Value::Array(pairs) => pairs.iter().map(|pair| (leak(&pair[0]), text(&pair[1]))).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| {
                let name: &'static str = name.clone().leak();
                let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                values.into_iter().map(move |value| (name, text(&value))).collect::<Vec<_>>()
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn leak(value: &Value) -> &'static str {
    value.as_str().unwrap_or_default().to_owned().leak()
}
