//! What is done to progenitor's output before it is a file of ours.
//!
//! - Its `types` module goes: nothing in it is used once every schema is replaced. A type that slipped through is an error.
//! - `Client::new` goes: it unwraps. The engine's client makes this one, and a foreign user has `new_with_client`.
//! - A path argument is encoded whole and `.`, `..` and the empty value are refused: progenitor's own encoding lets the dots walk
//!   up the path.
//! - A bytes body gets its true media type back.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{ImplItem, Item};

use super::{Error, WRITER, document::BYTES};
use crate::model::{Api, Body, Location, Operation};
use crate::writers::rust::{snake_ident, type_ident, types_path};
use crate::writers::{Context, Layout};

/// Does it.
pub(super) fn finish(api: &Api, context: &Context<'_>, tokens: TokenStream) -> Result<TokenStream, Error> {
    let mut file: syn::File = syn::parse2(tokens)
        .map_err(|error| Error::new(WRITER, format!("progenitor wrote no Rust: {error}")))?;
    let operations: Vec<&Operation> =
        api.resources.iter().flat_map(|resource| &resource.operations).collect();

    let mut problems = Vec::new();
    file.items.retain(|item| match item {
        Item::Mod(module) if module.ident == "types" => {
            problems.extend(own_types(module));
            false
        }
        Item::Mod(module) => module.ident != "prelude",
        _ => true,
    });
    if let Some(name) = problems.first() {
        return Err(Error::new(
            WRITER,
            format!("progenitor made a type of its own, `{name}`, where the types crate has none"),
        ));
    }

    for item in &mut file.items {
        let Item::Impl(block) = item else { continue };
        if block.trait_.is_some() {
            continue;
        }
        block.items.retain(|item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"));
        for item in &mut block.items {
            let ImplItem::Fn(function) = item else { continue };
            let Some(operation) = operations.iter().find(|o| snake_ident(&o.id) == function.sig.ident) else {
                continue;
            };
            *function = syn::parse2(rewrite(operation, function.to_token_stream())?)
                .map_err(|error| Error::new(WRITER, format!("`{}`: {error}", operation.id)))?;
        }
    }

    let about = match context.layout {
        Layout::Repository => format!(
            " progenitor's client of {} {}: positional arguments, one method an operation, sent through the engine.",
            api.title, api.version
        ),
        Layout::Standalone => format!(" progenitor's client of {} {}.", api.title, api.version),
    };
    let segment = operations.iter().any(|o| o.parameters.iter().any(|p| p.location == Location::Path));
    let segment = segment.then(|| path_segment(api, context));
    let items = &file.items;
    // The code and its prose are progenitor's: not ours to lint, and not ours to reword.
    Ok(quote! {
        #![doc = #about]
        #![allow(
            clippy::all,
            clippy::unwrap_used,
            clippy::expect_used,
            clippy::panic,
            clippy::indexing_slicing,
            missing_docs,
            unused_imports,
            unused_mut,
            elided_lifetimes_in_paths,
            unreachable_pub,
            rustdoc::all
        )]
        #(#items)*
        #segment
    })
}

/// Types that progenitor wrote itself, by name.
fn own_types(module: &syn::ItemMod) -> Vec<String> {
    let items = module.content.iter().flat_map(|(_, items)| items);
    items
        .filter_map(|item| match item {
            Item::Struct(item) => Some(item.ident.to_string()),
            Item::Enum(item) => Some(item.ident.to_string()),
            Item::Type(item) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect()
}

/// Rewrites one method; an expected place that is not there means that progenitor's output has changed, which must not pass.
fn rewrite(operation: &Operation, tokens: TokenStream) -> Result<TokenStream, Error> {
    let media_type = match &operation.body {
        Some(Body::Bytes(media_type)) if media_type != BYTES => Some(media_type.as_str()),
        _ => None,
    };
    let mut rewriting = Rewriting { media_type, segments: 0, media_types: 0 };
    let tokens = rewriting.stream(tokens);
    let segments = operation.parameters.iter().filter(|p| p.location == Location::Path).count();
    if rewriting.segments != segments || rewriting.media_types != usize::from(media_type.is_some()) {
        return Err(Error::new(
            WRITER,
            format!("`{}`: progenitor's output has another form than this writer knows", operation.id),
        ));
    }
    Ok(tokens)
}

struct Rewriting<'a> {
    media_type: Option<&'a str>,
    segments: usize,
    media_types: usize,
}

impl Rewriting<'_> {
    fn stream(&mut self, tokens: TokenStream) -> TokenStream {
        let mut output = TokenStream::new();
        let mut call = false;
        for token in tokens {
            let was_call = std::mem::take(&mut call);
            match token {
                TokenTree::Ident(ident) if ident == "encode_path" => {
                    call = true;
                    output.extend([TokenTree::Ident(Ident::new("path_segment", Span::call_site()))]);
                }
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), self.stream(group.stream()));
                    inner.set_span(group.span());
                    output.extend([TokenTree::Group(inner)]);
                    if was_call && group.delimiter() == Delimiter::Parenthesis {
                        self.segments += 1;
                        output.extend(quote!(?));
                    }
                }
                TokenTree::Literal(literal) => output.extend([TokenTree::Literal(self.literal(literal))]),
                other => output.extend([other]),
            }
        }
        output
    }

    fn literal(&mut self, literal: Literal) -> Literal {
        match self.media_type {
            Some(media_type) if literal.to_string() == format!("{BYTES:?}") => {
                self.media_types += 1;
                Literal::string(media_type)
            }
            _ => literal,
        }
    }
}

fn path_segment(api: &Api, context: &Context<'_>) -> TokenStream {
    let types = types_path(context);
    let problem = type_ident(&api.problem);
    quote! {
        /// A path argument as one segment: every byte but RFC 3986's unreserved ones percent-encoded. What would be another path
        /// altogether is refused.
        fn path_segment(value: &str) -> Result<String, Error<#types::#problem>> {
            if matches!(value, "" | "." | "..") {
                return Err(Error::InvalidRequest(format!("a path argument cannot be {value:?}")));
            }
            let mut segment = String::with_capacity(value.len());
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => segment.push(char::from(byte)),
                    _ => segment.push_str(&format!("%{byte:02X}")),
                }
            }
            Ok(segment)
        }
    }
}
