//! The table of what is known of every operation before it runs.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{NAME, operations_of};
use crate::model::{
    Api, Body, Content, Deprecated, Location, Operation, Retry, SecurityScheme, Shape, TypeRef,
};
use crate::writers::rust::{self, doc};
use crate::writers::{Context, Error};

/// The text of `operations.rs`.
pub(super) fn write(api: &Api, context: &Context<'_>) -> Result<String, Error> {
    let rows = operations_of(api)
        .enumerate()
        .map(|(index, operation)| row(api, index, operation))
        .collect::<Result<Vec<_>, _>>()?;
    let names = operations_of(api).map(|operation| rust::static_ident(&operation.id));
    let version = &api.version;
    let tokens = quote! {
        //! Every operation of the contract, by resource, in the order of the spec.

        use super::operation::*;

        /// The version of the contract.
        pub const API_VERSION: &str = #version;

        #(#rows)*

        /// All of them; `OPERATIONS[n].index == n`.
        pub static OPERATIONS: &[&Operation] = &[#(&#names),*];
    };
    rust::file_text(NAME, context, tokens)
}

fn row(api: &Api, index: usize, operation: &Operation) -> Result<TokenStream, Error> {
    let Operation {
        id, resource, method, path, aliases, permission, rate_cost, idempotency_key, since, ..
    } = operation;
    let docs = doc(&format!("`{method} {path}`: {}", operation.summary.trim()));
    let name = rust::static_ident(id);
    let parameters = operation.parameters.iter().map(|parameter| {
        let location = match parameter.location {
            Location::Path => quote!(Path),
            Location::Query => quote!(Query),
            Location::Header => quote!(Header),
        };
        row_parameter(api, &parameter.name, &location, &parameter.ty, parameter.default.as_ref())
    });
    let lenient = operation.browser || takes_an_open_form(api, operation);
    let errors = &operation.error_media_type;
    let body = body(api, operation);
    let status = operation.success.status;
    let produces: Vec<&str> = match &operation.success.content {
        Content::None => Vec::new(),
        Content::Json(_) => vec!["application/json"],
        Content::Text(media_type) => vec![media_type],
        Content::Bytes(media_types) => media_types.iter().map(String::as_str).collect(),
        Content::EventStream(_) => vec!["text/event-stream"],
    };
    let permission = option(permission.as_deref());
    let since = option(since.as_deref());
    let security = operation
        .security
        .iter()
        .map(|alternative| {
            let schemes = alternative
                .iter()
                .map(|scheme| self::scheme(api, id, scheme))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(quote!(&[#(#schemes),*]))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let retry = match operation.retry {
        Retry::Safe => quote!(Retry::Safe),
        Retry::Idempotent => quote!(Retry::Idempotent),
        Retry::Never => quote!(Retry::Never),
    };
    let deprecated = match &operation.deprecated {
        None => quote!(None),
        Some(Deprecated { since, sunset, link }) => {
            let (sunset, link) = (option(sunset.as_deref()), option(link.as_deref()));
            quote!(Some(Deprecated { since: #since, sunset: #sunset, link: #link }))
        }
    };
    Ok(quote! {
        #docs
        pub static #name: Operation = Operation {
            index: #index,
            id: #id,
            resource: #resource,
            method: #method,
            path: #path,
            aliases: &[#(#aliases),*],
            parameters: &[#(#parameters),*],
            body: #body,
            status: #status,
            produces: &[#(#produces),*],
            errors: #errors,
            lenient: #lenient,
            permission: #permission,
            security: &[#(#security),*],
            retry: #retry,
            rate_cost: #rate_cost,
            idempotency_key: #idempotency_key,
            since: #since,
            deprecated: #deprecated,
        };
    })
}

/// A form that does not refuse fields that it does not know.
fn takes_an_open_form(api: &Api, operation: &Operation) -> bool {
    let Some(Body::Form(ty)) = &operation.body else { return false };
    let TypeRef::Named(name) = api.resolve(ty) else { return false };
    matches!(api.types.get(name).map(|ty| &ty.shape), Some(Shape::Object(object)) if object.open)
}

fn body(api: &Api, operation: &Operation) -> TokenStream {
    match &operation.body {
        None => quote!(Body::None),
        Some(Body::Json(_)) => quote!(Body::Json),
        Some(Body::Bytes(media_type)) => quote!(Body::Bytes(#media_type)),
        Some(Body::Form(ty)) => {
            let fields = match api.resolve(ty) {
                TypeRef::Named(name) => match api.types.get(name).map(|ty| &ty.shape) {
                    Some(Shape::Object(object)) => object.fields.as_slice(),
                    _ => &[],
                },
                _ => &[],
            };
            let fields =
                fields.iter().map(|field| row_parameter(api, &field.name, &quote!(Form), &field.ty, None));
            quote!(Body::Form(&[#(#fields),*]))
        }
    }
}

fn row_parameter(
    api: &Api,
    name: &str,
    location: &TokenStream,
    ty: &TypeRef,
    default: Option<&serde_json::Value>,
) -> TokenStream {
    let (kind, repeated) = kind(api, ty);
    let kind = format_ident!("{kind}");
    let default = option(default.map(ToString::to_string).as_deref());
    quote! {
        Parameter {
            name: #name,
            location: Location::#location,
            kind: Kind::#kind,
            repeated: #repeated,
            default: #default,
        }
    }
}

/// How text of this type is read, and whether it repeats.
fn kind(api: &Api, ty: &TypeRef) -> (&'static str, bool) {
    match ty {
        TypeRef::Integer { .. } => ("Integer", false),
        TypeRef::Number => ("Number", false),
        TypeRef::Boolean => ("Boolean", false),
        TypeRef::Array(item) => (kind(api, item).0, true),
        TypeRef::Named(name) => match api.types.get(name).map(|ty| &ty.shape) {
            Some(Shape::Alias(ty, _)) => kind(api, ty),
            _ => ("String", false),
        },
        TypeRef::String(_) | TypeRef::Map(_) | TypeRef::Any => ("String", false),
    }
}

fn scheme(api: &Api, id: &str, name: &str) -> Result<TokenStream, Error> {
    match api.security_schemes.get(name) {
        Some(SecurityScheme::Bearer) => Ok(quote!(Scheme::Bearer)),
        Some(SecurityScheme::OAuth2) => Ok(quote!(Scheme::OAuth2)),
        Some(SecurityScheme::Header(header)) => Ok(quote!(Scheme::Header(#header))),
        Some(SecurityScheme::Cookie(cookie)) => Ok(quote!(Scheme::Cookie(#cookie))),
        None => Err(Error::new(NAME, format!("{id}: there is no security scheme `{name}`"))),
    }
}

fn option(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(Some(#text)),
        None => quote!(None),
    }
}
