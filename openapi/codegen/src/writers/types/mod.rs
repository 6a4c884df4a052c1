//! Every named schema as a Rust type. The promise: a value that was read and is written again is the value that came, whatever
//! a later version of the API put into it: unknown fields, unknown enum values and unknown union tags are kept.
//!
//! Objects are in [`object`], enums in [`open_enum`], unions in [`union`]. In the repository the result is a module of
//! the crate `waypost-types`, whose `Patch` is written by hand; a standalone output brings that file along.

use indexmap::IndexMap;
use proc_macro2::TokenStream;
use quote::quote;

use super::rust::{doc, file_text, type_ident, type_tokens};
use super::{Context, Error, File, Layout};
use crate::build::behind_aliases;
use crate::model::{Api, Shape, TypeDef, TypeRef};

pub mod cycles;
pub mod object;
pub mod open_enum;
pub mod union;

const NAME: &str = "types";

/// The hand-written three-state field of the types crate.
const PATCH: &str = include_str!("../../../../types/src/patch.rs");

/// Writes it.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let types = Types::new(api);
    let items = api.types.values().map(|definition| types.item(definition)).collect::<Vec<_>>();
    let patched = api.types.values().any(|definition| match &definition.shape {
        Shape::Object(shape) => object::uses_patch(&types, shape),
        _ => false,
    });
    let (modules, path) = match context.layout {
        Layout::Repository => (quote!(), quote!(crate::patch::Patch)),
        Layout::Standalone => (
            quote! {
                #[path = "params.rs"]
                pub mod params;
                #[path = "patch.rs"]
                pub mod patch;
            },
            quote!(self::patch::Patch),
        ),
    };
    let import = patched.then(|| quote!(use #path;));
    let about = format!(
        " Every schema of {} {}: objects with `new` for what is required and `with_…` for the rest, open enums, tagged unions.",
        api.title, api.version
    );
    let allow = ALLOW.parse::<TokenStream>().map_err(|error| Error::new(NAME, error))?;
    let text = file_text(
        NAME,
        context,
        quote! {
            #![doc = #about]
            #allow
            #modules
            use serde::{Deserialize, Serialize};
            #import
            #(#items)*
        },
    )?;
    let mut files = vec![File::new(
        match context.layout {
            Layout::Repository => "generated.rs",
            Layout::Standalone => "types.rs",
        },
        text,
    )];
    if context.layout == Layout::Standalone {
        files.push(File::new("patch.rs", PATCH));
    }
    Ok(files)
}

/// What a foreign spec's texts and sizes may set off in generated code.
pub(super) const ALLOW: &str = "#![allow(missing_docs, unused_imports, unreachable_pub, rustdoc::all, \
     clippy::too_many_arguments, clippy::new_without_default, clippy::large_enum_variant, clippy::doc_markdown, \
     clippy::doc_lazy_continuation, clippy::should_implement_trait, clippy::derivable_impls)]";

/// The named types, and which fields are boxed.
pub(super) struct Types<'a> {
    /// By name.
    pub(super) all: &'a IndexMap<String, TypeDef>,
    boxed: cycles::BoxedFields,
}

impl<'a> Types<'a> {
    pub(super) fn new(api: &'a Api) -> Self {
        Self { all: &api.types, boxed: cycles::boxed_fields(&api.types) }
    }

    fn item(&self, definition: &TypeDef) -> TokenStream {
        match &definition.shape {
            Shape::Object(shape) => object::item(self, definition, shape),
            Shape::Enum(values) => open_enum::item(definition, values),
            Shape::Union(shape) => union::item(definition, shape),
            Shape::Alias(ty, _) => {
                let (name, docs, ty) =
                    (type_ident(&definition.name), doc(&definition.description), self.tokens(ty));
                quote!(#docs pub type #name = #ty;)
            }
        }
    }

    /// A use of a type from inside the module.
    pub(super) fn tokens(&self, ty: &TypeRef) -> TokenStream {
        type_tokens(ty, &TokenStream::new())
    }

    /// Whether values of the type are Rust strings, under whatever name.
    pub(super) fn is_string(&self, ty: &TypeRef) -> bool {
        matches!(behind_aliases(self.all, ty), TypeRef::String(_))
    }

    /// Whether any JSON value is one of the type, null too.
    pub(super) fn is_any(&self, ty: &TypeRef) -> bool {
        matches!(behind_aliases(self.all, ty), TypeRef::Any)
    }

    /// Whether the type implements `Default`: a closed choice has no default, and so nothing that requires one.
    pub(super) fn has_default(&self, ty: &TypeRef) -> bool {
        self.has_default_within(ty, self.all.len())
    }

    fn has_default_within(&self, ty: &TypeRef, depth: usize) -> bool {
        let TypeRef::Named(name) = ty else { return true };
        match self.all.get(name).map(|definition| &definition.shape) {
            Some(Shape::Alias(ty, _)) => depth > 0 && self.has_default_within(ty, depth - 1),
            Some(Shape::Object(object)) => {
                depth > 0
                    && object
                        .fields
                        .iter()
                        .filter(|field| field.required && !field.nullable)
                        .all(|field| self.has_default_within(&field.ty, depth - 1))
            }
            _ => false,
        }
    }

    /// Whether this field must be behind a pointer for its type to have a size.
    pub(super) fn is_boxed(&self, owner: &str, field: &str) -> bool {
        self.boxed.contains(&(owner.to_owned(), field.to_owned()))
    }
}
