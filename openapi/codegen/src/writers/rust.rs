//! What the Rust writers share: identifiers, types, documentation and formatting. One place, so that the types, the SDK and
//! the server cannot disagree on how a name of the spec is spelled in Rust.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::{Context, Error};
use crate::model::{Location, Operation, Parameter, TypeRef};

/// A type's name: `WalletPage`.
pub fn type_ident(name: &str) -> Ident {
    ident(&name.to_upper_camel_case(), "N")
}

/// A field's, function's, argument's or module's name: `wallet_id`, `r#type`.
pub fn snake_ident(name: &str) -> Ident {
    ident(&name.to_snake_case(), "n")
}

/// A static's name: `WALLETS_CREATE`.
pub fn static_ident(name: &str) -> Ident {
    ident(&name.to_shouty_snake_case(), "N")
}

/// A path parameter as an argument: `wallet_id`. What the generated methods call their own variables gets a prefix.
pub fn argument_ident(parameter: &Parameter) -> Ident {
    let ident = snake_ident(&parameter.name);
    let taken = ["api", "body", "context", "input", "params"].iter().any(|own| ident == own);
    if taken { format_ident!("path_{ident}") } else { ident }
}

/// An identifier out of any text: what cannot stand in one is dropped, what cannot stand first gets a letter, a keyword becomes raw.
fn ident(text: &str, letter: &str) -> Ident {
    let mut clean: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if clean.is_empty() || clean.starts_with(|c: char| c.is_ascii_digit()) || clean == "_" {
        clean.insert_str(0, letter);
    }
    match clean.as_str() {
        // These cannot be raw.
        "self" | "Self" | "super" | "crate" => Ident::new(&format!("{clean}_"), Span::call_site()),
        _ => syn::parse_str::<Ident>(&clean).unwrap_or_else(|_| Ident::new_raw(&clean, Span::call_site())),
    }
}

/// The module that holds the types, as a path: `::waypost_types`.
pub fn types_path(context: &Context<'_>) -> TokenStream {
    context.types_path().parse().unwrap_or_default()
}

/// A use of a type: `::waypost_types::Wallet`, `Vec<i64>`. `types` goes before named schemas (empty inside the types' module).
pub fn type_tokens(ty: &TypeRef, types: &TokenStream) -> TokenStream {
    match ty {
        TypeRef::Named(name) => {
            let name = type_ident(name);
            if types.is_empty() { quote!(#name) } else { quote!(#types::#name) }
        }
        TypeRef::String(_) => quote!(String),
        TypeRef::Integer { bits: 32 } => quote!(i32),
        TypeRef::Integer { .. } => quote!(i64),
        TypeRef::Number => quote!(f64),
        TypeRef::Boolean => quote!(bool),
        TypeRef::Array(item) => {
            let item = type_tokens(item, types);
            quote!(Vec<#item>)
        }
        TypeRef::Map(value) => {
            let value = type_tokens(value, types);
            quote!(std::collections::BTreeMap<String, #value>)
        }
        TypeRef::Any => quote!(serde_json::Value),
    }
}

/// The struct of an operation's query and header parameters, `WalletsListParams`; none if it has no such parameters.
pub fn params_ident(operation: &Operation) -> Option<Ident> {
    params_of(operation).next().map(|_| type_ident(&format!("{}_params", operation.id)))
}

/// The parameters that are fields of that struct: query, then header.
pub fn params_of(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter(|parameter| parameter.location != Location::Path)
}

/// The parameters in the path, in path order.
pub fn path_parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter(|parameter| parameter.location == Location::Path)
}

/// Markdown as doc comments; nothing for an empty text. Code in it is never taken for a Rust example.
pub fn doc(text: &str) -> TokenStream {
    let mut lines: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in text.trim().lines() {
        let line = line.trim_end();
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let fence = bare.starts_with("```") || bare.starts_with("~~~");
        let opens = fence && !fenced;
        lines.push(if opens && bare.chars().all(|c| c == '`' || c == '~') {
            format!(" {line}text")
        } else if !fenced && !fence && indent > 3 && lines.last().is_none_or(|last| last.trim().is_empty()) {
            // Four spaces after a blank line would be a code block.
            format!("    {bare}")
        } else {
            format!(" {line}")
        });
        fenced ^= fence;
    }
    quote!(#(#[doc = #lines])*)
}

/// A formatted Rust file under the header, an empty line between its items. `writer` is named in the error.
pub fn file_text(writer: &'static str, context: &Context<'_>, tokens: TokenStream) -> Result<String, Error> {
    let mut file = syn::parse2::<syn::File>(tokens)
        .map_err(|error| Error::new(writer, format!("wrote Rust that does not parse: {error}")))?;
    let items = std::mem::take(&mut file.items);
    let mut text = format!("// {}\n\n{}", context.header(), prettyplease::unparse(&file));
    let mut after_use = false;
    for item in items {
        let is_use = matches!(item, syn::Item::Use(_));
        if !(is_use && after_use) {
            text.push('\n');
        }
        after_use = is_use;
        let single = syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items: vec![item] };
        text.push_str(&prettyplease::unparse(&single));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    //! Every name of a spec becomes an identifier of the right case.

    use super::*;

    #[test]
    fn a_digit_or_a_keyword_does_not_stand_first() {
        assert_eq!(type_ident("2x2").to_string(), "N2x2");
        assert_eq!(static_ident("2x2").to_string(), "N2X2");
        assert_eq!(snake_ident("2x2").to_string(), "n2x2");
        assert_eq!(snake_ident("type").to_string(), "r#type");
        assert_eq!(snake_ident("self").to_string(), "self_");
    }
}
