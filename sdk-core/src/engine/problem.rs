//! RFC 9457 problems, read leniently: an error path must not fail over the error's own form. A body that is HTML, truncated, of the wrong
//! type or of wrong member types gives as much of a problem as can be read, or none, and never a panic.

use serde_json::{Map, Value};

/// What a server said about an error. Every member may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problem {
    /// A URI that names the type of problem.
    pub kind: Option<String>,
    /// The type in a few words.
    pub title: Option<String>,
    /// The status as the body says it; the answer's own status is on the error.
    pub status: Option<u16>,
    /// This occurrence, for a person.
    pub detail: Option<String>,
    /// A URI of this occurrence.
    pub instance: Option<String>,
    /// A stable word to match on: `insufficient_funds`.
    pub code: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u64>,
    /// Every wrong field, where the server named them.
    pub errors: Vec<FieldError>,
    /// Members that this version does not know.
    pub extra: Map<String, Value>,
}

/// One wrong field of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or the parameter's name.
    pub pointer: String,
    /// A stable word: `required`, `minimum`.
    pub code: String,
    /// For a person.
    pub detail: String,
}

impl Problem {
    /// Reads a problem from an error's body, whatever its content type claims. `None` when the body is not a JSON object.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else { return None };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let kind = text("type");
        let title = text("title");
        let detail = text("detail");
        let instance = text("instance");
        let code = text("code");
        let request_id = text("request_id");
        let status =
            members.remove("status").as_ref().and_then(number).and_then(|value| u16::try_from(value).ok());
        let retry_after = members.remove("retry_after").as_ref().and_then(number);
        let errors = match members.remove("errors") {
            Some(Value::Array(items)) => items.iter().filter_map(FieldError::parse).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            kind,
            title,
            status,
            detail,
            instance,
            code,
            request_id,
            retry_after,
            errors,
            extra: members,
        })
    }
}

impl Problem {
    /// Is there anything in it that a problem has? Some JSON objects are only an object.
    pub(crate) fn says_something(&self) -> bool {
        self.code.is_some()
            || self.title.is_some()
            || self.detail.is_some()
            || self.kind.is_some()
            || !self.errors.is_empty()
    }
}

impl FieldError {
    fn parse(value: &Value) -> Option<Self> {
        let members = value.as_object()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = Self { pointer: text("pointer"), code: text("code"), detail: text("detail") };
        (found != Self::default()).then_some(found)
    }
}

/// A non-negative whole number, also where a server wrote it as a string or with a fraction.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            ((0.0..=9.0e15).contains(&float)).then(|| float.ceil() as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
