//! The server: what a gateway needs so that it cannot answer anything but the contract.
//!
//! `api.rs` has one trait a resource and one method an operation, `operations.rs` what is known of each operation before it
//! runs, `router.rs` binds both, `schemas.json` is what inputs are validated with. The rest of the output is the same for every
//! spec and stands as Rust files in `server/runtime`. The output depends on axum, serde, serde_json and jsonschema, and on
//! nothing of ours.

mod api;
mod operations;
mod router;
mod schemas;

use std::collections::HashMap;

use super::{Context, Error, File};
use crate::model::{Api, Content, Operation};

/// Named in errors.
const NAME: &str = "server";

/// What is the same for every spec: module name and text.
const RUNTIME: &[(&str, &str)] = &[
    ("gate", include_str!("server/runtime/gate.rs")),
    ("input", include_str!("server/runtime/input.rs")),
    ("json", include_str!("server/runtime/json.rs")),
    ("operation", include_str!("server/runtime/operation.rs")),
    ("outcome", include_str!("server/runtime/outcome.rs")),
    ("validate", include_str!("server/runtime/validate.rs")),
];

/// Writes it.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    routes_are_distinct(api)?;
    let mut files = vec![
        File::new("mod.rs", module(context)),
        File::new("api.rs", api::write(api, context)?),
        File::new("operations.rs", operations::write(api, context)?),
        File::new("router.rs", router::write(api, context)?),
        File::new("schemas.json", schemas::write(api)?),
    ];
    for (name, text) in RUNTIME {
        files.push(File::new(format!("{name}.rs"), format!("// {}\n\n{text}", context.header())));
    }
    Ok(files)
}

fn module(context: &Context<'_>) -> String {
    format!(
        "// {}\n\n{}",
        context.header(),
        "\
//! The server side of the contract: implement [`Api`] (one trait a resource) and [`Gate`], and give both to [`router()`].

pub mod api;
pub mod gate;
pub mod input;
mod json;
pub mod operation;
pub mod operations;
pub mod outcome;
pub mod router;
pub mod validate;

pub use api::*;
pub use gate::{Call, Failure, Gate, Running, Unrouted};
pub use input::{FieldError, Input, Rejection};
pub use operation::Operation;
pub use operations::{API_VERSION, OPERATIONS};
pub use outcome::{Accepted, Answer, Content, Created, NoContent, Outcome, Page, Streamed, Success, Text};
pub use router::router;
pub use validate::SchemaError;
"
    )
}

/// The name of the outcome type of an operation, without its argument.
fn outcome(operation: &Operation) -> Result<&'static str, Error> {
    let success = &operation.success;
    if operation.browser {
        return Ok("Page");
    }
    match (&success.content, success.status) {
        (Content::Json(_), 200) => Ok("Success"),
        (Content::Json(_), 201) => Ok("Created"),
        (Content::Json(_), 202) => Ok("Accepted"),
        (Content::None, 204) => Ok("NoContent"),
        (Content::Text(_), 200) => Ok("Text"),
        (Content::Bytes(_) | Content::EventStream(_), 200) => Ok("Streamed"),
        (_, status) => Err(Error::new(
            NAME,
            format!("{}: no outcome has the status {status} with such a body", operation.id),
        )),
    }
}

/// Two operations must not have one method and one path, up to the names of the path's parameters: a router cannot tell them apart.
fn routes_are_distinct(api: &Api) -> Result<(), Error> {
    let mut seen = HashMap::new();
    for operation in operations_of(api) {
        for path in std::iter::once(&operation.path).chain(&operation.aliases) {
            let shape: Vec<_> = path
                .split('/')
                .map(|segment| if segment.starts_with('{') { "{}" } else { segment })
                .collect();
            if let Some(other) = seen.insert((&operation.method, shape.join("/")), &operation.id) {
                let reason = format!("{} and {other} both answer {} {path}", operation.id, operation.method);
                return Err(Error::new(NAME, reason));
            }
        }
    }
    Ok(())
}

/// Every operation, in the order of the table: by resource, in the order of the file.
fn operations_of(api: &Api) -> impl Iterator<Item = &Operation> {
    api.resources.iter().flat_map(|resource| &resource.operations)
}
