//! An enum that is open: a value of a later version of the API is read into `Unknown` and written back as it came.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{EnumValue, TypeDef};
use crate::writers::rust::{doc, type_ident};

pub(super) fn item(definition: &TypeDef, values: &[EnumValue]) -> TokenStream {
    let name = type_ident(&definition.name);
    let docs = doc(&definition.description);
    let idents: Vec<_> = values.iter().map(|value| type_ident(&value.value)).collect();
    let texts: Vec<_> = values.iter().map(|value| value.value.as_str()).collect();
    let value_docs = values.iter().map(|value| {
        if value.description.is_empty() {
            doc(&format!("`{}`", value.value))
        } else {
            doc(&value.description)
        }
    });
    quote! {
        #docs
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum #name {
            #(#value_docs #idents,)*
            /// A value that this version does not know; it survives a round trip.
            Unknown(String),
        }
        impl #name {
            /// Every value that this version knows.
            pub const ALL: &'static [Self] = &[#(Self::#idents),*];

            /// As on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    #(Self::#idents => #texts,)*
                    Self::Unknown(value) => value,
                }
            }

            fn known(value: &str) -> Option<Self> {
                match value {
                    #(#texts => Some(Self::#idents),)*
                    _ => None,
                }
            }
        }
        impl std::fmt::Display for #name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl From<&str> for #name {
            fn from(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))
            }
        }
        impl From<String> for #name {
            fn from(value: String) -> Self {
                Self::known(&value).unwrap_or(Self::Unknown(value))
            }
        }
        impl std::str::FromStr for #name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(value))
            }
        }
        impl Serialize for #name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for #name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    }
}
