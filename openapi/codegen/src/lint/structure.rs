//! The last net under the grammar: the typed reader of OpenAPI that progenitor builds on must accept the document as well.

use serde_json::Value;

use super::Report;
use crate::diagnostic::Rule;
use crate::load::{Document, escape};

/// Reads the parts that name themselves one by one, so that a mistake has a place; then the whole.
pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    let before = report.findings.len();
    for (folder, read) in [
        ("/components/schemas", schema as fn(&Value) -> Result<(), String>),
        ("/components/parameters", parameter),
        ("/components/responses", response),
        ("/paths", path_item),
    ] {
        let entries = document.value.pointer(folder).and_then(Value::as_object);
        for (name, value) in entries.into_iter().flatten().filter(|(name, _)| !name.starts_with("x-")) {
            if let Err(error) = read(value) {
                refuse(report, &format!("{folder}/{}", escape(name)), &error);
            }
        }
    }
    if report.findings.len() == before
        && let Err(error) = serde_json::from_value::<openapiv3::OpenAPI>(document.value.clone())
    {
        refuse(report, "", &error.to_string());
    }
}

fn refuse(report: &mut Report<'_>, pointer: &str, error: &str) {
    let reason = format!("This is not OpenAPI 3.0.3: {error}.");
    report.add_at(pointer, Rule::Structure, reason, "Compare it with the OpenAPI 3.0.3 specification.");
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(drop).map_err(|error| error.to_string())
}

fn schema(value: &Value) -> Result<(), String> {
    read::<openapiv3::ReferenceOr<openapiv3::Schema>>(value)
}

fn parameter(value: &Value) -> Result<(), String> {
    read::<openapiv3::ReferenceOr<openapiv3::Parameter>>(value)
}

fn response(value: &Value) -> Result<(), String> {
    read::<openapiv3::ReferenceOr<openapiv3::Response>>(value)
}

fn path_item(value: &Value) -> Result<(), String> {
    read::<openapiv3::ReferenceOr<openapiv3::PathItem>>(value)
}
