//! The documentation of a method: what the spec says of the operation, as rustdoc shows it best.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Api, Deprecated, Operation, Resource};
use crate::writers::rust::doc;
use crate::writers::samples::rust::program;
use crate::writers::{Context, Error, Layout};

/// Summary, description, what the caller needs, errors by code, and an example that compiles.
pub(super) fn method(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<TokenStream, Error> {
    let mut text = format!("{}.\n\n", operation.summary.trim_end_matches('.'));
    match safe(&operation.description) {
        description if description.is_empty() => {}
        description => text.push_str(&format!("{description}\n\n")),
    }
    text.push_str(&format!("`{} {}`", operation.method, operation.path));
    if let Some(permission) = &operation.permission {
        text.push_str(&format!(" · needs `{permission}`"));
    }
    if let Some(since) = &operation.since {
        text.push_str(&format!(" · since {since}"));
    }
    if !operation.errors.is_empty() {
        text.push_str("\n\n# Errors\n\n| status | `code` | when |\n| --- | --- | --- |\n");
        for error in &operation.errors {
            let when = safe(&error.when).replace('\n', " ").replace('|', "\\|");
            text.push_str(&format!("| {} | `{}` | {when} |\n", error.status, error.code));
        }
    }
    let text = doc(&text);
    let example = example(api, context, operation)?;
    Ok(quote!(#text #[doc = ""] #example))
}

/// What a resource is; its name where the spec says nothing.
pub(super) fn resource(resource: &Resource) -> String {
    match safe(&resource.description) {
        text if text.is_empty() => format!("The operations of `{}`.", resource.name),
        text => text,
    }
}

/// The Rust sample: the very text that the reference shows, compiled by rustdoc and never run. A foreign spec's output does not
/// know the crate it will be in, so there it is only shown.
fn example(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<TokenStream, Error> {
    let fence = match context.layout {
        Layout::Repository => " ```no_run",
        Layout::Standalone => " ```ignore",
    };
    let lines = program(api, context, operation)?.into_iter().map(|line| {
        if line.frame {
            return format!(" # {}", line.text).trim_end().to_owned();
        }
        // Without the frame its indentation looks odd, and a line that begins with a hash would be taken for a hidden one.
        let text = line.text.strip_prefix("    ").unwrap_or(&line.text);
        let hash = if text.trim_start().starts_with('#') { "#" } else { "" };
        format!(" {hash}{text}").trim_end().to_owned()
    });
    Ok(quote! {
        #[doc = " # Example"]
        #[doc = ""]
        #[doc = #fence]
        #(#[doc = #lines])*
        #[doc = " ```"]
    })
}

/// What `#[deprecated]` says.
pub(super) fn deprecation(deprecated: &Deprecated) -> String {
    let mut note = format!("since {}", deprecated.since);
    if let Some(sunset) = &deprecated.sunset {
        note.push_str(&format!(", answered until {sunset}"));
    }
    if let Some(link) = &deprecated.link {
        note.push_str(&format!("; see {link}"));
    }
    note
}

/// A description of the spec as rustdoc can take it: code without a language is text and not a doc test, and neither `<T>` nor
/// `[name]` is markup or a link unless the author wrote one.
pub(super) fn safe(markdown: &str) -> String {
    let mut output = Vec::new();
    let mut fenced = false;
    for line in markdown.trim().lines() {
        let fence = line.trim_start().starts_with("```");
        if fence && !fenced && line.trim() == "```" {
            output.push(format!("{line}text"));
        } else if fence || fenced {
            output.push(line.to_owned());
        } else {
            // Four spaces would begin a code block, which rustdoc takes for a doc test.
            output.push(escape(line.strip_prefix("    ").map_or(line, str::trim_start)));
        }
        fenced ^= fence;
    }
    output.join("\n")
}

fn escape(line: &str) -> String {
    let links = line.contains("](");
    let mut output = String::with_capacity(line.len());
    let mut code = false;
    for (at, character) in line.char_indices() {
        let autolink = || line.get(at..).is_some_and(|rest| rest.starts_with("<http"));
        match character {
            '`' => code = !code,
            '<' if !code && !autolink() => output.push('\\'),
            '[' if !code && !links => output.push('\\'),
            _ => {}
        }
        output.push(character);
    }
    output
}
