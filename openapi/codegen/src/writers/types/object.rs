//! An object as a struct: `new` takes what is required, in order; `with_…` sets the rest.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Types;
use crate::model::{Field, Object, TypeDef};
use crate::writers::rust::{doc, snake_ident, type_ident};

/// Whether a field of the object is read or written by `Patch`.
pub(super) fn uses_patch(types: &Types<'_>, object: &Object) -> bool {
    object.fields.iter().any(|field| !field.required && (field.nullable || types.is_any(&field.ty)))
}

pub(super) fn item(types: &Types<'_>, definition: &TypeDef, object: &Object) -> TokenStream {
    let name = type_ident(&definition.name);
    let docs = doc(&definition.description);
    let members: Vec<Member<'_>> =
        object.fields.iter().map(|field| Member::new(types, &definition.name, field)).collect();
    let fields = members.iter().map(Member::declaration);
    let extra = object.open.then(|| extra_ident(&members));
    let extra_field = extra.iter().map(|extra| {
        quote! {
            /// Fields that this version does not know; they survive a round trip.
            #[serde(flatten)]
            pub #extra: serde_json::Map<String, serde_json::Value>,
        }
    });
    let mut derives = vec![quote!(Clone), quote!(PartialEq), quote!(Serialize), quote!(Deserialize)];
    let secret = object.fields.iter().any(|field| field.secret);
    if !secret {
        derives.insert(0, quote!(Debug));
    }
    if members.iter().filter(|member| member.is_bare()).all(|member| types.has_default(&member.field.ty)) {
        derives.push(quote!(Default));
    }
    let debug = secret.then(|| debug(&name, &members, extra.as_ref()));
    let constructor = constructor(&members, extra.as_ref());
    let setters = members.iter().filter_map(Member::setter);
    quote! {
        #docs
        #[derive(#(#derives),*)]
        pub struct #name {
            #(#fields)*
            #(#extra_field)*
        }
        impl #name {
            #constructor
            #(#setters)*
        }
        #debug
    }
}

/// `extra`, unless the object has a property of that name.
fn extra_ident(members: &[Member<'_>]) -> Ident {
    let mut name = "extra".to_owned();
    while members.iter().any(|member| member.ident == name) {
        name.push_str("_fields");
    }
    format_ident!("{name}")
}

struct Member<'a> {
    field: &'a Field,
    ident: Ident,
    /// The type of a value, without the wrapper of an optional field.
    value: TokenStream,
    string: bool,
    any: bool,
    boxed: bool,
}

impl<'a> Member<'a> {
    fn new(types: &Types<'_>, owner: &str, field: &'a Field) -> Self {
        Self {
            field,
            ident: snake_ident(&field.name),
            value: types.tokens(&field.ty),
            string: types.is_string(&field.ty),
            any: types.is_any(&field.ty),
            boxed: types.is_boxed(owner, &field.name),
        }
    }

    /// Required and never null: the value itself, with no wrapper.
    fn is_bare(&self) -> bool {
        self.field.required && !self.field.nullable
    }

    fn ty(&self) -> TokenStream {
        let value = &self.value;
        let value = if self.boxed { quote!(Box<#value>) } else { quote!(#value) };
        match (self.field.required, self.field.nullable) {
            (true, false) => value,
            (true, true) | (false, false) => quote!(Option<#value>),
            (false, true) => quote!(Patch<#value>),
        }
    }

    fn declaration(&self) -> TokenStream {
        let (docs, ident, ty) = (doc(&self.field.description), &self.ident, self.ty());
        let mut attributes = Vec::new();
        if ident.to_string().trim_start_matches("r#") != self.field.name {
            let name = &self.field.name;
            attributes.push(quote!(rename = #name));
        }
        match (self.field.required, self.field.nullable) {
            (true, _) => {}
            (false, true) => attributes.push(quote!(default, skip_serializing_if = "Patch::is_absent")),
            // Of any value, null is one: it is there.
            (false, false) if self.any => attributes.push(quote!(
                default,
                deserialize_with = "Patch::present",
                skip_serializing_if = "Option::is_none"
            )),
            (false, false) => attributes.push(quote!(default, skip_serializing_if = "Option::is_none")),
        }
        let serde = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
        quote! {
            #docs
            #serde
            pub #ident: #ty,
        }
    }

    /// The argument of `new`, and what it puts into the field.
    fn argument(&self) -> (TokenStream, TokenStream) {
        let (ident, value) = (&self.ident, &self.value);
        let (ty, given) = match (self.field.nullable, self.string) {
            (true, _) => (quote!(Option<#value>), quote!(#ident)),
            (false, true) => (quote!(impl Into<#value>), quote!(#ident.into())),
            (false, false) => (quote!(#value), quote!(#ident)),
        };
        let field = match (self.boxed, self.field.nullable) {
            (false, _) if self.string && !self.field.nullable => quote!(#ident: #given),
            (false, _) => quote!(#ident),
            (true, false) => quote!(#ident: Box::new(#given)),
            (true, true) => quote!(#ident: #given.map(Box::new)),
        };
        (quote!(#ident: #ty), field)
    }

    fn setter(&self) -> Option<TokenStream> {
        if self.field.required {
            return None;
        }
        let (ident, value) = (&self.ident, &self.value);
        let plain = ident.to_string();
        let name = format_ident!("with_{}", plain.trim_start_matches("r#"));
        let about = if self.field.nullable {
            format!(" Sets `{}`; `Patch::Null` sends null.", self.field.name)
        } else {
            format!(" Sets `{}`.", self.field.name)
        };
        let (argument, given) = match (self.field.nullable, self.boxed) {
            (false, false) => (quote!(impl Into<#value>), quote!(Some(#ident.into()))),
            (false, true) => (quote!(impl Into<#value>), quote!(Some(Box::new(#ident.into())))),
            (true, false) => (quote!(impl Into<Patch<#value>>), quote!(#ident.into())),
            (true, true) => (quote!(impl Into<Patch<#value>>), quote!(#ident.into().map(Box::new))),
        };
        Some(quote! {
            #[doc = #about]
            #[must_use]
            pub fn #name(mut self, #ident: #argument) -> Self {
                self.#ident = #given;
                self
            }
        })
    }
}

fn constructor(members: &[Member<'_>], extra: Option<&Ident>) -> TokenStream {
    let (mut arguments, mut fields) = (Vec::new(), Vec::new());
    for member in members {
        if member.field.required {
            let (argument, field) = member.argument();
            arguments.push(argument);
            fields.push(field);
        } else {
            let ident = &member.ident;
            fields.push(quote!(#ident: Default::default()));
        }
    }
    fields.extend(extra.map(|extra| quote!(#extra: serde_json::Map::new())));
    let about = if arguments.is_empty() {
        " With nothing set."
    } else {
        " With what is required; the rest is absent."
    };
    quote! {
        #[doc = #about]
        pub fn new(#(#arguments),*) -> Self {
            Self { #(#fields),* }
        }
    }
}

fn debug(name: &Ident, members: &[Member<'_>], extra: Option<&Ident>) -> TokenStream {
    let text = name.to_string();
    let fields = members.iter().map(|member| {
        let ident = &member.ident;
        let label = ident.to_string();
        let label = label.trim_start_matches("r#");
        if member.field.secret {
            quote!(.field(#label, &format_args!("[redacted]")))
        } else {
            quote!(.field(#label, &self.#ident))
        }
    });
    let extra = extra.iter().map(|extra| {
        let label = extra.to_string();
        quote!(.field(#label, &self.#extra))
    });
    quote! {
        impl std::fmt::Debug for #name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(#text) #(#fields)* #(#extra)* .finish()
            }
        }
    }
}
