//! The TypeScript SDK as its user sees it: `await client.wallets.create({ currency: "EUR" })`.
//!
//! `types.ts` has every schema (in [`types`]), `resources/*.ts` one class a resource (in [`resources`]), `client.ts` what puts them on a client, and
//! `index.ts` all of it. The generated code has no logic: a method names its operation and hands its arguments to the runtime
//! (`sdk-node/ts/call.ts`), which checks, sends and decodes. All of it is ESM, compiles under the strictest settings of `tsc`, and has no `any`.
//!
//! In the repository that is a part of the package `waypost`. A stranger gets the same files, importing the runtime from the published package; since
//! the engine's table has none of their operations, each operation carries its own description. Their program is
//! `new Client(new Waypost({ baseUrl }).caller)`.

mod doc;
mod index;
pub(super) mod literal;
pub(super) mod names;
mod operation;
mod resources;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeSet;

use super::{Context, Error, File, Layout};
use crate::model::{Api, TypeRef};
use names::Names;

/// The package whose runtime a stranger's output runs on.
pub(super) const PACKAGE: &str = "waypost";

/// Writes all of it.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let output = Output { api, context, names: Names::new(api) };
    let mut files = vec![types::write(&output)];
    files.extend(resources::write(&output)?);
    files.push(index::client(&output));
    files.push(index::index(&output));
    Ok(files)
}

/// What every part of the writer needs.
struct Output<'a> {
    api: &'a Api,
    context: &'a Context<'a>,
    names: Names,
}

impl Output<'_> {
    /// A file under the header. `about` says why it exists.
    fn file(&self, path: &str, about: &str, text: &str) -> File {
        let about = doc::Doc::of(&format!("{about}\n\n@module")).render(0);
        File::new(path, format!("// {}\n\n{about}\n{}\n", self.context.header(), text.trim_end()))
    }

    /// Where the runtime is, seen from a file this many folders below the output's own.
    fn runtime(&self, depth: usize) -> String {
        match self.context.layout {
            Layout::Repository => format!("{}call.js", "../".repeat(depth + 1)),
            Layout::Standalone => PACKAGE.to_owned(),
        }
    }

    /// A use of a type.
    fn ty(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Named(name) => self.names.ty(name).to_owned(),
            TypeRef::String(_) => "string".to_owned(),
            TypeRef::Integer { .. } | TypeRef::Number => "number".to_owned(),
            TypeRef::Boolean => "boolean".to_owned(),
            TypeRef::Array(item) => format!("{}[]", self.ty(item)),
            TypeRef::Map(value) => format!("{{ [name: string]: {} }}", self.ty(value)),
            TypeRef::Any => "JsonValue".to_owned(),
        }
    }

    /// The names of `types.ts` that a use of a type needs.
    fn imports(&self, ty: &TypeRef, into: &mut BTreeSet<String>) {
        match ty {
            TypeRef::Named(name) => {
                into.insert(self.names.ty(name).to_owned());
            }
            TypeRef::Array(inner) | TypeRef::Map(inner) => self.imports(inner, into),
            TypeRef::Any => {
                into.insert("JsonValue".to_owned());
            }
            _ => {}
        }
    }

    fn prose(&self, markdown: &str) -> String {
        doc::prose(&self.names, markdown)
    }

    fn line(&self, markdown: &str) -> String {
        doc::line(&self.names, markdown)
    }

    fn facts(&self, ty: &TypeRef, bounds: &crate::model::Bounds) -> String {
        doc::facts(self.api, ty, bounds)
    }
}

/// `import type { A, B } from "…";`, a name a line where one line is too long; nothing without names.
fn import_types<'a>(names: impl IntoIterator<Item = &'a str>, from: &str) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let short = format!("import type {{ {} }} from \"{from}\";\n", names.join(", "));
    match names.as_slice() {
        [] => String::new(),
        _ if short.len() <= 110 => short,
        names => format!("import type {{\n  {},\n}} from \"{from}\";\n", names.join(",\n  ")),
    }
}
