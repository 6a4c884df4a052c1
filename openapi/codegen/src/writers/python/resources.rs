//! The resources: one module for each, with its sync and its async class, and what leads from a client to them.

use std::collections::BTreeSet;

use super::names::{self, Names, class};
use super::resource::{Half, Method};
use super::text::{doc, docstring};
use super::types::Needs;
use super::{Error, Paths, docs, imports, models};
use crate::model::{Api, Resource};
use crate::writers::{Context, File};

/// What the runtime calls things that a module of a resource imports.
const RUNTIME: &[&str] = &[
    "Any",
    "AsyncByteStream",
    "AsyncCaller",
    "AsyncEventStream",
    "AsyncPager",
    "AsyncResource",
    "ByteStream",
    "CallOptions",
    "Caller",
    "EventOperation",
    "EventStream",
    "Final",
    "ListOperation",
    "Mapping",
    "Operation",
    "Page",
    "Parameter",
    "Resource",
    "Sequence",
    "StreamOperation",
    "UnsetType",
];

/// Writes the modules and the package that they are in.
pub(super) fn write(
    api: &Api,
    context: &Context<'_>,
    names: &Names,
    paths: &Paths,
) -> Result<Vec<File>, Error> {
    let classes = Classes::new(api, names);
    let mut files = Vec::new();
    for resource in &api.resources {
        let text = module(api, context, names, paths, resource, &classes.of(resource))?;
        files.push(File::new(format!("_generated/resources/{}.py", names::module(&resource.name)), text));
    }
    files.push(File::new("_generated/resources/__init__.py", package(api, context, paths, &classes)));
    Ok(files)
}

/// The resources' classes: a name that a model has already gets `Resource` behind it.
struct Classes {
    taken: BTreeSet<String>,
}

impl Classes {
    fn new(api: &Api, names: &Names) -> Self {
        let mut taken: BTreeSet<String> = RUNTIME.iter().map(|name| (*name).to_owned()).collect();
        taken.extend(["Resources".to_owned(), "AsyncResources".to_owned()]);
        for name in api.types.keys() {
            taken.extend([names.ty(name), names.values(name)]);
        }
        for resource in &api.resources {
            // `Async` before one name must not be another name.
            taken.insert(format!("Async{}", class(&resource.name)));
        }
        Self { taken }
    }

    fn of(&self, resource: &Resource) -> String {
        let mut name = class(&resource.name);
        let variants = |name: &str| {
            [
                name.to_owned(),
                format!("Async{name}"),
                format!("{name}WithRawResponse"),
                format!("Async{name}WithRawResponse"),
            ]
        };
        let own = format!("Async{name}");
        while variants(&name).iter().any(|name| *name != own && self.taken.contains(name)) {
            name.push_str("Resource");
        }
        name
    }
}

fn module(
    api: &Api,
    context: &Context<'_>,
    names: &Names,
    paths: &Paths,
    resource: &Resource,
    class: &str,
) -> Result<String, Error> {
    let mut now = Needs { taken: RUNTIME, ..Needs::default() };
    let mut later = Needs { taken: RUNTIME, ..Needs::default() };
    let methods: Vec<Method<'_>> =
        resource.operations.iter().map(|operation| Method::new(api, names, operation)).collect();
    let mut body = String::new();
    for method in &methods {
        body.push_str(&format!("\n{}\n", method.description(context.layout, &mut now)));
    }
    let mut all = Vec::new();
    for half in [Half::Sync, Half::Async] {
        let has_raw = methods.iter().any(Method::has_raw);
        let (name, raw) =
            (format!("{}{class}", half.prefix()), format!("{}{class}WithRawResponse", half.prefix()));
        let base = match half {
            Half::Sync => now.name("Resource"),
            Half::Async => now.name("AsyncResource"),
        };
        body.push_str(&format!("\n\nclass {name}({base}):\n"));
        body.push_str(&doc(4, &docs::resource(resource)));
        for method in &methods {
            body.push_str(&method.write(context.layout, half, &mut now, &mut later)?);
        }
        if has_raw {
            now.name("lazy");
            body.push_str(&format!(
                "\n    @lazy\n    def with_raw_response(self) -> {raw}:\n{}        return {raw}(self._raw())\n",
                docstring(8, &["The same methods, answering with the whole response: status, headers, attempts.".to_owned()])
            ));
            body.push_str(&raw_class(&name, &raw, half, &methods, &mut now));
            all.push(raw);
        }
        all.push(name);
    }
    all.sort();
    let head = head(&mut now, &mut later, paths);
    let about = format!("`client.{}`: {}", names::resource(&resource.name), docs::resource(resource));
    Ok(super::module(context, &[&about], &format!("{head}\n{}\n{body}", models::all_of(&all))))
}

fn raw_class(of: &str, raw: &str, half: Half, methods: &[Method<'_>], now: &mut Needs) -> String {
    let mut output = format!("\n\nclass {raw}:\n");
    output.push_str(&docstring(4, &[format!("The methods of `{of}`, answering with the whole response.")]));
    output.push_str(&format!("\n    def __init__(self, resource: {of}) -> None:\n"));
    output.push_str(&docstring(8, &[format!("Made by `{of}.with_raw_response`.")]));
    for method in methods.iter().filter(|method| method.has_raw()) {
        let wrapper = match (half, method.is_list()) {
            (Half::Sync, _) => now.name("raw_response"),
            (Half::Async, false) => now.name("async_raw_response"),
            (Half::Async, true) => now.name("async_raw_page"),
        };
        let name = method.name();
        let quiet = if method.is_deprecated() { "  # pyright: ignore[reportDeprecated]" } else { "" };
        output.push_str(&format!("        self.{name} = {wrapper}(resource.{name}){quiet}\n"));
    }
    output
}

/// The imports of a module: what it runs with, and what only its annotations say.
fn head(now: &mut Needs, later: &mut Needs, paths: &Paths) -> String {
    const CALL: &[&str] = &[
        "AsyncResource",
        "CallOptions",
        "EventOperation",
        "ListOperation",
        "Operation",
        "Parameter",
        "Resource",
        "StreamOperation",
        "async_raw_page",
        "async_raw_response",
        "raw_response",
    ];
    const STREAM: &[&str] = &["AsyncByteStream", "AsyncEventStream", "ByteStream", "EventStream"];
    // What a call answers with stands in annotations only.
    now.names.retain(|name| !STREAM.contains(name) && !["Page", "AsyncPager"].contains(name));
    for name in now.names.clone() {
        later.names.remove(name);
    }
    for ty in now.types.clone() {
        later.types.remove(&ty);
    }
    // The description's class stands in its annotation as well.
    let of = |needs: &Needs, names: &[&'static str]| {
        let names: Vec<&str> = names.iter().copied().filter(|name| needs.names.contains(name)).collect();
        (!names.is_empty()).then(|| imports::sorted(names))
    };
    later.names.retain(|name| !CALL.contains(name) || *name == "CallOptions");
    let block = |needs: &Needs, typing: bool| {
        let homes: Vec<(String, &[&str])> = vec![
            ("collections.abc".into(), &["Mapping", "Sequence"]),
            ("typing".into(), if typing { &["Any"] } else { &["Any", "Final", "TYPE_CHECKING"] }),
            (String::new(), &[]),
            ("msgspec".into(), &["UNSET", "UnsetType"]),
            (if paths.is_foreign() { "-".into() } else { String::new() }, &[]),
            (paths.runtime("_call"), CALL),
            (paths.runtime("_deprecated"), &["deprecated"]),
            (paths.runtime("_lazy"), &["lazy"]),
            (paths.runtime("_paging"), &["AsyncPager", "Page"]),
            (paths.runtime("_stream"), STREAM),
        ];
        let mut output = String::new();
        for (home, names) in homes {
            match of(needs, names) {
                Some(names) => output.push_str(&format!("{}\n", imports::statement(&home, names))),
                None if home.is_empty() && !output.is_empty() && !output.ends_with("\n\n") => {
                    output.push('\n')
                }
                None => {}
            }
        }
        if paths.is_foreign() && !output.is_empty() && !output.ends_with("\n\n") {
            output.push('\n');
        }
        output.push_str(&imports::of_models(needs, "", "..models."));
        output
    };
    now.name("TYPE_CHECKING");
    let mut text = format!("from __future__ import annotations\n\n{}", block(now, false));
    let checked = block(later, true);
    text.push_str("\nif TYPE_CHECKING:\n");
    for line in checked.trim_start().lines() {
        text.push_str(&if line.is_empty() { "\n".into() } else { format!("    {line}\n") });
    }
    text
}

/// The two classes that clients inherit.
fn package(api: &Api, context: &Context<'_>, paths: &Paths, classes: &Classes) -> String {
    let mut body = format!(
        "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\n{}\n\nif TYPE_CHECKING:\n    {}\n",
        imports::statement(&paths.runtime("_lazy"), imports::sorted(["lazy"])),
        imports::statement(&paths.runtime("_call"), imports::sorted(["AsyncCaller", "Caller"]))
    );
    let mut modules: Vec<(String, String)> =
        api.resources.iter().map(|resource| (names::module(&resource.name), classes.of(resource))).collect();
    if paths.is_foreign() {
        body.push('\n');
    }
    modules.sort();
    for (module, class) in &modules {
        let names = imports::sorted([class.as_str(), format!("Async{class}").as_str()]);
        body.push_str(&format!("    {}\n", imports::statement(&format!(".{module}"), names)));
    }
    body.push_str(&format!("\n{}\n", models::all_of(&["AsyncResources".into(), "Resources".into()])));
    for half in [Half::Sync, Half::Async] {
        let prefix = half.prefix();
        body.push_str(&format!("\n\nclass {prefix}Resources:\n"));
        let about = format!(
            "The resources of {}. Each is imported when it is first used.",
            if half == Half::Sync { "a client" } else { "an async client" }
        );
        body.push_str(&docstring(4, &[about]));
        body.push_str(&format!("\n    _caller: {prefix}Caller\n"));
        for resource in &api.resources {
            let (name, class) =
                (names::resource(&resource.name), format!("{prefix}{}", classes.of(resource)));
            body.push_str(&format!("\n    @lazy\n    def {name}(self) -> {class}:\n"));
            body.push_str(&doc(8, &docs::resource(resource)));
            body.push_str(&format!(
                "        from .{} import {class}\n\n        return {class}(self._caller)\n",
                names::module(&resource.name)
            ));
        }
    }
    let about = ["What leads from a client to its resources."];
    super::module(context, &about, &body)
}
