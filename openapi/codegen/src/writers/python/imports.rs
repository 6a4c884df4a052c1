//! Import statements: from where each name comes, in the order in which people and isort put them.

use std::collections::{BTreeMap, BTreeSet};

use super::Paths;
use super::code::Code;
use super::types::Needs;

/// `from module import a, b`.
pub(super) fn statement(from: &str, names: Vec<Code>) -> String {
    let flat = Code::group(format!("from {from} import ("), names.clone(), ")").flat();
    // Brackets only where the line is broken.
    let plain = flat.replacen("import (", "import ", 1);
    let plain = plain.strip_suffix(')').unwrap_or(&plain);
    if plain.chars().count() <= super::code::WIDTH {
        plain.to_owned()
    } else {
        Code::group(format!("from {from} import ("), names, ")").lines(0)
    }
}

/// Sorted as isort does: constants, classes, others.
pub(super) fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<Code> {
    let mut names: Vec<&str> = names.into_iter().collect();
    let kind = |name: &str| match name.chars().find(|c| c.is_alphabetic()) {
        Some(first) if first.is_lowercase() => 2,
        _ if name.chars().all(|c| !c.is_lowercase()) && name.len() > 1 => 0,
        _ => 1,
    };
    names.sort_by(|a, b| (kind(a), *a).cmp(&(kind(b), *b)));
    names.dedup();
    names.into_iter().map(Code::text).collect()
}

/// Where a name of the standard library, of msgspec or of the runtime comes from.
fn home(name: &str, paths: &Paths) -> String {
    match name {
        "Mapping" | "Sequence" => "collections.abc".into(),
        "UNSET" | "Meta" | "UnsetType" | "field" => "msgspec".into(),
        "Confidential" | "Model" | "OpenModel" | "UnknownVariant" => paths.runtime("_model"),
        _ => "typing".into(),
    }
}

/// The imports of a module of models.
pub(super) fn models(needs: &Needs, paths: &Paths, own: &str) -> String {
    let mut homes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in &needs.names {
        homes.entry(home(name, paths)).or_default().insert(name);
    }
    let mut output = String::from("from __future__ import annotations\n");
    let take = |homes: &mut BTreeMap<String, BTreeSet<&str>>, from: &str| {
        homes.remove(from).map(|names| format!("{}\n", statement(from, sorted(names))))
    };
    let standard: String =
        ["collections.abc", "typing"].iter().filter_map(|from| take(&mut homes, from)).collect();
    let mut libraries = take(&mut homes, "msgspec").unwrap_or_default();
    let rest =
        homes.iter().map(|(from, names)| format!("{}\n", statement(from, sorted(names.iter().copied()))));
    let mut ours: String = rest.collect();
    if paths.is_foreign() {
        libraries.push_str(&std::mem::take(&mut ours));
    }
    ours.push_str(&of_models(needs, own, "."));
    for block in [standard, libraries, ours] {
        if !block.is_empty() {
            output.push_str(&format!("\n{block}"));
        }
    }
    output
}

/// The imports of models, from the package that `prefix` leads to.
pub(super) fn of_models(needs: &Needs, own: &str, prefix: &str) -> String {
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (module, name) in needs.types.iter().filter(|(module, _)| module != own) {
        modules.entry(module).or_default().push(name);
    }
    let mut output = String::new();
    for (module, names) in modules {
        let names = sorted(names).into_iter().map(|name| {
            let (name, local) = (name.flat(), needs.local(&name.flat()));
            Code::text(if name == local { name } else { format!("{name} as {local}") })
        });
        output.push_str(&format!("{}\n", statement(&format!("{prefix}{module}"), names.collect())));
    }
    output
}
