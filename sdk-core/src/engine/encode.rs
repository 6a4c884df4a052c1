//! Percent-encoding of what callers pass: path segments, query pairs, forms.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One value, for a path segment or either side of a query pair.
pub fn component(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// An object of scalars and arrays of scalars as `application/x-www-form-urlencoded`. Null members are left out.
///
/// # Errors
/// Says which member is an object or an array of them.
pub fn form(value: &Value) -> Result<String, String> {
    let Some(members) = value.as_object() else { return Err("it is not an object".to_owned()) };
    let mut pairs = Vec::new();
    for (name, value) in members {
        match value {
            Value::Array(items) => {
                for item in items {
                    pairs.extend(scalar(name, item)?.map(|text| (name.as_str(), text)));
                }
            }
            other => pairs.extend(scalar(name, other)?.map(|text| (name.as_str(), text))),
        }
    }
    Ok(pairs
        .iter()
        .map(|(name, value)| format!("{}={}", component(name), component(value)))
        .collect::<Vec<_>>()
        .join("&"))
}

fn scalar(name: &str, value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(format!("member `{name}` is not a scalar")),
    }
}
