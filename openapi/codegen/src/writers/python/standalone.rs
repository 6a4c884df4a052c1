//! What somebody else's package has besides models and resources: its clients, and its operations as the engine takes them.
//!
//! The clients are those of the published `waypost` with other resources. The engine learns an operation from a description in JSON, which is
//! everything that the table of the repository's own operations says.

use serde_json::{Value, json};

use super::code::Code;
use super::models::all_of;
use super::names::{self, package};
use super::text::plain;
use crate::model::{Api, Body, Content, Location, Operation, Retry, SecurityScheme};
use crate::writers::{Context, File, Layout};

/// Writes the package's entry, its operations, and the marker that it is typed.
pub(super) fn write(api: &Api, context: &Context<'_>) -> Vec<File> {
    vec![
        File::new("__init__.py", entry(api, context)),
        File::new("_generated/operations.py", operations(api, context)),
        File::new("py.typed", format!("# {}\n", context.header())),
    ]
}

fn entry(api: &Api, context: &Context<'_>) -> String {
    let package = package(api);
    let about = format!("{} {} for Python.", api.title.trim(), api.version);
    let usage = format!(
        "```python\nfrom {package} import Client\n\nwith Client(\"https://...\") as client:\n    ...\n```"
    );
    let lines = [
        about.as_str(),
        "",
        "It runs on the package `waypost` (`pip install waypost`), whose settings, errors, pages and streams these clients have. The \
         resources are this API's own; those of `waypost.Client` are still there beside them.",
        "",
        &usage,
    ];
    let mut body = String::from(
        "from __future__ import annotations\n\nimport waypost\n\nfrom . import models\nfrom ._generated import operations\nfrom ._generated.resources import AsyncResources, Resources\n",
    );
    let names = ["AsyncClient".to_owned(), "Client".to_owned(), "models".to_owned()];
    body.push_str(&format!("\n{}\n\noperations.describe()\n", all_of(&names)));
    for (prefix, of) in [("", "client"), ("Async", "async client")] {
        body.push_str(&format!(
            "\n\nclass {prefix}Client({prefix}Resources, waypost.{prefix}Client):\n    \"\"\"A `waypost.{prefix}Client` with the resources of this API: the {of} to begin with.\"\"\"\n"
        ));
    }
    super::module(context, &lines, &body)
}

fn operations(api: &Api, context: &Context<'_>) -> String {
    let elements = api.operations().map(|operation| plain(&row(api, operation))).collect();
    let rows = Code::group("_OPERATIONS: Final[tuple[dict[str, object], ...]] = (", elements, ")").lines(0);
    let body = format!(
        "from __future__ import annotations\n\nfrom json import dumps\nfrom typing import Final\n\nfrom waypost import _native\n\n{}\n\n{rows}\n\n\ndef describe() -> None:\n    \"\"\"Tells the engine of the operations; doing it again changes nothing.\"\"\"\n    for operation in _OPERATIONS:\n        _native.define(dumps(operation).encode())\n",
        all_of(&["describe".into()])
    );
    super::module(context, &["The operations, as the engine takes them."], &body)
}

fn row(api: &Api, operation: &Operation) -> Value {
    let parameters: Vec<Value> = operation
        .parameters
        .iter()
        .map(|parameter| {
            let place = match parameter.location {
                Location::Path => "path",
                Location::Query => "query",
                Location::Header => "header",
            };
            json!({ "name": parameter.name, "in": place, "required": parameter.required })
        })
        .collect();
    let body = match &operation.body {
        None => "none",
        Some(Body::Json(_)) => "json",
        Some(Body::Form(_)) => "form",
        Some(Body::Bytes(media_type)) => media_type,
    };
    let retry = match operation.retry {
        Retry::Safe => "safe",
        Retry::Idempotent => "idempotent",
        Retry::Never => "never",
    };
    let scheme = |name: &String| match api.security_schemes.get(name) {
        Some(SecurityScheme::Header(header)) => format!("header:{header}"),
        Some(SecurityScheme::Cookie(cookie)) => format!("cookie:{cookie}"),
        _ => "bearer".to_owned(),
    };
    let security: Vec<Vec<String>> =
        api.distinct_security(operation).map(|names| names.iter().map(scheme).collect()).collect();
    let result = match &operation.success.content {
        Content::None => json!("none"),
        Content::Json(_) => json!("json"),
        Content::Text(_) => json!("text"),
        Content::EventStream(_) => json!("events"),
        Content::Bytes(types) => json!(types),
    };
    json!({
        "id": names::id(api, Layout::Standalone, operation), "method": operation.method, "path": operation.path, "parameters": parameters, "body": body,
        "idempotency_key": operation.idempotency_key, "retry": retry, "security": security,
        "paginate": operation.paginate.is_some(), "result": result, "status": operation.success.status,
    })
}
