//! How one operation is called, in each language: the snippets of the reference and of the SDKs' own documentation.
//!
//! A language is one function in [`LANGUAGES`]; everything that shows samples walks that list. The text comes from the
//! operation's own examples, so it is as true as they are, and the Rust sample is the doc test of the method it calls.

pub(super) mod curl;
pub(super) mod python;
pub(super) mod rust;
#[cfg(test)]
mod tests;
pub(super) mod typescript;
mod value;

use std::borrow::Cow;

use serde_json::Value;

use super::{Context, Error};
use crate::model::{Api, Bounds, Operation, Parameter, TypeRef};

/// A snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// As `x-codeSamples` and syntax highlighters name it.
    pub(super) lang: &'static str,
    /// On its tab.
    pub(super) label: &'static str,
    /// The whole snippet, with no line break at its end.
    pub(super) source: String,
}

/// What a language is: its two names, and the function that writes its snippet.
pub(super) struct Language {
    lang: &'static str,
    label: &'static str,
    write: fn(&Api, &Context<'_>, &Operation) -> Result<String, Error>,
}

/// In the order of the tabs.
pub(super) const LANGUAGES: &[Language] = &[
    Language { lang: "Rust", label: "Rust", write: rust::write },
    Language { lang: "Python", label: "Python", write: python::write },
    Language { lang: "TypeScript", label: "TypeScript", write: typescript::write },
    Language { lang: "Shell", label: "curl", write: curl::write },
];

/// The snippets of an operation; none of one that only browsers call.
pub(super) fn of(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<Vec<Sample>, Error> {
    LANGUAGES
        .iter()
        .filter(|_| !operation.browser)
        .map(|language| {
            let source = (language.write)(api, context, operation)?;
            Ok(Sample { lang: language.lang, label: language.label, source: source.trim_end().to_owned() })
        })
        .collect()
}

/// The value that samples give a parameter; none if it may be left out and the spec has no example for it.
fn example<'a>(api: &Api, operation: &'a Operation, parameter: &'a Parameter) -> Option<Cow<'a, Value>> {
    let given = operation.parameter_examples.get(&parameter.name).or(parameter.example.as_ref());
    given
        .map(Cow::Borrowed)
        .or_else(|| parameter.required.then(|| Cow::Owned(value::of(api, &parameter.ty, &parameter.bounds))))
}

/// The body that samples send.
fn body<'a>(api: &Api, operation: &'a Operation, ty: &TypeRef) -> Cow<'a, Value> {
    match &operation.request_example {
        Some(value) => Cow::Borrowed(value),
        None => Cow::Owned(value::of(api, ty, &Bounds::default())),
    }
}

/// How many parameters that may be left out a sample shows: enough to see how it is done.
const OPTIONAL: usize = 2;

/// The parameters that a sample gives: all that must be given, and the first others that have an example. Never a cursor, which no
/// reader has yet.
fn shown<'a>(api: &Api, operation: &'a Operation) -> impl Iterator<Item = (&'a Parameter, Cow<'a, Value>)> {
    let mut left = OPTIONAL;
    operation.parameters.iter().filter_map(move |parameter| {
        let value = example(api, operation, parameter)?;
        if !parameter.required {
            if operation.paginate.as_ref().is_some_and(|paginate| paginate.cursor == parameter.name) {
                return None;
            }
            left = left.checked_sub(1)?;
        }
        Some((parameter, value))
    })
}
