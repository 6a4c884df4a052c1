//! The function that binds a gate and an implementation of the traits to the paths of the contract.

use proc_macro2::TokenStream;
use quote::quote;

use super::api::{Source, arguments};
use super::{NAME, operations_of};
use crate::model::{Api, Body, Operation};
use crate::writers::rust;
use crate::writers::{Context, Error};

/// The text of `router.rs`.
pub(super) fn write(api: &Api, context: &Context<'_>) -> Result<String, Error> {
    let routes = operations_of(api).map(route);
    let tokens = quote! {
        //! Every path of the contract, bound to its method of the traits.

        use std::sync::Arc;

        use super::api::*;
        use super::gate::{Failure, Gate, Routes};
        use super::operations;
        use super::outcome::Outcome;
        use super::validate::SchemaError;

        /// The router of the contract. A path that is not in it, or a method that a path does not take, goes to
        /// [`Gate::unrouted`]. Fails only where the contract's own schemas do not compile.
        pub fn router<G, A>(gate: Arc<G>, api: Arc<A>) -> Result<axum::Router, SchemaError>
        where
            G: Gate,
            A: Api<G::Context, G::Error>,
        {
            let mut routes = Routes::new(gate)?;
            #(#routes)*
            Ok(routes.finish())
        }
    };
    rust::file_text(NAME, context, tokens)
}

fn route(operation: &Operation) -> TokenStream {
    let table = rust::static_ident(&operation.id);
    let method = rust::snake_ident(&operation.id);
    let arguments = arguments(operation);
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let reads = arguments.iter().map(|argument| {
        let name = &argument.name;
        match (argument.source, &operation.body) {
            (Source::Path, _) => quote!(let #name = input.path();),
            (Source::Parameters, _) => quote!(let #name = input.parameters()?;),
            (Source::Body, Some(Body::Bytes(_))) => quote!(let #name = input.bytes();),
            (Source::Body, _) => quote!(let #name = input.body()?;),
        }
    });
    let input = if arguments.is_empty() { quote!(_input) } else { quote!(mut input) };
    quote! {
        routes.add(&operations::#table, {
            let api = Arc::clone(&api);
            move |context, #input| {
                let api = Arc::clone(&api);
                Box::pin(async move {
                    #(#reads)*
                    let outcome = api.#method(context #(, #names)*).await.map_err(Failure::Handler)?;
                    Ok(outcome.answer(&operations::#table)?)
                })
            }
        });
    }
}
