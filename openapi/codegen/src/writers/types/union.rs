//! A tagged union: the enum reads and writes the tag, the variants' structs do not have it, so no value carries a wrong one.
//! A tag of a later version is kept with everything beside it.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{TypeDef, Union};
use crate::writers::rust::{doc, type_ident};

pub(super) fn item(definition: &TypeDef, union: &Union) -> TokenStream {
    let name = type_ident(&definition.name);
    let docs = doc(&definition.description);
    let property = &union.discriminator;
    let idents: Vec<_> = union.variants.iter().map(|variant| type_ident(&variant.tag)).collect();
    let types: Vec<_> = union.variants.iter().map(|variant| type_ident(&variant.ty)).collect();
    let tags: Vec<_> = union.variants.iter().map(|variant| variant.tag.as_str()).collect();
    let variant_docs = tags.iter().map(|tag| format!(" `{property}: {tag}`."));
    let conversions = union
        .variants
        .iter()
        .filter(|variant| union.variants.iter().filter(|other| other.ty == variant.ty).count() == 1)
        .map(|variant| {
            let (ident, ty) = (type_ident(&variant.tag), type_ident(&variant.ty));
            quote! {
                impl From<#ty> for #name {
                    fn from(value: #ty) -> Self {
                        Self::#ident(value)
                    }
                }
            }
        });
    let unknown = format!(
        " A `{property}` that this version does not know, with everything beside it; it survives a round trip."
    );
    let tag_docs = format!(" The value of `{property}`; none if an unknown value has no such string.");
    quote! {
        #docs
        #[derive(Debug, Clone, PartialEq)]
        pub enum #name {
            #(#[doc = #variant_docs] #idents(#types),)*
            #[doc = #unknown]
            Unknown(serde_json::Value),
        }
        impl #name {
            #[doc = #tag_docs]
            pub fn tag(&self) -> Option<&str> {
                match self {
                    #(Self::#idents(_) => Some(#tags),)*
                    Self::Unknown(value) => value.get(#property).and_then(serde_json::Value::as_str),
                }
            }
        }
        #(#conversions)*
        impl Serialize for #name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[derive(Serialize)]
                #[serde(tag = #property)]
                enum Tagged<'a> {
                    #(#[serde(rename = #tags)] #idents(&'a #types),)*
                }
                match self {
                    #(Self::#idents(value) => Tagged::#idents(value).serialize(serializer),)*
                    Self::Unknown(value) => value.serialize(serializer),
                }
            }
        }
        impl<'de> Deserialize<'de> for #name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut value = serde_json::Value::deserialize(deserializer)?;
                let tag = value.get(#property).and_then(serde_json::Value::as_str).map(str::to_owned);
                let known = matches!(tag.as_deref(), #(Some(#tags))|*);
                if known && let Some(object) = value.as_object_mut() {
                    object.remove(#property);
                }
                match tag.as_deref() {
                    #(Some(#tags) => {
                        serde_json::from_value(value).map(Self::#idents).map_err(serde::de::Error::custom)
                    })*
                    _ => Ok(Self::Unknown(value)),
                }
            }
        }
    }
}
