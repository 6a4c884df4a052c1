//! A configuration from YAML: all that is wrong with it at once, each with its line.
//!
//! Four passes, each over what the one before left: YAML into a tree with marks, the tree against the form (JSON Schema), what is left into the types,
//! and the types against what they mean ([`check`]). What is faulty is taken out after it was told, so that the rest is still looked at.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::form::Form;
use super::yaml::{Kind, Node, parse};
use super::{Config, Fault, Level, Step, check, files};

/// The form, made once: making it takes longer than reading a file.
static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// A configuration that was read, and what its writer can hardly have meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The configuration; relative paths are those of the file's folder.
    pub config: Config,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Fault>,
}

/// What is wrong with a file: errors and warnings, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    /// The file's name, as it was given.
    pub file: String,
    /// At least one of them an error.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faulty {
    /// One line a fault, as compilers write them: `waypost.yaml:12:7: routes[3].cors.origins: …`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line}{}:{}{fault}", self.file, if fault.mark.is_some() { "" } else { " " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faulty {}

/// Reads a configuration; `${NAME}` is filled in from the environment.
///
/// # Errors
/// All that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<Read, Faulty> {
    read_with(text, file, &|name| std::env::var(name).ok())
}

/// The same, with `${NAME}` from elsewhere.
///
/// # Errors
/// All that is wrong with it.
pub fn read_with(text: &str, file: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Read, Faulty> {
    let faulty = |mut faults: Vec<Fault>| {
        faults.sort_by_key(|fault| fault.mark);
        faults.dedup();
        Faulty { file: file.to_owned(), faults }
    };
    let mut faults = Vec::new();
    let mut tree = match parse(text, variable, &mut faults) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.push(fault);
            return Err(faulty(faults));
        }
    };
    let written = tree.clone();
    let form = Form::check(&SCHEMA, &mut tree);
    let mut config: Config = match serde_json::from_value(tree.value()) {
        Ok(config) => config,
        Err(error) => {
            faults.extend(form.faults);
            // What the form lets through the types do not: without a place, but never without a word.
            if faults.is_empty() {
                faults.push(Fault::new(error.to_string()));
            }
            return Err(faulty(faults));
        }
    };
    rebase(&mut config, Path::new(file).parent().unwrap_or(Path::new("")));
    let meant = check(&config).into_iter().filter(|fault| !follows(fault, &form.hidden));
    let meant =
        meant.map(|fault| Fault { mark: Some(fault.mark.unwrap_or(written.locate(&fault.place))), ..fault });
    faults.extend(meant.collect::<Vec<_>>());
    faults.extend(form.faults);
    let faulty = faulty(faults);
    if faulty.faults.iter().any(|fault| fault.level == Level::Error) {
        return Err(faulty);
    }
    Ok(Read { config, warnings: faulty.faults })
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, or all that is wrong with it.
pub fn read_file(file: &Path) -> Result<Read, Faulty> {
    let name = file.display().to_string();
    let faulty = |message: String| Faulty { file: name.clone(), faults: vec![Fault::new(message)] };
    let size =
        std::fs::metadata(file).map_err(|error| faulty(format!("the file cannot be read: {error}")))?.len();
    if size > super::yaml::MAX_FILE as u64 {
        return Err(faulty(format!("the file has {size} bytes; {} is the most", super::yaml::MAX_FILE)));
    }
    let text =
        std::fs::read_to_string(file).map_err(|error| faulty(format!("the file cannot be read: {error}")))?;
    read(&text, &name)
}

/// The JSON Schema of a configuration, for editors and for `config schema`.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// Reads a list from YAML: callers, targets.
pub(crate) fn read_list<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Fault> {
    let mut faults = Vec::new();
    let tree = parse(text, &|name| std::env::var(name).ok(), &mut faults)?;
    if let Some(fault) = faults.into_iter().next() {
        return Err(fault);
    }
    let Kind::List(items) = &tree.kind else {
        return Err(Fault { mark: Some(tree.mark), ..Fault::new("a list is wanted") });
    };
    let read = |(index, item): (usize, &Node)| {
        serde_json::from_value(item.value())
            .map_err(|error| Fault { mark: Some(item.mark), ..Fault::at(index, error.to_string()) })
    };
    items.iter().enumerate().map(read).collect()
}

/// Reads any document from YAML or JSON, as it is written.
pub(crate) fn read_value(text: &str) -> Result<Value, Fault> {
    let mut faults = Vec::new();
    let tree = parse(text, &|name| Some(format!("${{{name}}}")), &mut faults)?;
    faults.into_iter().next().map_or_else(|| Ok(tree.value()), Err)
}

/// Whether a fault may only be there because something was taken out for its form: from the same route or service, or from what all may name. Warnings
/// wait until there is nothing of that kind.
fn follows(fault: &Fault, hidden: &[Vec<Step>]) -> bool {
    if fault.level == Level::Warning {
        return !hidden.is_empty();
    }
    hidden.iter().any(|place| {
        let whole = place.len() <= 2 && place.first().is_none_or(|part| *part != Step::from("routes"));
        whole || place.iter().take(2).eq(fault.place.iter().take(place.len().min(2)))
    })
}

/// Makes relative paths those of a folder.
fn rebase(config: &mut Config, folder: &Path) {
    files::each(config, &mut |path: &mut PathBuf| {
        if path.is_relative() {
            *path = folder.join(&path);
        }
    });
}

#[cfg(test)]
mod tests;
