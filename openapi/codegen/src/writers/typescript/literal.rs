//! A JSON value as the TypeScript that a person would write for it: no quotes around names that need none, one line where it fits.

use serde_json::Value;

use super::names::is_identifier;

/// As prettier has it.
const WIDTH: usize = 100;

/// The literal. `before` is how much of the line stands in front of it, `indent` how far the line is indented, in spaces.
pub(in crate::writers) fn literal(value: &Value, before: usize, indent: usize) -> String {
    let short = inline(value);
    if before + short.len() <= WIDTH {
        return short;
    }
    expanded(value, indent).unwrap_or(short)
}

/// On one line, whatever its length.
pub(in crate::writers) fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let members: Vec<String> =
                map.iter().map(|(name, value)| format!("{}: {}", key(name), inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// A member or an item a line; nothing for what has none.
pub(in crate::writers) fn expanded(value: &Value, indent: usize) -> Option<String> {
    let (open, close, members): (_, _, Vec<String>) = match value {
        Value::Array(values) if !values.is_empty() => {
            ('[', ']', values.iter().map(|value| literal(value, indent + 3, indent + 2)).collect())
        }
        Value::Object(map) if !map.is_empty() => {
            let member = |(name, value): (&String, &Value)| {
                let key = key(name);
                let value = literal(value, indent + 2 + key.len() + 3, indent + 2);
                format!("{key}: {value}")
            };
            ('{', '}', map.iter().map(member).collect())
        }
        _ => return None,
    };
    let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 2));
    let lines: String = members.iter().map(|member| format!("{inner}{member},\n")).collect();
    Some(format!("{open}\n{lines}{outer}{close}"))
}

/// `__proto__` is quoted and computed, or it would set the prototype.
fn key(name: &str) -> String {
    match name {
        "__proto__" => "[\"__proto__\"]".to_owned(),
        name if is_identifier(name) => name.to_owned(),
        name => Value::from(name).to_string(),
    }
}
