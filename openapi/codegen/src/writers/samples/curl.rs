//! curl in a POSIX shell: the request as it goes over the wire.

use serde_json::Value;

use super::{body, example, shown};
use crate::model::{Api, Body, Content, Location, Operation, SecurityScheme, Shape, TypeRef};
use crate::writers::{Context, Error};

/// Writes it.
pub(super) fn write(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<String, Error> {
    let mut words = vec![command(operation), quoted(&url(api, context, operation))];
    words.extend(credentials(api, operation).map(|header| format!("--header {header}")));
    if operation.idempotency_key {
        words.push("--header \"Idempotency-Key: $(uuidgen)\"".into());
    }
    for (parameter, value) in shown(api, operation).filter(|(p, _)| p.location == Location::Header) {
        words.push(format!("--header {}", quoted(&format!("{}: {}", parameter.name, scalar(&value)))));
    }
    words.extend(payload(api, operation));
    Ok(words.join(" \\\n  "))
}

fn command(operation: &Operation) -> String {
    let mut command = String::from("curl --fail-with-body");
    if matches!(operation.success.content, Content::EventStream(_) | Content::Bytes(_)) {
        command.push_str(" --no-buffer");
    }
    // curl chooses GET, and POST where there is a body.
    let implied = if operation.body.is_some() { "POST" } else { "GET" };
    if operation.method != implied {
        command.push_str(&format!(" --request {}", operation.method));
    }
    command
}

fn url(api: &Api, context: &Context<'_>, operation: &Operation) -> String {
    let base =
        context.document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or("http://127.0.0.1:8080");
    let mut url = format!("{}{}", base.trim_end_matches('/'), operation.path);
    for parameter in operation.parameters.iter().filter(|p| p.location == Location::Path) {
        if let Some(value) = example(api, operation, parameter) {
            url = url.replace(&format!("{{{}}}", parameter.name), &encoded(&scalar(&value)));
        }
    }
    let mut separator = '?';
    for (parameter, value) in shown(api, operation).filter(|(p, _)| p.location == Location::Query) {
        let values = value.as_array().map_or(std::slice::from_ref(&*value), Vec::as_slice);
        for value in values {
            url.push_str(&format!("{separator}{}={}", encoded(&parameter.name), encoded(&scalar(value))));
            separator = '&';
        }
    }
    url
}

/// One alternative (an API key where it will do, as programs have one); each value from an environment variable, so that no secret is
/// ever pasted.
fn credentials<'a>(api: &'a Api, operation: &'a Operation) -> impl Iterator<Item = String> + use<'a> {
    let schemes = |names: &'a [String]| names.iter().filter_map(|name| api.security_schemes.get(name));
    let by_header = |names: &&'a Vec<String>| {
        schemes(names.as_slice()).all(|scheme| matches!(scheme, SecurityScheme::Header(_)))
    };
    let alternative = operation.security.iter().find(by_header).or(operation.security.first());
    alternative.into_iter().flat_map(move |names| schemes(names)).map(|scheme| match scheme {
        SecurityScheme::Bearer | SecurityScheme::OAuth2 => {
            "\"Authorization: Bearer $WAYPOST_ACCESS_TOKEN\"".to_owned()
        }
        SecurityScheme::Header(header) => format!("\"{header}: $WAYPOST_API_KEY\""),
        SecurityScheme::Cookie(cookie) => format!("\"Cookie: {cookie}=$WAYPOST_SESSION\""),
    })
}

fn payload(api: &Api, operation: &Operation) -> Vec<String> {
    match &operation.body {
        None => vec![],
        Some(Body::Json(ty)) => {
            let text = serde_json::to_string_pretty(&body(api, operation, ty)).unwrap_or_default();
            vec!["--header 'Content-Type: application/json'".into(), format!("--data {}", quoted(&text))]
        }
        Some(Body::Form(ty)) => fields(api, ty, &body(api, operation, ty))
            .map(|(name, value)| format!("--data-urlencode {}", quoted(&format!("{name}={}", scalar(value)))))
            .collect(),
        Some(Body::Bytes(media_type)) => {
            vec![
                format!("--header {}", quoted(&format!("Content-Type: {media_type}"))),
                "--data-binary @file".into(),
            ]
        }
    }
}

/// The example's fields, in the order of the schema.
fn fields<'a>(
    api: &'a Api,
    ty: &'a TypeRef,
    example: &'a Value,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let object = match ty {
        TypeRef::Named(name) => api.types.get(name).and_then(|def| match &def.shape {
            Shape::Object(object) => Some(object),
            _ => None,
        }),
        _ => None,
    };
    object
        .into_iter()
        .flat_map(|object| &object.fields)
        .filter_map(move |field| Some((field.name.as_str(), example.get(&field.name)?)))
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encoded but for RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                output.push(char::from(byte))
            }
            _ => output.push_str(&format!("%{byte:02X}")),
        }
    }
    output
}

/// One shell word, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
