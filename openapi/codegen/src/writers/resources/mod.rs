//! The Rust SDK as its user sees it: `client.wallets().create(&body).await?`.
//!
//! A method is thin: it puts its arguments where the operation table says and answers the call that matches what the operation
//! returns. Everything else (sending, retries, paging, errors) is the engine's and hand-written. In the repository the resources
//! are methods of the SDK's own client; a foreign spec's output adds them to the published crate's client by an extension trait.

mod docs;
#[cfg(test)]
mod tests;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::operations::engine_path;
use super::rust::{
    argument_ident, doc, file_text, params_ident, params_of, path_parameters, snake_ident, static_ident,
    type_ident, type_tokens,
};
use super::{Context, Error, File, Layout};
use crate::model::{Api, Body, Content, Location, Operation, Paginate, Parameter, Resource, Shape, TypeRef};

const WRITER: &str = "resources";

/// Writes `resources.rs`.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let engine = engine_path(context);
    let types = match context.layout {
        Layout::Repository => quote!(
            use ::waypost_types as types;
        ),
        Layout::Standalone => quote!(
            use crate::types;
        ),
    };
    let (client, operations) = match context.layout {
        Layout::Repository => (quote!(crate::client), quote!(crate::generated::operations)),
        Layout::Standalone => (quote!(::waypost::client), quote!(super::operations)),
    };
    let about = format!(" The resources of {} {}: one method an operation.", api.title, api.version);
    let accessors = accessors(api, context);
    let resources = api.resources.iter().map(|r| resource(api, context, r)).collect::<Result<Vec<_>, _>>()?;
    let pages = pages(api)?;
    let tokens = quote! {
        #![doc = #about]
        // Which of these an API uses depends on its spec, and what is reachable on where the file is put.
        #![allow(unused_imports, unreachable_pub)]

        use #client::{Call, Client, EventCall, ListCall, Paged, StreamCall};
        use #engine::Arguments;
        use #operations;
        #types

        #accessors
        #(#resources)*
        #(#pages)*
    };
    Ok(vec![File::new("resources.rs", file_text(WRITER, context, tokens)?)])
}

/// `client.wallets()` for each resource.
fn accessors(api: &Api, context: &Context<'_>) -> TokenStream {
    let public = match context.layout {
        Layout::Repository => quote!(pub),
        Layout::Standalone => quote!(),
    };
    let methods = api.resources.iter().map(|resource| {
        let about = doc(&docs::resource(resource));
        let (name, ty) = (snake_ident(&resource.name), type_ident(&resource.name));
        let signature = quote!(#public fn #name(&self) -> #ty<'_>);
        (quote!(#about #signature;), quote!(#about #signature { #ty { client: self } }))
    });
    let (declared, defined): (Vec<_>, Vec<_>) = methods.unzip();
    match context.layout {
        Layout::Repository => quote! {
            /// The resources.
            impl Client {
                #(#defined)*
            }
        },
        Layout::Standalone => quote! {
            /// The resources, on the client of the `waypost` crate. A name that the client has already (its own resources with the
            /// feature `client`, or `options`, `call`, `close`) means the client's: write `Resources::name(&client)` for the one here.
            pub trait Resources {
                #(#declared)*
            }

            impl Resources for Client {
                #(#defined)*
            }
        },
    }
}

fn resource(api: &Api, context: &Context<'_>, resource: &Resource) -> Result<TokenStream, Error> {
    let about = doc(&docs::resource(resource));
    let ty = type_ident(&resource.name);
    let methods =
        resource.operations.iter().map(|o| method(api, context, o)).collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        #about
        #[derive(Debug, Clone, Copy)]
        pub struct #ty<'c> {
            client: &'c Client,
        }

        impl #ty<'_> {
            #(#methods)*
        }
    })
}

fn method(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<TokenStream, Error> {
    let types = quote!(types);
    let about = docs::method(api, context, operation)?;
    let deprecated = operation.deprecated.as_ref().map(|deprecated| {
        let note = docs::deprecation(deprecated);
        quote!(#[deprecated(note = #note)])
    });
    let (name, row) = (snake_ident(&operation.verb), static_ident(&operation.id));
    let (parameters, arguments) = arguments(api, operation, &types);
    let answer = |ty: &TypeRef| type_tokens(ty, &types);
    let (call, construct) = match (&operation.success.content, &operation.paginate) {
        (Content::Json(page), Some(paginate)) => {
            let (page, item) = (answer(page), answer(&paginate.item));
            (quote!(ListCall<#page, #item>), quote!(ListCall))
        }
        (Content::Json(ty), None) => {
            let ty = answer(ty);
            (quote!(Call<#ty>), quote!(Call))
        }
        (Content::None, _) => (quote!(Call<()>), quote!(Call)),
        (Content::Text(_), _) => (quote!(Call<String>), quote!(Call)),
        (Content::Bytes(_), _) => (quote!(StreamCall), quote!(StreamCall)),
        (Content::EventStream(ty), _) => {
            let ty = ty.as_ref().map_or_else(|| quote!(String), answer);
            (quote!(EventCall<#ty>), quote!(EventCall))
        }
    };
    Ok(quote! {
        #about
        #deprecated
        pub fn #name(&self #(, #parameters)*) -> #call {
            #construct::new(self.client, &operations::#row, #arguments)
        }
    })
}

/// The method's parameters, and the expression that puts them where they go.
fn arguments(api: &Api, operation: &Operation, types: &TokenStream) -> (Vec<TokenStream>, TokenStream) {
    let mut parameters = Vec::new();
    let mut arguments = quote!(Arguments::new());
    for parameter in path_parameters(operation) {
        let (name, wire) = (argument_ident(parameter), &parameter.name);
        let ty = match api.resolve(&parameter.ty) {
            TypeRef::String(_) => quote!(&str),
            named @ TypeRef::Named(_) => {
                let named = type_tokens(named, types);
                quote!(&#named)
            }
            scalar => type_tokens(scalar, types),
        };
        parameters.push(quote!(#name: #ty));
        arguments.extend(quote!(.path(#wire, #name)));
    }
    if let Some(params) = params_ident(operation) {
        parameters.push(quote!(params: &#types::params::#params));
        arguments.extend(params_of(operation).map(setter));
    }
    if let Some(body) = &operation.body {
        let (ty, put) = match body {
            Body::Json(ty) => (borrowed(ty, types), quote!(.json(body))),
            Body::Form(ty) => (borrowed(ty, types), quote!(.form(body))),
            Body::Bytes(_) => (quote!(impl Into<::bytes::Bytes>), quote!(.bytes(body))),
        };
        parameters.push(quote!(body: #ty));
        arguments.extend(put);
    }
    (parameters, arguments)
}

fn borrowed(ty: &TypeRef, types: &TokenStream) -> TokenStream {
    let ty = type_tokens(ty, types);
    quote!(&#ty)
}

/// A field of the params struct as the argument it becomes. A list is never optional: an empty one is not sent.
fn setter(parameter: &Parameter) -> TokenStream {
    let (field, wire) = (snake_ident(&parameter.name), &parameter.name);
    let value =
        if parameter.required { quote!(Some(&params.#field)) } else { quote!(params.#field.as_ref()) };
    match (parameter.location, &parameter.ty) {
        (_, TypeRef::Array(_)) => quote!(.query_all(#wire, &params.#field)),
        (Location::Header, _) => quote!(.header(#wire, #value)),
        _ => quote!(.query(#wire, #value)),
    }
}

/// `Paged` for every type that a list answers, once.
fn pages(api: &Api) -> Result<Vec<TokenStream>, Error> {
    let mut seen: Vec<Ident> = Vec::new();
    let mut output = Vec::new();
    for operation in api.operations() {
        let (Some(paginate), Content::Json(page)) = (&operation.paginate, &operation.success.content) else {
            continue;
        };
        let TypeRef::Named(page) = api.resolve(page) else { continue };
        let name = type_ident(page);
        if !seen.contains(&name) {
            output.push(paged(api, operation, page, paginate)?);
            seen.push(name);
        }
    }
    Ok(output)
}

fn paged(api: &Api, operation: &Operation, page: &str, paginate: &Paginate) -> Result<TokenStream, Error> {
    let field = |name: &str| match api.types.get(page).map(|def| &def.shape) {
        Some(Shape::Object(object)) => {
            object.fields.iter().find(|field| field.name == name).ok_or_else(|| {
                Error::new(
                    WRITER,
                    format!("`{}`: `{page}` has no field `{name}`, which x-paginate names", operation.id),
                )
            })
        }
        _ => Err(Error::new(WRITER, format!("`{}`: `{page}` is no object", operation.id))),
    };
    let (items, next, more) =
        (field(&paginate.items)?, field(&paginate.next_cursor)?, field(&paginate.has_more)?);
    let item = type_tokens(&paginate.item, &quote!(types));
    let page = type_ident(page);
    let (items_name, next_name, more_name) =
        (snake_ident(&items.name), snake_ident(&next.name), snake_ident(&more.name));
    // Absent, null and a value may be told apart by the type; here only the value counts.
    let (items_ref, items_own) = match (items.required, items.nullable) {
        (true, false) => (quote!(&self.#items_name), quote!(self.#items_name)),
        (false, true) => (
            quote!(self.#items_name.value().map(Vec::as_slice).unwrap_or_default()),
            quote!(self.#items_name.into_value().unwrap_or_default()),
        ),
        _ => (
            quote!(self.#items_name.as_deref().unwrap_or_default()),
            quote!(self.#items_name.unwrap_or_default()),
        ),
    };
    let next = match (next.required, next.nullable) {
        (true, false) => quote!(Some(self.#next_name.as_str())),
        (false, true) => quote!(self.#next_name.value().map(String::as_str)),
        _ => quote!(self.#next_name.as_deref()),
    };
    let more = match (more.required, more.nullable) {
        (true, false) => quote!(self.#more_name),
        (false, true) => quote!(self.#more_name.value().copied().unwrap_or_default()),
        _ => quote!(self.#more_name.unwrap_or_default()),
    };
    Ok(quote! {
        impl Paged for types::#page {
            type Item = #item;

            fn items(&self) -> &[#item] {
                #items_ref
            }

            fn into_items(self) -> Vec<#item> {
                #items_own
            }

            fn next_cursor(&self) -> Option<&str> {
                #next
            }

            fn has_more(&self) -> bool {
                #more
            }
        }
    })
}
