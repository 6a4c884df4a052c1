//! Reading a request: text to JSON values, JSON values through the schema, and only then into the handler's types.
//! Every wrong field is found at once. Nothing in an error repeats what the caller sent, as that may be a secret.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::operation::{Body, Kind, Location, Operation, Parameter};
use super::validate::Validator;

/// A request that the handler must not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The body is not JSON.
    Malformed {
        /// From 1; 0 where there is no body at all.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It can be read, and breaks the contract.
    Invalid(Vec<FieldError>),
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the body (`/amount`), or the parameter: `query:limit`, `path:order_id`, `header:X-Name`.
    pub pointer: String,
    /// `required`, `type`, `minimum`, `pattern`, `unknown`, ...
    pub code: &'static str,
    /// What is expected.
    pub detail: String,
}

impl FieldError {
    /// An error at a place.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// A request's input, read and valid.
#[derive(Debug)]
pub struct Input {
    path: std::vec::IntoIter<String>,
    parameters: Map<String, Value>,
    body: Payload,
}

#[derive(Debug)]
enum Payload {
    Nothing,
    Json(Value),
    Bytes(Bytes),
}

impl Input {
    /// Reads and checks everything. Meant for [`super::gate::Call::decode`].
    pub(super) fn read(
        operation: &'static Operation,
        validator: &Validator,
        segments: &[usize],
        parts: &Parts,
        body: Bytes,
    ) -> Result<Self, Rejection> {
        let mut errors = Vec::new();
        let body = match operation.body {
            Body::None => Payload::Nothing,
            // Malformed JSON ends it: nothing can be said of the fields of what cannot be read.
            Body::Json => Payload::Json(json(&body)?),
            Body::Form(fields) => Payload::Json(form(operation, fields, &body, &mut errors)),
            Body::Bytes(_) => Payload::Bytes(body),
        };
        let (path, mut parameters) = path(operation, segments, parts.uri.path(), &mut errors);
        query(operation, parts.uri.query(), &mut parameters, &mut errors);
        headers(operation, &parts.headers, &mut parameters, &mut errors);
        if !(parameters.is_empty() && operation.parameters.is_empty()) {
            parameters = validator.check_parameters(operation, parameters, &mut errors);
        }
        if let Payload::Json(value) = &body {
            validator.check_body(value, &mut errors);
        }
        if !errors.is_empty() {
            return Err(Rejection::Invalid(errors));
        }
        for parameter in operation.parameters.iter().filter(|parameter| parameter.location != Location::Path) {
            if let Some(default) = parameter.default
                && !parameters.contains_key(parameter.name)
                && let Ok(default) = serde_json::from_str(default)
            {
                parameters.insert(parameter.name.to_owned(), default);
            }
        }
        Ok(Self { path: path.into_iter(), parameters, body })
    }

    /// The next path parameter, decoded.
    pub fn path(&mut self) -> String {
        self.path.next().unwrap_or_default()
    }

    /// The query and header parameters, defaults filled in.
    pub fn parameters<T: DeserializeOwned>(&mut self) -> Result<T, Rejection> {
        typed(Value::Object(std::mem::take(&mut self.parameters)), "query:")
    }

    /// The JSON or form body.
    pub fn body<T: DeserializeOwned>(&mut self) -> Result<T, Rejection> {
        match std::mem::replace(&mut self.body, Payload::Nothing) {
            Payload::Json(value) => typed(value, ""),
            Payload::Nothing | Payload::Bytes(_) => typed(Value::Null, ""),
        }
    }

    /// The body of an operation that takes bytes.
    pub fn bytes(&mut self) -> Bytes {
        match std::mem::replace(&mut self.body, Payload::Nothing) {
            Payload::Bytes(bytes) => bytes,
            Payload::Json(_) | Payload::Nothing => Bytes::new(),
        }
    }
}

/// A value in the handler's type. After the schema said yes this fails only where JSON Schema's idea of a type is wider than
/// ours: `1.0` is an integer to it, and so is a number of thirty digits.
fn typed<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, Rejection> {
    // Kept for the error only if there is a number that can cause one.
    let suspects = fractions(&value, at);
    serde_json::from_value(value).map_err(|error| {
        if suspects.is_empty() {
            let detail = format!("cannot be read: {error}");
            return Rejection::Invalid(vec![FieldError::new(at.trim_end_matches(':'), "type", detail)]);
        }
        let detail = "must be a whole number of at most 64 bits, written without a fraction or an exponent";
        Rejection::Invalid(suspects.into_iter().map(|pointer| FieldError::new(pointer, "type", detail)).collect())
    })
}

/// The places of whole numbers that are not written as integers.
fn fractions(value: &Value, at: &str) -> Vec<String> {
    fn walk(value: &Value, at: &mut String, found: &mut Vec<String>) {
        let length = at.len();
        match value {
            Value::Number(number) if !number.is_i64() && number.as_f64().is_some_and(|float| float.fract() == 0.0) => {
                found.push(at.clone());
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    at.push_str(&format!("/{index}"));
                    walk(item, at, found);
                    at.truncate(length);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    if matches!(field, Value::Number(_) | Value::Array(_) | Value::Object(_)) {
                        if !at.ends_with(':') {
                            at.push('/');
                        }
                        at.push_str(&super::validate::escape(name));
                        walk(field, at, found);
                        at.truncate(length);
                    }
                }
            }
            Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut at.to_owned(), &mut found);
    found
}

fn json(body: &[u8]) -> Result<Value, Rejection> {
    if body.is_empty() {
        let reason = "there is no body; the operation takes a JSON object".to_owned();
        return Err(Rejection::Malformed { line: 0, column: 0, reason });
    }
    serde_json::from_slice::<super::json::Strict>(body).map(|strict| strict.0).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let reason = error.to_string();
        // The place is given in its own fields.
        let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
        Rejection::Malformed { line, column, reason }
    })
}

fn form(
    operation: &'static Operation,
    fields: &'static [Parameter],
    body: &[u8],
    errors: &mut Vec<FieldError>,
) -> Value {
    let mut values = Map::new();
    match std::str::from_utf8(body) {
        Ok(text) => pairs(text, |name, value| match value {
            Some(value) if is_ignored(operation, fields, Location::Form, &name, &value) => {}
            Some(value) => add(fields, Location::Form, &name, value, &mut values, errors),
            None => errors.push(undecodable(Location::Form, &name)),
        }),
        Err(_) => errors.push(FieldError::new("", "encoding", "is not UTF-8")),
    }
    Value::Object(values)
}

fn path(
    operation: &'static Operation,
    segments: &[usize],
    path: &str,
    errors: &mut Vec<FieldError>,
) -> (Vec<String>, Map<String, Value>) {
    let mut values = Map::new();
    if segments.is_empty() {
        return (Vec::new(), values);
    }
    let mut decoded = Vec::with_capacity(segments.len());
    for (parameter, index) in super::gate::path_parameters(operation).zip(segments) {
        let raw = path.split('/').nth(*index).unwrap_or_default();
        match decode(raw, false) {
            Some(value) => {
                values.insert(key(parameter), read(parameter.kind, &value));
                decoded.push(value.into_owned());
            }
            None => errors.push(undecodable(Location::Path, parameter.name)),
        }
    }
    (decoded, values)
}

fn query(
    operation: &'static Operation,
    text: Option<&str>,
    values: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) {
    let Some(text) = text else { return };
    pairs(text, |name, value| match value {
        Some(value) if is_ignored(operation, operation.parameters, Location::Query, &name, &value) => {}
        Some(value) => add(operation.parameters, Location::Query, &name, value, values, errors),
        None => errors.push(undecodable(Location::Query, &name)),
    });
}

fn headers(
    operation: &'static Operation,
    headers: &HeaderMap,
    values: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) {
    for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Header) {
        for value in headers.get_all(parameter.name) {
            match value.to_str() {
                Ok(value) => {
                    let value = Cow::Borrowed(value.trim());
                    add(operation.parameters, Location::Header, parameter.name, value, values, errors);
                }
                Err(_) => errors.push(undecodable(Location::Header, parameter.name)),
            }
        }
    }
}

/// Of an operation that is lenient: what it does not know, and what is empty (RFC 6749, section 3.1).
fn is_ignored(operation: &Operation, known: &[Parameter], location: Location, name: &str, value: &str) -> bool {
    let is_known = |known: &Parameter| known.location == location && known.name == name;
    operation.lenient && (value.is_empty() || !known.iter().any(is_known))
}

/// Adds one value to the object of parameters, or says why it cannot.
fn add(
    known: &'static [Parameter],
    location: Location,
    name: &str,
    value: Cow<'_, str>,
    values: &mut Map<String, Value>,
    errors: &mut Vec<FieldError>,
) {
    let Some(parameter) = known.iter().find(|known| known.location == location && known.name == name) else {
        let detail = "is not a parameter of this operation";
        return errors.push(FieldError::new(place(location, name), "unknown", detail));
    };
    let value = read(parameter.kind, &value);
    match values.get_mut(parameter.name) {
        Some(Value::Array(items)) if parameter.repeated => items.push(value),
        Some(_) => {
            let detail = "is given more than once";
            errors.push(FieldError::new(place(location, name), "repeated", detail));
        }
        None => {
            let value = if parameter.repeated { Value::Array(vec![value]) } else { value };
            values.insert(key(parameter), value);
        }
    }
}

/// The name of a parameter in the object that is validated. A path parameter may share its name with a query parameter.
pub(super) fn key(parameter: &Parameter) -> String {
    match parameter.location {
        Location::Path => format!("path:{}", parameter.name),
        Location::Query | Location::Header | Location::Form => parameter.name.to_owned(),
    }
}

/// How an error names a parameter.
pub(super) fn place(location: Location, name: &str) -> String {
    match location {
        Location::Path => format!("path:{name}"),
        Location::Query => format!("query:{name}"),
        Location::Header => format!("header:{name}"),
        Location::Form => format!("/{}", super::validate::escape(name)),
    }
}

fn undecodable(location: Location, name: &str) -> FieldError {
    FieldError::new(place(location, name), "encoding", "is not percent-encoded UTF-8")
}

/// Text as the JSON value that it stands for; as a string where it is none of that kind, which the schema then says.
fn read(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::String => None,
        Kind::Integer => text.parse::<i64>().ok().filter(|_| !text.starts_with('+')).map(Value::from),
        Kind::Number => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from),
        Kind::Boolean => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
    }
    .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Calls `each` with every name and value of a form-encoded text; without a value where it cannot be decoded.
fn pairs<'t>(text: &'t str, mut each: impl FnMut(Cow<'t, str>, Option<Cow<'t, str>>)) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match decode(name, true) {
            Some(decoded) => each(decoded, decode(value, true)),
            None => each(Cow::Borrowed(name), None),
        }
    }
}

/// Percent-decodes; `None` for what is no UTF-8 or a broken escape.
fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
