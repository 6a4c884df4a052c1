//! Requests held to the service's own OpenAPI file (3.0 or 3.1): paths, methods, parameters and JSON bodies. Schemas are compiled once.
//!
//! A schema of 3.0 is read as one of 3.1 (JSON Schema 2020-12): `nullable` becomes a type, `exclusiveMinimum: true` a number. What is `readOnly` is not
//! required of a request. Cookies are not looked at.

use std::path::Path;

use http::{HeaderMap, HeaderValue, StatusCode, header, request};
use hyper::body::Body as _;
use jsonschema::{Draft, Registry, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::change::is_json;
use super::whole::gather;
use crate::config::{self, Fault, Match, Route, read_value};
use crate::route::{Missed, RequestHead, Table, pairs};
use crate::{Body, Refusal};

/// Under which name the document is known to itself.
const BASE: &str = "urn:waypost:openapi";
/// What is told of one request at most.
const MAX_ERRORS: usize = 50;

/// An OpenAPI file, compiled.
#[derive(Debug)]
pub struct Validation {
    /// A route an operation: found by the same rules as the gateway's own.
    table: Table,
    operations: Vec<Operation>,
    max_body: u64,
}

#[derive(Debug)]
struct Operation {
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    place: Place,
    required: bool,
    kind: String,
    /// Of the items, for a list.
    items: String,
    /// A list as `a=1&a=2`, not as `a=1,2`.
    explode: bool,
    schema: Option<Validator>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

#[derive(Debug)]
struct RequestBody {
    required: bool,
    /// Media types, and schemas of those that are JSON.
    content: Vec<(String, Option<Validator>)>,
}

impl Validation {
    /// For a route's `validate`; reads the file.
    ///
    /// # Errors
    /// A file that cannot be read, is no OpenAPI 3.0 or 3.1, or says something that cannot be carried out.
    pub fn new(validation: &config::Validation) -> Result<Self, Fault> {
        let wrong =
            |message: String| Fault::at("openapi", format!("`{}`: {message}", validation.openapi.display()));
        let text = read(&validation.openapi).map_err(wrong)?;
        Self::of(&text, validation.max_body.0).map_err(wrong)
    }

    /// From the text of a file (YAML or JSON), for bodies of at most so many bytes.
    ///
    /// # Errors
    /// A sentence, with the place in the document.
    pub fn of(text: &str, max_body: u64) -> Result<Self, String> {
        let mut document = read_value(text).map_err(|fault| fault.to_string())?;
        let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !version.starts_with("3.0.") && !version.starts_with("3.1.") {
            return Err(format!("`openapi` is `{version}`; 3.0 and 3.1 are read"));
        }
        modernise(&mut document);
        let registry = Registry::new().draft(Draft::Draft202012).add(BASE, document.clone());
        let registry = registry.and_then(|registry| registry.prepare()).map_err(|error| error.to_string())?;
        let compiler = Compiler { document: &document, registry: &registry };
        let mut routes = Vec::new();
        let mut operations = Vec::new();
        let paths = document.get("paths").and_then(Value::as_object).ok_or("no `paths`")?;
        for (path, item) in paths {
            let at = format!("/paths/{}", escape(path));
            let (at, item) = compiler.follow(at, item)?;
            for (method, operation) in item.as_object().into_iter().flatten() {
                if !["get", "put", "post", "delete", "options", "head", "patch", "trace"]
                    .contains(&method.as_str())
                {
                    continue;
                }
                let here = format!("{at}/{method}");
                let shared = item.get("parameters").map(|list| (format!("{at}/parameters"), list));
                let own = operation.get("parameters").map(|list| (format!("{here}/parameters"), list));
                operations.push(Operation {
                    parameters: compiler.parameters(shared, own)?,
                    body: compiler.body(&here, operation)?,
                });
                let matches = Match {
                    path: Some(path.clone()),
                    methods: vec![method.to_uppercase()],
                    ..Default::default()
                };
                routes.push(Route { name: here, matches, ..Default::default() });
            }
        }
        let (table, faults) = Table::new(&routes, &config::Versions::default());
        if let Some(fault) = faults.first() {
            return Err(fault.message.clone());
        }
        Ok(Self { table, operations, max_body })
    }

    /// Holds a request to the file. `path` is the one that the service sees. The body is given back; only one that is JSON and has a schema is read.
    ///
    /// # Errors
    /// 404 or 405 for what the file does not have, 413 and 415 for a body that is too large or of another type, 422 with a list of `errors`: `pointer` into
    /// the body or `query/name`, and `detail`.
    pub async fn check(&self, head: &request::Parts, path: &str, body: Body) -> Result<Body, Refusal> {
        let asked = RequestHead {
            method: &head.method,
            host: "",
            path,
            query: head.uri.query(),
            headers: &head.headers,
            version: None,
        };
        let found = self.table.find(&asked).map_err(|missed| match missed {
            Missed::NotFound => Refusal::new(
                StatusCode::NOT_FOUND,
                "operation_not_found",
                "The service has no such operation.",
            ),
            missed => missed.into(),
        })?;
        let Some(operation) = self.operations.get(found.index).filter(|_| !found.preflight) else {
            return Ok(body);
        };
        let mut errors = Vec::new();
        let parameters: Vec<_> =
            found.parameters.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        for parameter in &operation.parameters {
            parameter.check(&parameters, asked.query, &head.headers, &mut errors);
        }
        let body = match &operation.body {
            Some(rule) => self.check_body(rule, head, body, &mut errors).await?,
            None => body,
        };
        if errors.is_empty() {
            return Ok(body);
        }
        let detail = "The request is not what the service's description allows.";
        Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail)
            .member("errors", errors))
    }

    async fn check_body(
        &self,
        rule: &RequestBody,
        head: &request::Parts,
        body: Body,
        errors: &mut Vec<Value>,
    ) -> Result<Body, Refusal> {
        if body.is_end_stream() {
            if rule.required {
                errors.push(json!({ "pointer": "", "detail": "a body is required" }));
            }
            return Ok(body);
        }
        let kind =
            head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let Some((_, schema)) = rule.content.iter().find(|(known, _)| takes(known, &kind)) else {
            let known = rule.content.iter().map(|(known, _)| known.as_str()).collect::<Vec<_>>().join(", ");
            let detail = format!("This takes a body of {known}.");
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        };
        let Some(schema) = schema.as_ref().filter(|_| is_json(&head.headers)) else { return Ok(body) };
        if head.headers.contains_key(header::CONTENT_ENCODING) {
            let detail = "The body is looked at here; send it without a Content-Encoding.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", detail));
        }
        let bytes = gather(body, self.max_body).await.map_err(|lost| lost.of_request(self.max_body))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("The body is no JSON: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_json", detail)
        })?;
        tell(schema, &value, "", errors);
        Ok(Body::full(bytes))
    }
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("it cannot be read: {error}"))
}

/// Whether a media type or range takes another (`application/*`, `*/*`).
fn takes(known: &str, kind: &str) -> bool {
    known == "*/*" || known == kind || known.strip_suffix('*').is_some_and(|start| kind.starts_with(start))
}

/// Adds what a schema says against a value, without repeating the value.
fn tell(schema: &Validator, value: &Value, place: &str, errors: &mut Vec<Value>) {
    if schema.is_valid(value) {
        return;
    }
    let room = MAX_ERRORS.saturating_sub(errors.len());
    errors.extend(schema.iter_errors(value).take(room).map(|error| {
        let pointer = format!("{place}{}", error.instance_path());
        json!({ "pointer": pointer, "detail": error.masked().to_string() })
    }));
}

impl Parameter {
    fn check(
        &self,
        path: &[(&str, &str)],
        query: Option<&str>,
        headers: &HeaderMap,
        errors: &mut Vec<Value>,
    ) {
        let texts: Vec<String> = match self.place {
            Place::Path => {
                let found = path.iter().filter(|(name, _)| *name == self.name);
                found.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned()).collect()
            }
            Place::Query => {
                let found = pairs(query.unwrap_or_default()).filter(|(name, _)| *name == self.name);
                found.map(|(_, value)| value.into_owned()).collect()
            }
            Place::Header => {
                // One that is no text is there all the same, and not what a schema takes.
                let found = headers.get_all(&self.name).iter().map(HeaderValue::as_bytes);
                found.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
            }
        };
        let place = match self.place {
            Place::Path => format!("path/{}", self.name),
            Place::Query => format!("query/{}", self.name),
            Place::Header => format!("header/{}", self.name),
        };
        let Some(first) = texts.first() else {
            if self.required {
                errors.push(json!({ "pointer": place, "detail": "this is required" }));
            }
            return;
        };
        let value = if self.kind == "array" {
            let split = |text: &String| {
                text.split(',').map(|item| typed(item.trim(), &self.items)).collect::<Vec<_>>()
            };
            match self.place {
                Place::Query if self.explode => texts.iter().map(|text| typed(text, &self.items)).collect(),
                _ => texts.iter().flat_map(split).collect(),
            }
        } else if texts.len() > 1 {
            errors.push(json!({ "pointer": place, "detail": "this is there more than once" }));
            return;
        } else {
            typed(first, &self.kind)
        };
        if let Some(schema) = &self.schema {
            tell(schema, &value, &place, errors);
        }
    }
}

/// A text as a value of a type; as a text where it is none, for the schema to refuse.
fn typed(text: &str, kind: &str) -> Value {
    match kind {
        "integer" | "number" | "boolean" => match serde_json::from_str::<Value>(text) {
            Ok(value) if value.is_number() || value.is_boolean() => value,
            _ => Value::from(text),
        },
        _ => Value::from(text),
    }
}

struct Compiler<'a> {
    document: &'a Value,
    registry: &'a Registry<'a>,
}

impl<'a> Compiler<'a> {
    /// Goes where a `$ref` leads, within the document.
    fn follow(&self, at: String, value: &'a Value) -> Result<(String, &'a Value), String> {
        let (mut at, mut value) = (at, value);
        for _ in 0..16 {
            let Some(to) = value.get("$ref").and_then(Value::as_str) else { return Ok((at, value)) };
            let pointer =
                to.strip_prefix('#').ok_or_else(|| format!("{at}: `{to}` leads out of the file"))?;
            let pointer = percent_decode_str(pointer).decode_utf8_lossy().into_owned();
            value = self.document.pointer(&pointer).ok_or_else(|| format!("{at}: `{to}` leads nowhere"))?;
            at = pointer;
        }
        Err(format!("{at}: a `$ref` that leads in a circle"))
    }

    fn schema(&self, at: &str) -> Result<Validator, String> {
        // A fragment is percent-encoded (RFC 3986); a path's braces are none of its characters.
        let fragment = percent_encoding::utf8_percent_encode(at, FRAGMENT);
        let schema = json!({ "$ref": format!("{BASE}#{fragment}") });
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_registry(self.registry);
        options
            .should_validate_formats(true)
            .offline()
            .build(&schema)
            .map_err(|error| format!("{at}: {error}"))
    }

    fn parameters(
        &self,
        shared: Option<(String, &'a Value)>,
        own: Option<(String, &'a Value)>,
    ) -> Result<Vec<Parameter>, String> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (at, list) in shared.into_iter().chain(own) {
            for (index, value) in list.as_array().into_iter().flatten().enumerate() {
                let (at, value) = self.follow(format!("{at}/{index}"), value)?;
                let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
                let place = match text("in") {
                    "path" => Place::Path,
                    "query" => Place::Query,
                    "header" => Place::Header,
                    _ => continue,
                };
                let mut kind = (String::new(), String::new());
                let mut validator = None;
                if let Some(schema) = value.get("schema") {
                    let (_, schema) = self.follow(format!("{at}/schema"), schema)?;
                    kind.0 = type_of(schema);
                    if let Some(items) = schema.get("items") {
                        kind.1 = type_of(self.follow(String::new(), items)?.1);
                    }
                    // An object in a parameter has many spellings; it is left to the service.
                    if kind.0 != "object" {
                        validator = Some(self.schema(&format!("{at}/schema"))?);
                    }
                }
                let name = text("name").to_owned();
                parameters.retain(|known| known.name != name || known.place != place);
                parameters.push(Parameter {
                    required: place == Place::Path || value.get("required") == Some(&Value::Bool(true)),
                    explode: value.get("explode").and_then(Value::as_bool).unwrap_or(place == Place::Query),
                    name,
                    place,
                    kind: kind.0,
                    items: kind.1,
                    schema: validator,
                });
            }
        }
        Ok(parameters)
    }

    fn body(&self, at: &str, operation: &'a Value) -> Result<Option<RequestBody>, String> {
        let Some(body) = operation.get("requestBody") else { return Ok(None) };
        let (at, body) = self.follow(format!("{at}/requestBody"), body)?;
        let mut content = Vec::new();
        for (kind, media) in body.get("content").and_then(Value::as_object).into_iter().flatten() {
            let schema = media.get("schema").map(|_| format!("{at}/content/{}/schema", escape(kind)));
            let validator = schema.map(|schema| self.schema(&schema)).transpose()?;
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            content.push((kind, validator));
        }
        // `application/json` before `application/*`.
        content.sort_by_key(|(kind, _)| kind.contains('*'));
        Ok(Some(RequestBody { required: body.get("required") == Some(&Value::Bool(true)), content }))
    }
}

/// What a fragment cannot hold as it is (RFC 3986 section 3.5).
const FRAGMENT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'^')
    .add(b'|')
    .add(b'\\')
    .add(b'[')
    .add(b']');

fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// The type of a schema; of several the first that is not `null`.
fn type_of(schema: &Value) -> String {
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        Some(Value::String(kind)) => Some(kind.as_str()),
        _ => None,
    };
    kind.unwrap_or_default().to_owned()
}

/// Reads the schemas of 3.0 as those of 3.1, wherever they are.
fn modernise(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(modernise),
        Value::Object(object) => {
            object.values_mut().for_each(modernise);
            nullable(object);
            for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
                match object.get(exclusive) {
                    Some(Value::Bool(true)) => {
                        if let Some(bound) = object.remove(bound) {
                            object.insert(exclusive.to_owned(), bound);
                        }
                    }
                    Some(Value::Bool(false)) => {
                        object.remove(exclusive);
                    }
                    _ => {}
                }
            }
            let unasked: Vec<String> = match object.get("properties").and_then(Value::as_object) {
                Some(properties) => {
                    let unasked =
                        properties.iter().filter(|(_, of)| of.get("readOnly") == Some(&Value::Bool(true)));
                    unasked.map(|(name, _)| name.clone()).collect()
                }
                None => Vec::new(),
            };
            if let Some(Value::Array(required)) = object.get_mut("required") {
                required.retain(|name| !unasked.iter().any(|unasked| name == unasked));
            }
        }
        _ => {}
    }
}

fn nullable(object: &mut Map<String, Value>) {
    if object.get("nullable") != Some(&Value::Bool(true)) {
        return;
    }
    object.remove("nullable");
    if let Some(Value::String(kind)) = object.get("type") {
        let kinds = json!([kind, "null"]);
        object.insert("type".to_owned(), kinds);
    }
    if let Some(Value::Array(words)) = object.get_mut("enum")
        && !words.contains(&Value::Null)
    {
        words.push(Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const FILE: &str = "
openapi: 3.0.3
info: { title: Orders, version: '1' }
paths:
  /orders:
    get:
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
        - { name: status, in: query, schema: { type: array, items: { type: string, enum: [open, done] } } }
        - { name: X-Trace, in: header, required: true, schema: { type: string } }
    post:
      requestBody: { $ref: '#/components/requestBodies/Order' }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    get: {}
components:
  requestBodies:
    Order: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
  schemas:
    Order:
      type: object
      required: [id, name, price]
      properties:
        id: { type: string, readOnly: true }
        name: { type: string, maxLength: 5 }
        note: { type: string, nullable: true }
        price: { type: integer, minimum: 0, exclusiveMinimum: true }
";

    async fn ask(
        request: http::request::Builder,
        path: &str,
        body: &'static str,
    ) -> Result<(), (u16, Vec<String>)> {
        let validation = Validation::of(FILE, 1000).unwrap();
        let (head, ()) = request.body(()).unwrap().into_parts();
        let refusal = match validation.check(&head, path, Body::full(body)).await {
            Ok(kept) => {
                assert_eq!(gather(kept, 2000).await.unwrap(), body);
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        let status = refusal.status().as_u16();
        let document = gather(refusal.answer("id", path).into_body(), 10_000).await.unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        Err((status, errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()))
    }

    fn post() -> http::request::Builder {
        Request::post("/orders").header("content-type", "application/json; charset=utf-8")
    }

    #[tokio::test]
    async fn a_body_is_held_to_its_schema() {
        assert_eq!(ask(post(), "/orders", r#"{"name": "a", "price": 1, "note": null}"#).await, Ok(()));
        let wrong =
            ask(post(), "/orders", r#"{"name": "too long", "price": 0, "note": 7}"#).await.unwrap_err();
        assert_eq!(wrong.0, 422);
        let mut pointers = wrong.1;
        pointers.sort();
        assert_eq!(pointers, ["/name", "/note", "/price"]);
        assert_eq!(ask(post(), "/orders", "{").await, Err((400, vec![])));
        assert_eq!(ask(post(), "/orders", "").await, Err((422, vec![String::new()])));
        assert_eq!(
            ask(Request::post("/orders").header("content-type", "text/plain"), "/orders", "x").await,
            Err((415, vec![]))
        );
    }

    #[tokio::test]
    async fn parameters_are_held_to_theirs() {
        let get = |uri: &str| Request::get(uri).header("x-trace", "1");
        assert_eq!(ask(get("/orders?limit=5&status=open&status=done"), "/orders", "").await, Ok(()));
        let wrong = ask(Request::get("/orders?limit=0&status=odd"), "/orders", "").await;
        assert_eq!(
            wrong,
            Err((
                422,
                vec!["query/limit".to_owned(), "query/status/0".to_owned(), "header/X-Trace".to_owned()]
            ))
        );
        assert_eq!(
            ask(get("/orders?limit=five"), "/orders", "").await,
            Err((422, vec!["query/limit".to_owned()]))
        );
        assert_eq!(ask(get("/"), "/orders/7", "").await, Ok(()));
        assert_eq!(ask(get("/"), "/orders/x", "").await, Err((422, vec!["path/id".to_owned()])));
        assert_eq!(ask(get("/"), "/other", "").await, Err((404, vec![])));
        assert_eq!(ask(Request::delete("/"), "/orders", "").await, Err((405, vec![])));
    }

    #[test]
    fn a_file_that_cannot_be_carried_out_says_where() {
        for (text, why) in [
            ("swagger: '2.0'", "3.0 and 3.1"),
            ("openapi: 3.1.0", "no `paths`"),
            ("openapi: 3.1.0\npaths: { /a: { post: { requestBody: { $ref: '#/no' } } } }", "leads nowhere"),
            ("openapi: 3.1.0\npaths: { /a: { $ref: '#/paths/~1a' } }", "circle"),
            (
                "openapi: 3.1.0\npaths: { /a: { get: { parameters: [{ in: query, name: a, schema: { type: odd } }] } } }",
                "/paths/~1a/get",
            ),
        ] {
            let error = Validation::of(text, 1).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
