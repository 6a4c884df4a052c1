//! progenitor's typed client, on the types of the types crate.
//!
//! progenitor is handed a document made from the model, not the spec as written: what it would refuse, or carry wrongly in
//! silence (constraints on parameters, `application/problem+json`, several media types, the engine's own headers), is settled in
//! [`document`]; what it writes is finished in [`finish`]. So its traps are met in two files, and the published spec stays as it is.
//! In the repository the client sends through the engine: `ClientHooks` for it is written by hand in `sdk-core/src/client/progenitor.rs`.

mod document;
mod finish;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

pub(crate) use document::TAKEN;
use proc_macro2::TokenStream;
use progenitor_impl::{GenerationSettings, Generator, HooksMode, TypeImpl};
use quote::quote;

use super::rust::{file_text, type_ident};
use super::{Context, Error, File, Layout};
use crate::model::Api;

const WRITER: &str = "client";

/// Writes `client.rs`.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let document = document::prepare(api)?;
    let tokens = run(&settings(api, context), &document)?;
    let tokens = finish::finish(api, context, tokens)?;
    Ok(vec![File::new("client.rs", file_text(WRITER, context, tokens)?)])
}

fn settings(api: &Api, context: &Context<'_>) -> GenerationSettings {
    let mut settings = GenerationSettings::new();
    settings.with_map_type("::std::collections::BTreeMap");
    for name in api.types.keys() {
        let path = format!("{}::{}", context.types_path(), type_ident(name));
        settings.with_replacement(
            document::key(api, name),
            path,
            [TypeImpl::Display, TypeImpl::FromStr].into_iter(),
        );
    }
    if context.layout == Layout::Repository {
        settings.with_inner_type(quote!(crate::client::progenitor::Inner)).with_hooks(HooksMode::Expected);
    }
    settings
}

/// Runs progenitor. It panics on some documents; none that [`document::prepare`] makes is known to do that, and if one does the
/// user still gets one line that says so.
fn run(settings: &GenerationSettings, document: &openapiv3::OpenAPI) -> Result<TokenStream, Error> {
    let outcome = quietly(|| Generator::new(settings).generate_tokens(document));
    match outcome {
        Ok(Ok(tokens)) => Ok(tokens),
        Ok(Err(error)) => Err(Error::new(WRITER, format!("progenitor refused the document: {error}"))),
        Err(reason) => Err(Error::new(
            WRITER,
            format!(
                "progenitor gave up on the document: {reason}; leave this artefact out with --only, or change the construct"
            ),
        )),
    }
}

/// Runs `work`, and turns a panic into its message without printing it. The hook stays in place for good and asks a thread-local,
/// so panics of other threads are reported as ever.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    outcome.map_err(|payload| match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            payload.downcast::<&str>().map_or_else(|_| "no reason given".into(), |text| (*text).to_owned())
        }
    })
}
