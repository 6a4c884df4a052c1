//! TypeScript: a whole program, which the method that it calls shows as its example. It runs as it stands, in Node and elsewhere.

use serde_json::Value;

use super::{body, example, shown};
use crate::model::{Api, Body, Content, Location, Operation, TypeRef};
use crate::writers::rust::type_ident;
use crate::writers::typescript::PACKAGE;
use crate::writers::typescript::literal::{expanded, inline};
use crate::writers::typescript::names::{called, client_class, is_free_word};
use crate::writers::{Context, Error, Layout};

/// As prettier has it.
const WIDTH: usize = 100;

/// Writes it.
pub(super) fn write(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<String, Error> {
    Ok(program(api, context, operation))
}

/// The program, without a line break at its end.
pub(in crate::writers) fn program(api: &Api, context: &Context<'_>, operation: &Operation) -> String {
    let mut lines = vec![format!("import {{ Waypost }} from \"{PACKAGE}\";")];
    match context.layout {
        Layout::Repository => {
            lines.extend(["".to_owned(), "const client = new Waypost();".to_owned()]);
        }
        Layout::Standalone => {
            let class = client_class(context.layout);
            let base = context.document.pointer("/servers/0/url").and_then(Value::as_str);
            let settings =
                base.map(|base| format!("{{ baseUrl: {} }}", Value::from(base))).unwrap_or_default();
            lines.extend([
                format!("import {{ {class} }} from \"./typescript/index.js\";"),
                String::new(),
                format!("const client = new {class}(new Waypost({settings}).caller);"),
            ]);
        }
    }
    lines.extend([String::new(), used(api, operation)]);
    lines.join("\n")
}

/// The call, and what is done with its answer.
fn used(api: &Api, operation: &Operation) -> String {
    let print = |name: &str| format!("console.log({name});");
    let each = |name: &str, print: &str| {
        let (before, after) = (format!("for await (const {name} of "), ") {");
        format!("{before}{}{after}\n  {print}\n}}", call(api, operation, before.len() + after.len()))
    };
    let kept = |name: &str| {
        let before = format!("const {name} = await ");
        format!("{before}{};\n{}", call(api, operation, before.len() + 1), print(name))
    };
    if let Some(paginate) = &operation.paginate {
        let item = variable(&paginate.item, "item");
        return each(&item, &print(&item));
    }
    match &operation.success.content {
        Content::None => format!("await {};", call(api, operation, 7)),
        Content::Json(ty) => kept(&variable(ty, "answer")),
        Content::Text(_) => kept("text"),
        Content::Bytes(_) => each("chunk", "console.log(chunk.length);"),
        Content::EventStream(_) => each("event", &print("event.data")),
    }
}

/// `client.wallets.credit("wal_1", { amount: 5 })`, the objects a member a line where one line is too short.
fn call(api: &Api, operation: &Operation, around: usize) -> String {
    let mut arguments: Vec<Argument> = Vec::new();
    for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Path) {
        let value = example(api, operation, parameter).map(|value| value.into_owned());
        arguments.push(Argument::Value(value.unwrap_or_else(|| Value::from("..."))));
    }
    match &operation.body {
        None => {}
        Some(Body::Json(ty) | Body::Form(ty)) => {
            arguments.push(Argument::Value(body(api, operation, ty).into_owned()));
        }
        Some(Body::Bytes(_)) => arguments.push(Argument::Text("new TextEncoder().encode(\"...\")")),
    }
    let params: serde_json::Map<String, Value> = shown(api, operation)
        .filter(|(parameter, _)| parameter.location != Location::Path)
        .map(|(parameter, value)| (parameter.name.clone(), value.into_owned()))
        .collect();
    if !params.is_empty() {
        arguments.push(Argument::Value(Value::Object(params)));
    }
    let method = format!("client.{}", called(api, operation));
    let short =
        format!("{method}({})", arguments.iter().map(Argument::inline).collect::<Vec<_>>().join(", "));
    if around + short.len() <= WIDTH {
        return short;
    }
    format!("{method}({})", arguments.iter().map(Argument::expanded).collect::<Vec<_>>().join(", "))
}

enum Argument {
    Value(Value),
    Text(&'static str),
}

impl Argument {
    fn inline(&self) -> String {
        match self {
            Self::Value(value) => inline(value),
            Self::Text(text) => (*text).to_owned(),
        }
    }

    fn expanded(&self) -> String {
        match self {
            Self::Value(value) => expanded(value, 0).unwrap_or_else(|| inline(value)),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

/// A name for what came back; never the client's own, nor a word that cannot be one.
fn variable(ty: &TypeRef, fallback: &str) -> String {
    let TypeRef::Named(name) = ty else { return fallback.to_owned() };
    let name = type_ident(name).to_string();
    let mut characters = name.chars();
    let variable: String =
        characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect();
    if variable == "client" || !is_free_word(&variable) { fallback.to_owned() } else { variable }
}
