//! The operation table: one static row an operation, all that the engine needs to know to send a request.
//!
//! Rows are constants, so the table costs no start-up time and no allocation. The list is sorted by id, which makes [`find`](https://doc.rust-lang.org/std/primitive.slice.html#method.binary_search_by)
//! a binary search for the bindings, which name operations by text. A row as text ([`text`]) is what browsers have:
//! there each resource carries its own, so that the engine's download does not grow with the contract.

use proc_macro2::TokenStream;
use quote::quote;

use super::rust::{doc, file_text, static_ident};
use super::{Context, Error, File, Layout};
use crate::model::{Api, Body, Content, Location, Operation, Paginate, Parameter, Retry, SecurityScheme};

const WRITER: &str = "operations";

/// Writes `operations.rs`, and in the repository the `mod.rs` that joins it with its neighbours.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let mut operations: Vec<&Operation> = api.resources.iter().flat_map(|r| &r.operations).collect();
    operations.sort_by(|a, b| a.id.cmp(&b.id));

    let rows = operations.iter().map(|operation| row(api, operation)).collect::<Result<Vec<_>, _>>()?;
    let names = operations.iter().map(|operation| static_ident(&operation.id));
    let engine = engine_path(context);
    let about = format!(" The operations of {} {}, as the engine runs them.", api.title, api.version);
    let tokens = quote! {
        #![doc = #about]
        // Which names a table uses depends on the spec, and what is reachable on where it is put.
        #![allow(unused_imports, unreachable_pub)]

        use #engine::operation::{Body, Location, Operation, Paginate, Parameter, ResultKind, Retry, Scheme};

        #(#rows)*

        /// Every operation, sorted by id.
        pub static OPERATIONS: &[&Operation] = &[#(&#names),*];

        /// The operation of this id.
        pub fn find(id: &str) -> Option<&'static Operation> {
            let place = OPERATIONS.binary_search_by(|operation| operation.id.cmp(id)).ok()?;
            OPERATIONS.get(place).copied()
        }
    };

    let mut files = vec![File::new("operations.rs", file_text(WRITER, context, tokens)?)];
    if context.layout == Layout::Repository {
        files.push(File::new("packed.rs", packed(api, &operations, context)?));
        files.push(File::new("mod.rs", module(context)?));
    }
    Ok(files)
}

/// Where the engine lives, seen from the output: a foreign spec's output runs on the published crate.
pub(super) fn engine_path(context: &Context<'_>) -> TokenStream {
    match context.layout {
        Layout::Repository => quote!(crate::engine),
        Layout::Standalone => quote!(::waypost::engine),
    }
}

fn module(context: &Context<'_>) -> Result<String, Error> {
    let tokens = quote! {
        //! What the generator writes of the contract. The table alone serves an engine-only build.

        #[cfg(feature = "client")]
        pub mod client;
        pub mod operations;
        #[cfg(test)]
        pub(crate) mod packed;
        #[cfg(feature = "client")]
        pub mod resources;
    };
    file_text(WRITER, context, tokens)
}

/// The same rows as text, for a test of the engine, whose `Operation::read` reads them.
fn packed(api: &Api, operations: &[&Operation], context: &Context<'_>) -> Result<String, Error> {
    let rows = operations.iter().map(|operation| text(api, operation)).collect::<Result<Vec<_>, _>>()?;
    let tokens = quote! {
        //! The operation table as text, as the resources of the browser's SDK carry it: read here by a test.

        /// Every operation, sorted by id.
        pub(crate) static ROWS: &[&str] = &[#(#rows),*];
    };
    file_text(WRITER, context, tokens)
}

/// One row as text: its parts with tabs between them, the id first. See `Operation::read` in the engine.
pub(super) fn text(api: &Api, operation: &Operation) -> Result<String, Error> {
    let key = if operation.idempotency_key { "+key" } else { "" };
    let retry = match operation.retry {
        Retry::Safe => "safe",
        Retry::Idempotent => "idempotent",
        Retry::Never => "never",
    };
    let body = match &operation.body {
        None => "none",
        Some(Body::Json(_)) => "json",
        Some(Body::Form(_)) => "form",
        Some(Body::Bytes(media_type)) => media_type,
    };
    let result = match &operation.success.content {
        Content::None => "none".to_owned(),
        Content::Json(_) => "json".to_owned(),
        Content::Text(media_type) => format!("text:{media_type}"),
        Content::Bytes(media_types) => media_types.join(","),
        Content::EventStream(_) => "events".to_owned(),
    };
    let security = api
        .distinct_security(operation)
        .map(|alternative| {
            let words = alternative.iter().map(|name| match api.security_schemes.get(name) {
                Some(SecurityScheme::Bearer | SecurityScheme::OAuth2) => Ok("bearer".to_owned()),
                Some(SecurityScheme::Header(header)) => Ok(format!("header:{header}")),
                Some(SecurityScheme::Cookie(cookie)) => Ok(format!("cookie:{cookie}")),
                None => Err(undeclared(operation, name)),
            });
            Ok(words.collect::<Result<Vec<_>, Error>>()?.join("+"))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut parts = vec![
        operation.id.clone(),
        operation.method.to_string(),
        operation.path.clone(),
        format!("{retry}{key}"),
        body.to_owned(),
        result,
        security.join(","),
    ];
    parts.extend(operation.parameters.iter().map(|parameter| {
        let place = match parameter.location {
            Location::Path => '/',
            Location::Query => '?',
            Location::Header => '#',
        };
        format!("{place}{}{}", parameter.name, if parameter.required { "!" } else { "" })
    }));
    Ok(parts.join("\t"))
}

fn row(api: &Api, operation: &Operation) -> Result<TokenStream, Error> {
    let name = static_ident(&operation.id);
    let about = doc(&format!("`{} {}`: {}", operation.method, operation.path, operation.summary));
    let Operation { id, method, path, idempotency_key, .. } = operation;
    let parameters = operation.parameters.iter().map(parameter);
    let body = match &operation.body {
        None => quote!(Body::None),
        Some(Body::Json(_)) => quote!(Body::Json),
        Some(Body::Form(_)) => quote!(Body::Form),
        Some(Body::Bytes(media_type)) => quote!(Body::Bytes(#media_type)),
    };
    let retry = match operation.retry {
        Retry::Safe => quote!(Retry::Safe),
        Retry::Idempotent => quote!(Retry::Idempotent),
        Retry::Never => quote!(Retry::Never),
    };
    let security = api
        .distinct_security(operation)
        .map(|alternative| {
            let schemes =
                alternative.iter().map(|name| scheme(api, operation, name)).collect::<Result<Vec<_>, _>>()?;
            Ok(quote!(&[#(#schemes),*]))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let paginate = match &operation.paginate {
        None => quote!(None),
        Some(Paginate { items, cursor, next_cursor, has_more, .. }) => quote! {
            Some(Paginate { items: #items, cursor: #cursor, next_cursor: #next_cursor, has_more: #has_more })
        },
    };
    let result = match &operation.success.content {
        Content::None => quote!(ResultKind::None),
        Content::Json(_) => quote!(ResultKind::Json),
        Content::Text(media_type) => quote!(ResultKind::Text(#media_type)),
        Content::Bytes(media_types) => quote!(ResultKind::Bytes(&[#(#media_types),*])),
        Content::EventStream(_) => quote!(ResultKind::EventStream),
    };
    let status = proc_macro2::Literal::u16_unsuffixed(operation.success.status);
    Ok(quote! {
        #about
        pub static #name: Operation = Operation {
            id: #id,
            method: #method,
            path: #path,
            parameters: &[#(#parameters),*],
            body: #body,
            idempotency_key: #idempotency_key,
            retry: #retry,
            security: &[#(#security),*],
            paginate: #paginate,
            result: #result,
            status: #status,
        };
    })
}

fn parameter(parameter: &Parameter) -> TokenStream {
    let Parameter { name, required, .. } = parameter;
    let location = match parameter.location {
        Location::Path => quote!(Location::Path),
        Location::Query => quote!(Location::Query),
        Location::Header => quote!(Location::Header),
    };
    quote!(Parameter { name: #name, location: #location, required: #required })
}

fn scheme(api: &Api, operation: &Operation, name: &str) -> Result<TokenStream, Error> {
    match api.security_schemes.get(name) {
        Some(SecurityScheme::Bearer | SecurityScheme::OAuth2) => Ok(quote!(Scheme::Bearer)),
        Some(SecurityScheme::Header(header)) => Ok(quote!(Scheme::Header(#header))),
        Some(SecurityScheme::Cookie(cookie)) => Ok(quote!(Scheme::Cookie(#cookie))),
        None => Err(undeclared(operation, name)),
    }
}

fn undeclared(operation: &Operation, name: &str) -> Error {
    let reason =
        format!("`{}` asks for the security scheme `{name}`, which is not in the model", operation.id);
    Error::new(WRITER, reason)
}

#[cfg(test)]
mod tests {
    //! The engine and every binding trust the table's order and its rows.

    use serde_json::Value;

    use super::*;
    use crate::writers::fixture;

    fn table(layout: Layout) -> String {
        write(&fixture::api(), &fixture::context(&Value::Null, layout)).unwrap().remove(0).text
    }

    #[test]
    fn the_list_is_sorted_by_id_as_the_binary_search_needs() {
        let text = table(Layout::Repository);
        let ids: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("id: ")).collect();
        assert!(ids.is_sorted() && ids.len() == 9, "{ids:?}");
    }

    #[test]
    fn a_row_holds_what_sending_needs() {
        let text = table(Layout::Repository);
        let row = text
            .split("/// `GET /orders`: list of orders")
            .nth(1)
            .and_then(|rest| rest.split("\n///").next())
            .unwrap();
        insta::assert_snapshot!(row.trim(), @r#"
        pub static ORDERS_LIST: Operation = Operation {
            id: "orders_list",
            method: "GET",
            path: "/orders",
            parameters: &[
                Parameter {
                    name: "limit",
                    location: Location::Query,
                    required: false,
                },
                Parameter {
                    name: "cursor",
                    location: Location::Query,
                    required: false,
                },
                Parameter {
                    name: "size",
                    location: Location::Query,
                    required: false,
                },
                Parameter {
                    name: "X-Trace",
                    location: Location::Header,
                    required: false,
                },
            ],
            body: Body::None,
            idempotency_key: false,
            retry: Retry::Safe,
            security: &[&[Scheme::Bearer], &[Scheme::Header("X-API-Key")]],
            paginate: Some(Paginate {
                items: "data",
                cursor: "cursor",
                next_cursor: "next_cursor",
                has_more: "has_more",
            }),
            result: ResultKind::Json,
            status: 200,
        };
        "#);
    }

    #[test]
    fn a_foreign_table_runs_on_the_published_engine() {
        assert!(table(Layout::Standalone).contains("use ::waypost::engine::operation::{"));
    }

    #[test]
    fn a_scheme_that_is_not_declared_is_one_error() {
        let mut api = fixture::api();
        api.security_schemes.clear();
        let error = write(&api, &fixture::context(&Value::Null, Layout::Repository)).unwrap_err().to_string();
        assert_eq!(
            error,
            "the operations writer: `files_events` asks for the security scheme `bearer`, which is not in the model"
        );
    }
}
