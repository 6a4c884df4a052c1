//! Python: a whole script, whose statements are also the example in the docstring of the method that it calls.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{body, example, shown};
use crate::model::{Api, Content, Location, Object, Operation, Shape, TypeRef};
use crate::writers::python::code::{Code, call};
use crate::writers::python::names::{self, attribute, class, package, variants};
use crate::writers::python::resource::{From, Half, Input, arguments};
use crate::writers::python::text::{literal, plain};
use crate::writers::{Context, Error, Layout};

const WRITER: &str = "samples";
/// Where the statements of a docstring's example stand.
const IN_DOCSTRING: usize = 12;

/// Writes it.
pub(super) fn write(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<String, Error> {
    let mut sample = Sample { api, classes: BTreeSet::new() };
    let statements = sample.statements(operation, Half::Sync, 4)?;
    let mut output = format!("from {} import Client\n", home(api, context.layout));
    for line in sample.imports(context.layout) {
        output.push_str(&format!("{line}\n"));
    }
    output.push_str("\nwith Client() as client:\n");
    for line in statements {
        output.push_str(format!("    {line}").trim_end());
        output.push('\n');
    }
    Ok(output)
}

/// The statements that make the call and use its answer, as they stand in a docstring, and the imports that they need.
pub(in crate::writers) fn statements(
    api: &Api,
    layout: Layout,
    operation: &Operation,
    half: Half,
) -> Result<Vec<String>, Error> {
    let mut sample = Sample { api, classes: BTreeSet::new() };
    let statements = sample.statements(operation, half, IN_DOCSTRING)?;
    let mut lines = sample.imports(layout);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(statements);
    Ok(lines)
}

/// The package that a program imports.
fn home(api: &Api, layout: Layout) -> String {
    match layout {
        Layout::Repository => "waypost".to_owned(),
        Layout::Standalone => package(api),
    }
}

struct Sample<'a> {
    api: &'a Api,
    /// The models that it names.
    classes: BTreeSet<String>,
}

impl Sample<'_> {
    /// What brings the models that it names.
    fn imports(&self, layout: Layout) -> Vec<String> {
        if self.classes.is_empty() {
            return Vec::new();
        }
        let classes: Vec<Code> = self.classes.iter().map(Code::text).collect();
        let import = crate::writers::python::import(&format!("{}.models", home(self.api, layout)), classes);
        import.lines().map(str::to_owned).collect()
    }

    fn statements(&mut self, operation: &Operation, half: Half, indent: usize) -> Result<Vec<String>, Error> {
        let target = format!("client.{}.{}", names::resource(&operation.resource), names::method(operation));
        let code = call(&target, self.arguments(operation)?);
        let is_async = half == Half::Async;
        let (wait, word) = if is_async { ("await ", "async ") } else { ("", "") };
        let (code, rest) = match (&operation.success.content, &operation.paginate) {
            (Content::Json(_), Some(paginate)) => {
                let item = match &paginate.item {
                    TypeRef::Named(name) => variable(name),
                    _ => "item".into(),
                };
                let code = code.prefixed(&format!("{word}for {item} in ")).suffixed(":");
                (code, vec![format!("    print({item})")])
            }
            (Content::None, _) => (code.prefixed(wait), vec![]),
            (Content::Json(ty), None) => {
                let name = match ty {
                    TypeRef::Named(name) => variable(name),
                    _ => "answer".into(),
                };
                (code.prefixed(&format!("{name} = {wait}")), vec![format!("print({name})")])
            }
            (Content::Text(_), _) => {
                (code.prefixed(&format!("text = {wait}")), vec!["print(text)".to_owned()])
            }
            (Content::Bytes(types), _) => {
                let is_text = |media: &String| media.starts_with("text/") || media.contains("json");
                let (item, source) =
                    if types.iter().all(is_text) { ("line", "stream.lines()") } else { ("piece", "stream") };
                let shown = if item == "line" { "line".to_owned() } else { "len(piece)".to_owned() };
                let rest =
                    vec![format!("    {word}for {item} in {source}:"), format!("        print({shown})")];
                (code.prefixed(&format!("{word}with ")).suffixed(" as stream:"), rest)
            }
            (Content::EventStream(_), _) => {
                let rest =
                    vec![format!("    {word}for event in events:"), "        print(event.data)".into()];
                (code.prefixed(&format!("{word}with ")).suffixed(" as events:"), rest)
            }
        };
        let text = code.lines(indent);
        let strip = |line: &str| line.get(indent..).unwrap_or(line.trim_start()).to_owned();
        Ok(text.lines().map(strip).chain(rest).collect())
    }

    fn arguments(&mut self, operation: &Operation) -> Result<Vec<Code>, Error> {
        let input = Input::of(self.api, operation);
        let (positional, others) = arguments(operation, &input);
        let given: Vec<(String, Value)> = shown(self.api, operation)
            .map(|(parameter, value)| (parameter.name.clone(), value.into_owned()))
            .collect();
        let sent = match &input {
            Input::Fields(name, _) => {
                body(self.api, operation, &TypeRef::Named((*name).to_owned())).into_owned()
            }
            Input::Whole(ty) => body(self.api, operation, ty).into_owned(),
            Input::Nothing | Input::Bytes => Value::Null,
        };
        let mut parts = Vec::new();
        for (index, argument) in positional.iter().chain(&others).enumerate() {
            let code = match &argument.from {
                From::Parameter(parameter) if parameter.location == Location::Path => {
                    let value = example(self.api, operation, parameter).ok_or_else(|| {
                        Error::new(
                            WRITER,
                            format!("`{}` has no example for {}", operation.id, parameter.name),
                        )
                    })?;
                    self.value(&parameter.ty, &value)
                }
                From::Parameter(parameter) => {
                    let Some((_, value)) = given.iter().find(|(name, _)| *name == parameter.name) else {
                        continue;
                    };
                    self.value(&parameter.ty, value)
                }
                From::Body => match &input {
                    Input::Whole(ty) => self.value(ty, &sent),
                    _ => Code::text("b\"...\""),
                },
                From::Field(field) => {
                    let Some(value) = sent.get(&field.name) else { continue };
                    self.value(&field.ty, value)
                }
            };
            let is_positional = index < positional.len();
            parts.push(if is_positional { code } else { code.prefixed(&format!("{}=", argument.name)) });
        }
        Ok(parts)
    }

    /// A value of this type, out of its example.
    fn value(&mut self, ty: &TypeRef, value: &Value) -> Code {
        match (ty, value) {
            (_, Value::Null) => Code::text("None"),
            (TypeRef::Named(name), _) => match self.api.types.get(name).map(|def| &def.shape) {
                Some(Shape::Alias(target, _)) => self.value(target, value),
                Some(Shape::Object(object)) => self.object(class(name), object, value),
                Some(Shape::Union(union)) => {
                    let tag = value.get(&union.discriminator).and_then(Value::as_str).unwrap_or_default();
                    let variant = union.variants.iter().find(|variant| variant.tag == tag);
                    let shape =
                        variant.and_then(|variant| self.api.types.get(&variant.ty)).map(|def| &def.shape);
                    match (variant, shape) {
                        (Some(variant), Some(Shape::Object(object))) => {
                            let key = (variant.ty.clone(), variant.tag.clone());
                            let name = variants(self.api).remove(&key).unwrap_or_else(|| class(&variant.ty));
                            self.object(name, object, value)
                        }
                        _ => plain(value),
                    }
                }
                _ => plain(value),
            },
            (TypeRef::Array(item), Value::Array(values)) => {
                let values = values.iter().map(|value| self.value(item, value)).collect();
                Code::group("[", values, "]")
            }
            (TypeRef::Map(of), Value::Object(map)) => {
                let entries = map
                    .iter()
                    .map(|(key, value)| self.value(of, value).prefixed(&format!("{}: ", literal(key))))
                    .collect();
                Code::group("{", entries, "}")
            }
            _ => plain(value),
        }
    }

    fn object(&mut self, class: String, object: &Object, value: &Value) -> Code {
        let fields = object
            .fields
            .iter()
            .filter_map(|field| {
                let code = self.value(&field.ty, value.get(&field.name)?);
                Some(code.prefixed(&format!("{}=", attribute(&field.name))))
            })
            .collect();
        let code = call(&class, fields);
        self.classes.insert(class);
        code
    }
}

/// A local variable; never what the sample has already.
fn variable(name: &str) -> String {
    match attribute(name) {
        name if ["client", "print", "len"].contains(&name.as_str()) || name.ends_with('_') => "answer".into(),
        name => name,
    }
}
