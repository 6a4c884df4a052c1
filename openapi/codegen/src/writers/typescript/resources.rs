//! `resources/*.ts`: a class a resource, a method an operation. A method hands its arguments over; what it says is in its documentation.

use std::collections::BTreeSet;

use super::doc::{Doc, samples};
use super::names::{ResourceNames, property};
use super::operation::{descriptor, object, params};
use super::{Output, import_types};
use crate::model::{Body, Content, Location, Operation, Parameter, Resource, TypeRef};
use crate::writers::samples::typescript;
use crate::writers::{Error, File};

pub(super) fn write(output: &Output<'_>) -> Result<Vec<File>, Error> {
    output.api.resources.iter().map(|resource| file(output, resource)).collect()
}

fn file(output: &Output<'_>, resource: &Resource) -> Result<File, Error> {
    let names = output.names.resource(&resource.name);
    let (mut runtime, mut types) = (BTreeSet::from(["Caller", "CallOptions", "Operation"]), BTreeSet::new());
    let (mut constants, mut interfaces, mut methods) = (String::new(), String::new(), String::new());
    for operation in &resource.operations {
        let method = Method::new(output, operation);
        method.imports(&mut runtime, &mut types);
        let constant = output.names.operation(operation).constant;
        let start = format!("const {constant}: Operation = ");
        constants.push_str(&format!("{start}{};\n", descriptor(output, operation, start.len() + 1)?));
        interfaces.push_str(&method.params_interface());
        methods.push('\n');
        methods.push_str(&method.text(&constant));
    }
    let about = Doc::of(&about(output, resource)).render(0);
    let ResourceNames { class, file, .. } = names;
    let text = format!(
        "{}{}\n{constants}\n{interfaces}{about}export class {class} {{\n  readonly #caller: Caller;\n\n  /** @param caller - Sends the calls: \
         a client. */\n  constructor(caller: Caller) {{\n    this.#caller = caller;\n  }}\n{methods}}}\n",
        import_types(runtime.iter().copied(), &output.runtime(1)),
        import_types(types.iter().map(String::as_str), "../types.js"),
    );
    let about = format!("The operations of `{}`.", resource.name);
    Ok(output.file(&format!("resources/{file}.ts"), &about, &text))
}

/// What a resource is; its name where the spec says nothing.
pub(super) fn about(output: &Output<'_>, resource: &Resource) -> String {
    match output.prose(&resource.description) {
        text if text.is_empty() => format!("The operations of `{}`.", resource.name),
        text => text,
    }
}

/// One operation on its way to a method.
struct Method<'a> {
    output: &'a Output<'a>,
    operation: &'a Operation,
    /// The params object may be left out.
    optional_params: bool,
    /// The body may be left out, as it may be empty.
    optional_body: bool,
}

impl<'a> Method<'a> {
    fn new(output: &'a Output<'a>, operation: &'a Operation) -> Self {
        let optional_params = params(operation).all(|parameter| !parameter.required);
        let optional_body = match &operation.body {
            // A change of nothing is a slip; an action without remarks is none.
            Some(Body::Json(ty) | Body::Form(ty)) if operation.method == "POST" && optional_params => {
                object(output.api, ty).is_some_and(|object| object.fields.iter().all(|field| !field.required))
            }
            _ => false,
        };
        Self { output, operation, optional_params, optional_body }
    }

    fn path_parameters(&self) -> impl Iterator<Item = &'a Parameter> {
        self.operation.parameters.iter().filter(|parameter| parameter.location == Location::Path)
    }

    fn has_params(&self) -> bool {
        params(self.operation).next().is_some()
    }

    fn imports(&self, runtime: &mut BTreeSet<&'static str>, types: &mut BTreeSet<String>) {
        for parameter in &self.operation.parameters {
            self.output.imports(&parameter.ty, types);
        }
        if let Some(Body::Json(ty) | Body::Form(ty)) = &self.operation.body {
            self.output.imports(ty, types);
        }
        let promise = match (&self.operation.success.content, &self.operation.paginate) {
            (Content::Json(page), Some(paginate)) => {
                self.output.imports(page, types);
                self.output.imports(&paginate.item, types);
                "PagePromise"
            }
            (Content::Json(ty), None) => {
                self.output.imports(ty, types);
                "ApiPromise"
            }
            (Content::None | Content::Text(_), _) => "ApiPromise",
            (Content::Bytes(_), _) => "BytesPromise",
            (Content::EventStream(ty), _) => {
                if let Some(ty) = ty {
                    self.output.imports(ty, types);
                }
                "EventsPromise"
            }
        };
        runtime.insert(promise);
    }

    /// `export interface WalletsListParams { … }`, if the operation has such parameters.
    fn params_interface(&self) -> String {
        if !self.has_params() {
            return String::new();
        }
        let members: String = params(self.operation)
            .map(|parameter| {
                let mut doc = Doc::of(&self.output.prose(&parameter.description));
                doc.paragraph(&self.output.facts(&parameter.ty, &parameter.bounds));
                samples(&mut doc, parameter.default.as_ref(), parameter.example.as_ref());
                let (optional, absent) = if parameter.required { ("", "") } else { ("?", " | undefined") };
                let (name, ty) = (property(&parameter.name), self.argument_type(parameter));
                format!("{}  {name}{optional}: {ty}{absent};\n", doc.render(2))
            })
            .collect();
        let names = self.output.names.operation(self.operation);
        let about = format!("Parameters of `{}`.", names.called);
        format!("{}export interface {} {{\n{members}}}\n\n", Doc::of(&about).render(0), names.params)
    }

    /// Lists are only read.
    fn argument_type(&self, parameter: &Parameter) -> String {
        match self.output.ty(&parameter.ty) {
            list if list.ends_with("[]") => format!("readonly {list}"),
            other => other,
        }
    }

    /// The method, documentation and all.
    fn text(&self, constant: &str) -> String {
        let names = self.output.names.operation(self.operation);
        let mut signature: Vec<String> = Vec::new();
        let mut arguments: Vec<&str> = Vec::new();
        for (parameter, name) in self.path_parameters().zip(&names.arguments) {
            signature.push(format!("{name}: {}", self.argument_type(parameter)));
            arguments.push(name);
        }
        if let Some(body) = &self.operation.body {
            let ty = match body {
                Body::Json(ty) | Body::Form(ty) => self.output.ty(ty),
                Body::Bytes(_) => "string | Uint8Array".to_owned(),
            };
            signature.push(format!("body: {ty}{}", if self.optional_body { " = {}" } else { "" }));
            arguments.push("body");
        }
        if self.has_params() {
            signature.push(format!(
                "params{}: {}",
                if self.optional_params { "?" } else { "" },
                names.params
            ));
            arguments.push("params");
        }
        signature.push("options?: CallOptions".to_owned());
        let (answer, call) = self.answer();
        let head = format!("  {}({}): {answer} {{\n", names.method, signature.join(", "));
        let head = if head.len() <= 121 {
            head
        } else {
            format!("  {}(\n    {},\n  ): {answer} {{\n", names.method, signature.join(",\n    "))
        };
        format!(
            "{}{head}    return this.#caller.{call}({constant}, [{}], options);\n  }}\n",
            self.doc().render(2),
            arguments.join(", ")
        )
    }

    /// What the method returns, and what it calls.
    fn answer(&self) -> (String, String) {
        let ty = |ty| self.output.ty(ty);
        match (&self.operation.success.content, &self.operation.paginate) {
            (Content::Json(page), Some(paginate)) => {
                (format!("PagePromise<{}, {}>", ty(page), ty(&paginate.item)), "page".to_owned())
            }
            (Content::Json(answer), None) => (format!("ApiPromise<{}>", ty(answer)), "call".to_owned()),
            (Content::None, _) => ("ApiPromise<void>".to_owned(), "call".to_owned()),
            (Content::Text(_), _) => ("ApiPromise<string>".to_owned(), "call".to_owned()),
            (Content::Bytes(_), _) => ("BytesPromise".to_owned(), "bytes".to_owned()),
            (Content::EventStream(data), _) => {
                let data = data.as_ref().map_or_else(|| "string".to_owned(), ty);
                (format!("EventsPromise<{data}>"), "events".to_owned())
            }
        }
    }

    fn doc(&self) -> Doc {
        let operation = self.operation;
        let names = self.output.names.operation(operation);
        let mut doc = Doc::of(&format!("{}.", self.output.line(&operation.summary).trim_end_matches('.')));
        doc.paragraph(&self.output.prose(&operation.description));
        let mut wire = format!("`{} {}`", operation.method, operation.path);
        if let Some(permission) = &operation.permission {
            wire.push_str(&format!(" · needs `{permission}`"));
        }
        if let Some(since) = &operation.since {
            wire.push_str(&format!(" · since {since}"));
        }
        doc.paragraph(&wire);
        for (parameter, name) in self.path_parameters().zip(&names.arguments) {
            let text = self.output.line(&parameter.description);
            let facts = self.output.facts(&parameter.ty, &parameter.bounds);
            doc.tag(&param(name, &[&text, &facts]));
        }
        match &operation.body {
            None => {}
            Some(Body::Json(ty) | Body::Form(ty)) => {
                let about = match ty {
                    TypeRef::Named(name) => {
                        self.output.api.types.get(name).map(|def| self.output.line(&def.description))
                    }
                    _ => None,
                };
                let about =
                    about.filter(|about| !about.is_empty()).unwrap_or_else(|| "What to send.".to_owned());
                doc.tag(&param("body", &[&about]));
            }
            Some(Body::Bytes(media_type)) => doc.tag(&format!("@param body - Bytes of `{media_type}`.")),
        }
        if self.has_params() {
            let names: Vec<String> =
                params(operation).map(|parameter| format!("`{}`", parameter.name)).collect();
            doc.tag(&format!("@param params - {}.", names.join(", ")));
        }
        doc.tag("@param options - What differs from the client's settings for this call.");
        doc.tag(&self.returns());
        for error in &operation.errors {
            let when = self.output.line(&error.when);
            doc.tag(&format!(
                "@throws `{}` ({} `{}`): {when}",
                class(error.status),
                error.status,
                error.code
            ));
        }
        if let Some(deprecated) = &operation.deprecated {
            let mut text = format!("@deprecated Since {}", self.output.line(&deprecated.since));
            if let Some(sunset) = &deprecated.sunset {
                text.push_str(&format!(", answered until {}", self.output.line(sunset)));
            }
            if let Some(link) = &deprecated.link {
                text.push_str(&format!("; see {}", self.output.line(link)));
            }
            doc.tag(&(text + "."));
        }
        let program = typescript::program(self.output.api, self.output.context, operation);
        doc.tag(&format!("@example\n```ts\n{program}\n```"));
        doc
    }

    fn returns(&self) -> String {
        let text = self.output.line(&self.operation.success.description);
        let nothing = if self.operation.success.content == Content::None { "Nothing. " } else { "" };
        let how = match (&self.operation.success.content, &self.operation.paginate) {
            (Content::Json(_), Some(_)) => " `for await` goes over the items of all pages.",
            (Content::Bytes(_) | Content::EventStream(_), _) => " `for await` reads it as it comes.",
            _ => "",
        };
        format!("@returns {nothing}{text}{how}")
    }
}

/// `@param name - text`, with what there is to say.
fn param(name: &str, texts: &[&str]) -> String {
    let text: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    if text.is_empty() { format!("@param {name}") } else { format!("@param {name} - {}", text.join(" ")) }
}

/// The error that a status becomes.
fn class(status: u16) -> &'static str {
    match status {
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        409 => "ConflictError",
        410 => "GoneError",
        422 => "UnprocessableError",
        429 => "RateLimitedError",
        400..=499 => "BadRequestError",
        500..=599 => "ServerError",
        _ => "WaypostError",
    }
}
