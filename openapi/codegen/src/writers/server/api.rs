//! The traits that a gateway implements. An operation added to the spec is a method that is missing until somebody writes it.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{NAME, outcome};
use crate::model::{Api, Body, Content, Operation, Resource};
use crate::writers::rust::{self, doc};
use crate::writers::{Context, Error};

/// The text of `api.rs`.
pub(super) fn write(api: &Api, context: &Context<'_>) -> Result<String, Error> {
    let types = rust::types_path(context);
    let resources = api.resources.iter().filter(|resource| !resource.operations.is_empty());
    let traits =
        resources.clone().map(|resource| resource_trait(resource, &types)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<_> = resources.map(trait_ident).collect();
    let tokens = quote! {
        //! What a server of this contract implements: one trait a resource, one method an operation, one type a success
        //! status. `C` is the context that the gate makes of a request, `E` the error that the gate can answer.

        use std::future::Future;

        #[allow(unused_imports)]
        use super::outcome::{Accepted, Created, NoContent, Page, Streamed, Success, Text};

        #(#traits)*

        /// The whole contract.
        pub trait Api<C, E>: #(#names<C, E> +)* Send + Sync + 'static {}

        impl<T, C, E> Api<C, E> for T where T: #(#names<C, E> +)* Send + Sync + 'static {}
    };
    rust::file_text(NAME, context, tokens)
}

fn trait_ident(resource: &Resource) -> proc_macro2::Ident {
    format_ident!("{}Api", rust::type_ident(&resource.name))
}

fn resource_trait(resource: &Resource, types: &TokenStream) -> Result<TokenStream, Error> {
    let name = trait_ident(resource);
    let text = match resource.description.trim() {
        "" => format!("The operations of `{}`.", resource.name),
        text => text.to_owned(),
    };
    let docs = doc(&text);
    let methods = resource
        .operations
        .iter()
        .map(|operation| method(operation, types))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        #docs
        pub trait #name<C, E>: Send + Sync + 'static {
            #(#methods)*
        }
    })
}

fn method(operation: &Operation, types: &TokenStream) -> Result<TokenStream, Error> {
    let docs = doc(&format!(
        "{}\n\n`{} {}`\n\n{}",
        operation.summary.trim(),
        operation.method,
        operation.path,
        operation.description.trim()
    ));
    let name = rust::snake_ident(&operation.id);
    let arguments = arguments(operation).into_iter().map(|argument| {
        let ty = argument.ty(operation, types);
        let name = argument.name;
        quote!(#name: #ty)
    });
    let outcome_name = format_ident!("{}", outcome(operation)?);
    let outcome = match &operation.success.content {
        Content::Json(ty) => {
            let ty = rust::type_tokens(ty, types);
            quote!(#outcome_name<#ty>)
        }
        Content::None | Content::Text(_) | Content::Bytes(_) | Content::EventStream(_) => {
            quote!(#outcome_name)
        }
    };
    Ok(quote! {
        #docs
        fn #name(
            &self,
            context: C,
            #(#arguments,)*
        ) -> impl Future<Output = Result<#outcome, E>> + Send;
    })
}

/// One argument of a method after the context.
pub(super) struct Argument {
    /// Its name.
    pub(super) name: proc_macro2::Ident,
    /// Where it comes from.
    pub(super) source: Source,
}

/// Where an argument comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Path,
    Parameters,
    Body,
}

/// Path parameters in path order, then the query and header parameters as one struct, then the body.
pub(super) fn arguments(operation: &Operation) -> Vec<Argument> {
    let mut arguments: Vec<_> = rust::path_parameters(operation)
        .map(|parameter| Argument { name: rust::argument_ident(parameter), source: Source::Path })
        .collect();
    if rust::params_ident(operation).is_some() {
        arguments.push(Argument { name: format_ident!("params"), source: Source::Parameters });
    }
    if operation.body.is_some() {
        arguments.push(Argument { name: format_ident!("body"), source: Source::Body });
    }
    arguments
}

impl Argument {
    fn ty(&self, operation: &Operation, types: &TokenStream) -> TokenStream {
        match (self.source, &operation.body) {
            (Source::Parameters, _) => {
                let name = rust::params_ident(operation);
                quote!(#types::params::#name)
            }
            (Source::Body, Some(Body::Json(ty) | Body::Form(ty))) => rust::type_tokens(ty, types),
            (Source::Body, _) => quote!(axum::body::Bytes),
            (Source::Path, _) => quote!(String),
        }
    }
}
