//! The query and header parameters of each operation as one struct, used by the SDK to send them and by the server to read
//! them. Path parameters are arguments of their own.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::rust::{doc, file_text, params_ident, params_of, snake_ident, type_tokens};
use super::types::{ALLOW, Types};
use super::{Context, Error, File};
use crate::model::{Api, Operation, Parameter, TypeRef};

const NAME: &str = "params";

/// Writes it.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let types = Types::new(api);
    let structs = api
        .resources
        .iter()
        .flat_map(|resource| &resource.operations)
        .filter_map(|operation| item(&types, operation));
    let allow = ALLOW.parse::<TokenStream>().map_err(|error| Error::new(NAME, error))?;
    let text = file_text(
        NAME,
        context,
        quote! {
            //! The query and header parameters of each operation that has some. Lists that are empty are not sent.
            #allow
            use serde::{Deserialize, Serialize};
            #(#structs)*
        },
    )?;
    Ok(vec![File::new("params.rs", text)])
}

fn item(types: &Types<'_>, operation: &Operation) -> Option<TokenStream> {
    let name = params_ident(operation)?;
    let about = format!(" Parameters of `{}`: {}", operation.id, operation.summary);
    let parameters: Vec<&Parameter> = params_of(operation).collect();
    let fields = parameters.iter().map(|parameter| field(parameter));
    let required = || parameters.iter().filter(|parameter| parameter.required && !is_list(parameter));
    let default = required().all(|parameter| types.has_default(&parameter.ty));
    let derive_default = default.then(|| quote!(, Default));
    let constructor = required().next().map(|_| constructor(types, &parameters));
    let setters =
        parameters.iter().filter(|parameter| !parameter.required || is_list(parameter)).map(|p| setter(p));
    Some(quote! {
        #[doc = #about]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize #derive_default)]
        pub struct #name {
            #(#fields)*
        }
        impl #name {
            #constructor
            #(#setters)*
        }
    })
}

fn is_list(parameter: &Parameter) -> bool {
    matches!(parameter.ty, TypeRef::Array(_))
}

fn ty(parameter: &Parameter) -> TokenStream {
    type_tokens(&parameter.ty, &quote!(super))
}

fn field(parameter: &Parameter) -> TokenStream {
    let (ident, ty, docs) = (snake_ident(&parameter.name), ty(parameter), doc(&parameter.description));
    let mut attributes = Vec::new();
    if ident.to_string().trim_start_matches("r#") != parameter.name {
        let name = &parameter.name;
        attributes.push(quote!(rename = #name));
    }
    let ty = if is_list(parameter) {
        attributes.push(quote!(default, skip_serializing_if = "Vec::is_empty"));
        ty
    } else if parameter.required {
        ty
    } else {
        attributes.push(quote!(default, skip_serializing_if = "Option::is_none"));
        quote!(Option<#ty>)
    };
    let serde = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
    quote! {
        #docs
        #serde
        pub #ident: #ty,
    }
}

fn constructor(types: &Types<'_>, parameters: &[&Parameter]) -> TokenStream {
    let (mut arguments, mut fields) = (Vec::new(), Vec::new());
    for parameter in parameters {
        let (ident, ty) = (snake_ident(&parameter.name), ty(parameter));
        if !parameter.required || is_list(parameter) {
            fields.push(quote!(#ident: Default::default()));
        } else if types.is_string(&parameter.ty) {
            arguments.push(quote!(#ident: impl Into<#ty>));
            fields.push(quote!(#ident: #ident.into()));
        } else {
            arguments.push(quote!(#ident: #ty));
            fields.push(quote!(#ident));
        }
    }
    quote! {
        /// With what is required; the rest is absent.
        pub fn new(#(#arguments),*) -> Self {
            Self { #(#fields),* }
        }
    }
}

fn setter(parameter: &Parameter) -> TokenStream {
    let (ident, ty) = (snake_ident(&parameter.name), ty(parameter));
    let plain = ident.to_string();
    let name = format_ident!("with_{}", plain.trim_start_matches("r#"));
    let about = format!(" Sets `{}`.", parameter.name);
    let given = if is_list(parameter) { quote!(#ident.into()) } else { quote!(Some(#ident.into())) };
    quote! {
        #[doc = #about]
        #[must_use]
        pub fn #name(mut self, #ident: impl Into<#ty>) -> Self {
            self.#ident = #given;
            self
        }
    }
}
