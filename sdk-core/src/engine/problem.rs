//! RFC 9457 problems, read leniently: an error path must not fail over the error's own form. A body that is HTML, truncated, of the wrong
//! type or of wrong member types gives as much of a problem as can be read, or none, and never a panic.

use serde_json::{Map, Value};

use super::document::{self, Document};

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
    pub rest: Vec<(String, Document)>,
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
        let mut members = document::object(body)?;
        let mut take = |name: &str| {
            let place = members.iter().rposition(|(key, ..)| key == name)?;
            let (_, value, written) = members.swap_remove(place);
            members.retain(|(key, ..)| key != name);
            Some((value, written))
        };
        let mut text = |name: &str| match take(name)? {
            (Document::Text(text), _) => Some(text),
            (Document::Null, _) => None,
            (_, written) => Some(written.to_owned()),
        };
        let kind = text("type");
        let title = text("title");
        let detail = text("detail");
        let instance = text("instance");
        let code = text("code");
        let request_id = text("request_id");
        let mut whole = |name: &str| number(&take(name)?.0);
        let status = whole("status").and_then(|value| u16::try_from(value).ok());
        let retry_after = whole("retry_after");
        let errors = match take("errors") {
            Some((Document::List(items), _)) => items.iter().filter_map(FieldError::parse).collect(),
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
            rest: members.into_iter().map(|(name, value, _)| (name, value)).collect(),
        })
    }
}

impl Problem {
    /// [`Self::rest`] as the JSON library's values.
    pub fn extra(&self) -> Map<String, Value> {
        self.rest.iter().map(|(name, value)| (name.clone(), value.value())).collect()
    }

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
    fn parse(value: &Document) -> Option<Self> {
        let text = |name: &str| value.member(name).and_then(Document::text).unwrap_or_default().to_owned();
        let found = Self { pointer: text("pointer"), code: text("code"), detail: text("detail") };
        (found != Self::default()).then_some(found)
    }
}

/// A non-negative whole number, also where a server wrote it as a string or with a fraction, which is rounded up.
fn number(value: &Document) -> Option<u64> {
    match value {
        // No server writes seconds or a status with an exponent.
        Document::Number(number) if !number.contains(['e', 'E']) => {
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let up = fraction.bytes().any(|digit| digit != b'0');
            whole.parse::<u64>().ok()?.checked_add(u64::from(up))
        }
        Document::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
