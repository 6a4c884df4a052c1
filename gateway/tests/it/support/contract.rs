//! The contract, read from the file itself and not through the generator, so that a test of the gateway is a second reading of it.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The file.
pub const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi-complete.yaml"));

/// The contract's document.
pub struct Contract {
    document: Value,
    /// Answers of any status are checked against these: `components/schemas` as JSON Schema.
    registry: jsonschema::Registry<'static>,
}

/// One operation of it.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub status: u16,
    value: Value,
}

impl Contract {
    pub fn read() -> Self {
        let yaml = Yaml::load_from_str(TEXT).unwrap();
        let document = value(&yaml[0]);
        let schemas = json_schema(&document["components"]["schemas"]);
        let root = json!({ "components": { "schemas": schemas } });
        let registry = jsonschema::Registry::new().add("urn:contract", root).unwrap().prepare().unwrap();
        Self { document, registry }
    }

    /// Every operation, in the order of the file.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, value) in item.as_object().unwrap() {
                let Some(id) = value.get("operationId") else { continue };
                // A WebSocket is no call; it is told in `realtime`.
                if value.get("x-websocket").is_some() {
                    continue;
                }
                let responses = value["responses"].as_object().unwrap();
                let status = responses.keys().find_map(|status| status.parse().ok()).unwrap();
                operations.push(Operation {
                    id: id.as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    status,
                    value: value.clone(),
                });
            }
        }
        operations
    }

    /// What a `$ref` means, or the value itself.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// Each parameter of an operation.
    pub fn parameters(&self, operation: &Operation) -> Vec<Value> {
        let parameters = operation.value.get("parameters").and_then(Value::as_array);
        parameters.into_iter().flatten().map(|parameter| self.resolve(parameter).clone()).collect()
    }

    /// The path of an operation with the examples of its parameters, which name what nobody has.
    pub fn example_path(&self, operation: &Operation) -> String {
        let mut path = operation.path.clone();
        for parameter in self.parameters(operation) {
            if let (Some(name), Some(example)) = (parameter["name"].as_str(), parameter["example"].as_str()) {
                path = path.replace(&format!("{{{name}}}"), example);
            }
        }
        assert!(!path.contains('{'), "{path}: a path parameter without an example");
        path
    }

    /// What is wrong with a body under a schema of an answer of this operation; nothing is good.
    pub fn check_body(&self, operation: &Operation, status: u16, body: &Value) -> Vec<String> {
        let status = if status >= 400 { format!("{}XX", status / 100) } else { status.to_string() };
        let response = self.resolve(&operation.value["responses"][&status]);
        let media = response["content"].as_object().and_then(|content| content.values().next());
        let Some(media) = media else { return vec![format!("{} has no body", operation.id)] };
        let mut schema = media["schema"].clone();
        if let Some(Value::String(reference)) = schema.get_mut("$ref") {
            reference.insert_str(0, "urn:contract");
        }
        let validator = jsonschema::options()
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

impl Operation {
    /// The request body's media type and example.
    pub fn request(&self) -> Option<(&str, &Value)> {
        let content = self.value["requestBody"]["content"].as_object()?;
        let (media_type, media) = content.iter().next()?;
        Some((media_type, &media["example"]))
    }

    /// The media types of the success.
    pub fn media_types(&self) -> Vec<&str> {
        let content = self.value["responses"][self.status.to_string()]["content"].as_object();
        content.into_iter().flatten().map(|(media_type, _)| media_type.as_str()).collect()
    }

    /// Whether the answer's body has no end.
    pub fn is_stream(&self) -> bool {
        self.media_types().contains(&"text/event-stream")
    }

    /// The names of the success's headers.
    pub fn headers(&self) -> Vec<&str> {
        let headers = self.value["responses"][self.status.to_string()]["headers"].as_object();
        headers.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    pub fn permission(&self) -> Option<&str> {
        self.value.get("x-permission").and_then(Value::as_str)
    }

    pub fn aliases(&self) -> Vec<&str> {
        self.value["x-aliases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether it needs credentials.
    pub fn is_guarded(&self) -> bool {
        self.value["security"].as_array().is_some_and(|security| !security.is_empty())
    }

    /// Whether one of its ways in is this scheme.
    pub fn takes(&self, scheme: &str) -> bool {
        let security = self.value["security"].as_array();
        security.into_iter().flatten().any(|way| way.get(scheme).is_some())
    }
}

fn value(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(boolean)) => json!(boolean),
        Yaml::Value(Scalar::Integer(integer)) => json!(integer),
        Yaml::Value(Scalar::FloatingPoint(float)) => json!(float.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(fields) => {
            let fields = fields.iter().map(|(name, field)| match name {
                Yaml::Value(Scalar::String(name)) => (name.to_string(), value(field)),
                Yaml::Value(Scalar::Integer(name)) => (name.to_string(), value(field)),
                other => panic!("a name that is no string: {other:?}"),
            });
            Value::Object(fields.collect())
        }
        other => panic!("what is {other:?}"),
    }
}

/// OpenAPI 3.0's `nullable` as JSON Schema says it.
fn json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut fields: Map<_, _> =
                fields.iter().map(|(name, field)| (name.clone(), json_schema(field))).collect();
            match fields.remove("nullable") {
                Some(Value::Bool(true)) => json!({ "anyOf": [{ "type": "null" }, fields] }),
                Some(other) => {
                    fields.insert("nullable".to_owned(), other);
                    Value::Object(fields)
                }
                None => Value::Object(fields),
            }
        }
        Value::Array(items) => items.iter().map(json_schema).collect(),
        other => other.clone(),
    }
}
