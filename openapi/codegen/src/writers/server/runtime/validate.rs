//! The contract's schemas, compiled once, and their verdicts in the words of the contract.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Registry, ValidationError};
use serde_json::{Map, Value};

use super::input::{FieldError, place};
use super::operation::{Location, Operation};
use super::operations::OPERATIONS;

/// One document: `$defs` with the schemas of request bodies, `operations` with a schema for the parameters and the body of each.
const SCHEMAS: &str = include_str!("schemas.json");

/// The schemas' name for each other.
const BASE: &str = "urn:contract";

/// Parts (fields, items and what holds them) of a value up to which all that is wrong with it is told. Of a larger one it is the first
/// thing only: a megabyte that is wrong in every place would take hundreds of megabytes to say so.
const LARGE: usize = 10_000;

/// The schemas of the contract do not compile: a fault of the contract, found when the router is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    reason: String,
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the contract's schemas do not compile: {}", self.reason)
    }
}

impl std::error::Error for SchemaError {}

/// Validates the input of one operation.
#[derive(Debug, Clone, Default)]
pub struct Validator {
    parameters: Option<Arc<jsonschema::Validator>>,
    body: Option<Arc<jsonschema::Validator>>,
}

/// The validators of all operations, by `Operation::index`. The same for every router of the process.
#[derive(Debug, Clone)]
pub(super) struct Validators(&'static [Validator]);

static COMPILED: LazyLock<Result<Vec<Validator>, SchemaError>> = LazyLock::new(compile);

impl Validators {
    pub(super) fn compile() -> Result<Self, SchemaError> {
        match &*COMPILED {
            Ok(validators) => Ok(Self(validators)),
            Err(error) => Err(error.clone()),
        }
    }

    pub(super) fn of(&self, operation: &Operation) -> Validator {
        self.0.get(operation.index).cloned().unwrap_or_default()
    }
}

fn compile() -> Result<Vec<Validator>, SchemaError> {
    let wrong = |reason: String| SchemaError { reason };
    let document: Value = serde_json::from_str(SCHEMAS).map_err(|error| wrong(error.to_string()))?;
    let operations = document.get("operations").cloned().unwrap_or_default();
    let registry = Registry::new()
        .add(BASE, document)
        .and_then(|registry| registry.prepare())
        .map_err(|error| wrong(error.to_string()))?;
    let build = |operation: &Operation, part: &str| {
        if operations.get(operation.id).and_then(|operation| operation.get(part)).is_none() {
            return Ok(None);
        }
        let schema = serde_json::json!({ "$ref": format!("{BASE}#/operations/{}/{part}", operation.id) });
        jsonschema::options()
            .with_registry(&registry)
            .should_validate_formats(true)
            .offline()
            .build(&schema)
            .map(|validator| Some(Arc::new(validator)))
            .map_err(|error| wrong(format!("{} of {}: {error}", part, operation.id)))
    };
    OPERATIONS
        .iter()
        .map(|operation| Ok(Validator { parameters: build(operation, "parameters")?, body: build(operation, "body")? }))
        .collect()
}

impl Validator {
    /// Checks the object of parameters and gives it back.
    pub(super) fn check_parameters(
        &self,
        operation: &'static Operation,
        values: Map<String, Value>,
        errors: &mut Vec<FieldError>,
    ) -> Map<String, Value> {
        let Some(validator) = &self.parameters else { return values };
        let value = Value::Object(values);
        check(validator, &value, errors, |pointer| parameter_place(operation, &pointer));
        match value {
            Value::Object(values) => values,
            _ => Map::new(),
        }
    }

    /// Checks a body.
    pub(super) fn check_body(&self, value: &Value, errors: &mut Vec<FieldError>) {
        if let Some(validator) = &self.body {
            check(validator, value, errors, |pointer| pointer);
        }
    }
}

/// Adds what is wrong with `value`; not a second time where something is reported already (what cannot be decoded is not missing).
fn check(
    validator: &jsonschema::Validator,
    value: &Value,
    errors: &mut Vec<FieldError>,
    place: impl Fn(String) -> String,
) {
    if validator.is_valid(value) {
        return;
    }
    let mut found = Vec::new();
    if is_large(value) {
        validator.validate(value).err().iter().for_each(|error| translate(error, &mut found));
    } else {
        validator.iter_errors(value).for_each(|error| translate(&error, &mut found));
    }
    // What does not match its pattern need not be told how long it should be.
    let patterns = found.iter().filter(|error| error.code == "pattern");
    let patterns: HashSet<_> = patterns.map(|error| error.pointer.clone()).collect();
    found.retain(|error| !matches!(error.code, "min_length" | "max_length") || !patterns.contains(&error.pointer));
    // What two parts of a schema refuse in the same words is told once.
    let mut told = HashSet::new();
    found.retain(|error| told.insert((error.pointer.clone(), error.detail.clone())));
    let known: HashSet<_> = errors.iter().map(|reported| reported.pointer.clone()).collect();
    let found = found.into_iter().map(|error| FieldError { pointer: place(error.pointer), ..error });
    errors.extend(found.filter(|error| !known.contains(&error.pointer)));
}

/// Whether a value has more than [`LARGE`] parts.
fn is_large(value: &Value) -> bool {
    fn count(value: &Value, left: &mut usize) {
        *left = left.saturating_sub(1);
        match value {
            Value::Array(items) if *left > 0 => items.iter().for_each(|item| count(item, left)),
            Value::Object(fields) if *left > 0 => fields.values().for_each(|field| count(field, left)),
            _ => {}
        }
    }
    let mut left = LARGE + 1;
    count(value, &mut left);
    left == 0
}

/// `/limit` as `query:limit`.
fn parameter_place(operation: &'static Operation, pointer: &str) -> String {
    let name = pointer.trim_start_matches('/');
    if name.starts_with("path:") {
        return name.to_owned();
    }
    let (name, rest) = match name.split_once('/') {
        Some((name, rest)) => (name, format!("/{rest}")),
        None => (name, String::new()),
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    let found = operation.parameters.iter().find(|known| known.location != Location::Path && known.name == name);
    let location = found.map_or(Location::Query, |parameter| parameter.location);
    place(location, &name) + &rest
}

/// A name as a segment of a JSON pointer.
pub(super) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

/// One verdict in the contract's words. The instance is never repeated.
fn translate(error: &ValidationError<'_>, errors: &mut Vec<FieldError>) {
    use ValidationErrorKind as Of;
    let at = error.instance_path().as_str();
    let (code, detail): (&'static str, String) = match error.kind() {
        Of::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            return errors.push(FieldError::new(format!("{at}/{}", escape(name)), "required", "is required"));
        }
        Of::AdditionalProperties { unexpected } | Of::UnevaluatedProperties { unexpected } => {
            let unknown = unexpected.iter().map(|name| {
                FieldError::new(format!("{at}/{}", escape(name)), "unknown", "is not a field of this object")
            });
            return errors.extend(unknown);
        }
        // A value that may be one of several: what is told is how it misses the alternative that it comes nearest to.
        Of::AnyOf { context } | Of::OneOfNotValid { context } => match nearest(context, at) {
            Some(nearest) => return nearest.iter().for_each(|error| translate(error, errors)),
            None => ("any_of", "is none of the forms that are allowed here".to_owned()),
        },
        Of::PropertyNames { error } => ("name", format!("has a field whose name is not allowed: {}", error.masked())),
        Of::Type { kind } => ("type", format!("must be {}", type_words(kind))),
        Of::Enum { options } => ("enum", format!("must be one of {}", list(options))),
        Of::Constant { expected_value } => ("const", format!("must be {expected_value}")),
        Of::Minimum { limit } => ("minimum", format!("must be at least {limit}")),
        Of::Maximum { limit } => ("maximum", format!("must be at most {limit}")),
        Of::ExclusiveMinimum { limit } => ("minimum", format!("must be more than {limit}")),
        Of::ExclusiveMaximum { limit } => ("maximum", format!("must be less than {limit}")),
        Of::MultipleOf { multiple_of } => ("multiple_of", format!("must be a multiple of {multiple_of}")),
        Of::MinLength { limit } => ("min_length", format!("must have at least {}", count(*limit, "character"))),
        Of::MaxLength { limit } => ("max_length", format!("must have at most {}", count(*limit, "character"))),
        Of::MinItems { limit } => ("min_items", format!("must have at least {}", count(*limit, "item"))),
        Of::MaxItems { limit } => ("max_items", format!("must have at most {}", count(*limit, "item"))),
        Of::MinProperties { limit } => ("min_properties", format!("must have at least {}", count(*limit, "field"))),
        Of::MaxProperties { limit } => ("max_properties", format!("must have at most {}", count(*limit, "field"))),
        Of::UniqueItems => ("unique_items", "must not have the same item twice".to_owned()),
        Of::Pattern { pattern } => ("pattern", format!("must match `{pattern}`")),
        Of::Format { format } => ("format", format!("must be {}", format_words(format))),
        _ => ("invalid", error.masked().to_string()),
    };
    errors.push(FieldError::new(at, code, detail));
}

/// The alternative whose errors lie deepest, as the one that was meant; not one that only says that the type is another.
fn nearest<'e, 'i>(context: &'e [Vec<ValidationError<'i>>], at: &str) -> Option<&'e [ValidationError<'i>]> {
    let wrong_type = |errors: &[ValidationError<'_>]| {
        errors.iter().any(|error| {
            error.instance_path().as_str() == at && matches!(error.kind(), ValidationErrorKind::Type { .. })
        })
    };
    let candidates = context.iter().map(Vec::as_slice).filter(|errors| !wrong_type(errors));
    candidates
        .max_by_key(|errors| errors.iter().map(|error| error.instance_path().as_str().len()).max())
        .or_else(|| context.first().map(Vec::as_slice))
}

fn type_words(kind: &TypeKind) -> String {
    let words = |name: &str| match name {
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(one) => words(one.as_str()),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| words(one.as_str())).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn format_words(format: &str) -> String {
    match format {
        "date-time" => "a time as of RFC 3339, such as 2026-01-31T09:30:00Z".to_owned(),
        "date" => "a date such as 2026-01-31".to_owned(),
        "email" => "an e-mail address".to_owned(),
        "uri" => "an absolute URI".to_owned(),
        "uuid" => "a UUID".to_owned(),
        other => format!("of the format {other}"),
    }
}

fn list(options: &Value) -> String {
    let Value::Array(options) = options else { return options.to_string() };
    let names = options.iter().map(|option| match option {
        Value::String(name) => format!("`{name}`"),
        other => other.to_string(),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn count(limit: u64, unit: &str) -> String {
    if limit == 1 { format!("1 {unit}") } else { format!("{limit} {unit}s") }
}
