//! The Python SDK: models, and sync and async resources written by one template.
//!
//! In the repository this is the generated half of the package `waypost`; its other half is written by hand and knows no operation. For somebody else's
//! spec it is a package of its own, `python/<title>_sdk`, whose clients run on the published `waypost`: `pip install waypost`, put the package
//! where Python finds it, and `from <title>_sdk import Client`. It describes its operations to the engine when it is imported.

pub(in crate::writers) mod code;
mod docs;
mod imports;
mod models;
pub(in crate::writers) mod names;
pub(in crate::writers) mod resource;
mod resources;
mod standalone;
#[cfg(test)]
mod tests;
pub(in crate::writers) mod text;
pub(in crate::writers) mod types;

use self::names::Names;
use super::{Context, Error, File, Layout};
use crate::model::Api;

/// Writes it.
pub fn write(api: &Api, context: &Context<'_>) -> Result<Vec<File>, Error> {
    let names = Names::new(api);
    let paths = Paths::new(context, "...");
    let mut files = vec![File::new(
        "_generated/__init__.py",
        module(
            context,
            &[
                "What the generator writes of the contract: models and resources. Everything else of the package is written by hand.",
            ],
            "",
        ),
    )];
    files.extend(models::write(api, context, &names, &paths));
    files.extend(resources::write(api, context, &names, &paths)?);
    if context.layout == Layout::Standalone {
        files.extend(standalone::write(api, context));
        let package = names::package(api);
        for file in &mut files {
            file.path = std::path::Path::new(&package).join(&file.path);
        }
    }
    Ok(files)
}

/// An import, as a sample writes it.
pub(in crate::writers) fn import(from: &str, names: Vec<code::Code>) -> String {
    imports::statement(from, names)
}

/// The runtime, seen from another package.
const FOREIGN: &str = "waypost.";

/// How a file names the runtime's modules.
struct Paths {
    prefix: String,
}

impl Paths {
    /// `dots` lead from the file to the package.
    fn new(context: &Context<'_>, dots: &str) -> Self {
        Self {
            prefix: match context.layout {
                Layout::Repository => dots.to_owned(),
                Layout::Standalone => FOREIGN.to_owned(),
            },
        }
    }

    /// Whether the runtime is another package than the output.
    fn is_foreign(&self) -> bool {
        self.prefix == FOREIGN
    }

    fn runtime(&self, module: &str) -> String {
        format!("{}{module}", self.prefix)
    }
}

/// A whole file: where it comes from, what it is, and its text.
fn module(context: &Context<'_>, about: &[&str], body: &str) -> String {
    let quiet = match context.layout {
        Layout::Repository => "",
        // The parts of the runtime that generated code uses are private to everybody else.
        Layout::Standalone => "# pyright: reportPrivateUsage=false\n",
    };
    let mut output = format!("# {}\n{quiet}\n{}", context.header(), text::doc(0, &about.join("\n")));
    if !body.is_empty() {
        output.push_str(&format!("\n{}\n", body.trim_matches('\n')));
    }
    output
}
