//! One method, twice: what differs between the sync and the async half is in [`Half`] and nowhere else.

use super::code::{Code, call};
use super::names::{self, Arguments, Names, attribute, class, constant};
use super::text::{docstring, literal};
use super::types::{Needs, Way, annotation, bounds_of, states, words};
use super::{Error, docs};
use crate::model::{
    Api, Body, Content, Field, Location, Object, Operation, Paginate, Parameter, Shape, TypeRef,
};
use crate::writers::Layout;

/// Which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writers) enum Half {
    /// Calls block.
    Sync,
    /// Calls are awaited.
    Async,
}

impl Half {
    /// The prefix of the half's classes.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Sync => "",
            Self::Async => "Async",
        }
    }
}

/// How a method takes the body of its operation.
pub(in crate::writers) enum Input<'a> {
    /// There is none.
    Nothing,
    /// Field by field, of the schema of this name.
    Fields(&'a str, &'a Object),
    /// As one argument: a union, a list, or what the server sends as well, so that what it sent beyond this version's knowledge goes back.
    Whole(&'a TypeRef),
    /// Plain bytes.
    Bytes,
}

impl<'a> Input<'a> {
    /// Of this operation.
    pub(in crate::writers) fn of(api: &'a Api, operation: &'a Operation) -> Self {
        let ty = match &operation.body {
            None => return Self::Nothing,
            Some(Body::Bytes(_)) => return Self::Bytes,
            Some(Body::Json(ty) | Body::Form(ty)) => ty,
        };
        if let TypeRef::Named(name) = api.resolve(ty)
            && let Some(definition) = api.types.get(name)
            && let Shape::Object(object) = &definition.shape
            && !definition.in_response
        {
            return Self::Fields(name, object);
        }
        Self::Whole(ty)
    }
}

/// An argument of a method.
pub(in crate::writers) struct Argument<'a> {
    /// As Python has it.
    pub(in crate::writers) name: String,
    /// Where it goes.
    pub(in crate::writers) from: From<'a>,
}

/// What an argument is for.
pub(in crate::writers) enum From<'a> {
    /// A path, query or header parameter.
    Parameter(&'a Parameter),
    /// The whole body.
    Body,
    /// A field of the body.
    Field(&'a Field),
}

/// The arguments of an operation's method: the positional ones (path, whole body), then the others (body fields, query, header).
pub(in crate::writers) fn arguments<'a>(
    operation: &'a Operation,
    input: &Input<'a>,
) -> (Vec<Argument<'a>>, Vec<Argument<'a>>) {
    let mut taken = Arguments::default();
    let mut parameter = |parameter: &'a Parameter| {
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        };
        Argument { name: taken.add(&parameter.name, place), from: From::Parameter(parameter) }
    };
    // Parameters choose their names first: they have them in the URL as well.
    let all: Vec<Argument<'a>> = operation.parameters.iter().map(&mut parameter).collect();
    let (mut positional, parameters): (Vec<_>, Vec<_>) = all.into_iter().partition(
        |argument| matches!(&argument.from, From::Parameter(one) if one.location == Location::Path),
    );
    let mut others = Vec::new();
    match input {
        Input::Nothing => {}
        Input::Fields(_, object) => others.extend(
            object
                .fields
                .iter()
                .map(|field| Argument { name: taken.add(&field.name, "body"), from: From::Field(field) }),
        ),
        Input::Whole(_) | Input::Bytes => {
            positional.push(Argument { name: "body".into(), from: From::Body });
        }
    }
    others.extend(parameters);
    (positional, others)
}

/// What is written for one operation.
pub(super) struct Method<'a> {
    api: &'a Api,
    names: &'a Names,
    operation: &'a Operation,
    input: Input<'a>,
    positional: Vec<Argument<'a>>,
    others: Vec<Argument<'a>>,
}

/// What an operation answers with: its description's class, the caller's method, the two halves' types, and the type that is read.
struct Answer {
    description: String,
    caller: &'static str,
    types: [String; 2],
    result: Option<String>,
}

impl<'a> Method<'a> {
    pub(super) fn new(api: &'a Api, names: &'a Names, operation: &'a Operation) -> Self {
        let input = Input::of(api, operation);
        let (positional, others) = arguments(operation, &input);
        Self { api, names, operation, input, positional, others }
    }

    /// Whether its answer can be looked at as a whole response: a stream carries its head itself.
    pub(super) fn has_raw(&self) -> bool {
        !matches!(self.operation.success.content, Content::Bytes(_) | Content::EventStream(_))
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        names::method(self.operation)
    }

    /// Whether it answers pages.
    pub(super) fn is_list(&self) -> bool {
        self.operation.paginate.is_some() && matches!(self.operation.success.content, Content::Json(_))
    }

    /// Whether calling it is discouraged.
    pub(super) fn is_deprecated(&self) -> bool {
        self.operation.deprecated.is_some()
    }

    fn constant(&self) -> String {
        format!("_{}", constant(&self.operation.verb))
    }

    fn answer(&self, needs: &mut Needs) -> Answer {
        let both = |ty: &str| [ty.to_owned(), ty.to_owned()];
        let mut named = |ty: &TypeRef| annotation(self.api, self.names, ty, Way::Out, needs);
        match (&self.operation.success.content, &self.operation.paginate) {
            (Content::Json(page), Some(paginate)) => {
                let (page, item) = (named(page), named(&paginate.item));
                needs.name("ListOperation");
                Answer {
                    description: format!("ListOperation[{item}]"),
                    caller: "list",
                    types: [
                        format!("{}[{item}]", needs.name("Page")),
                        format!("{}[{item}]", needs.name("AsyncPager")),
                    ],
                    result: Some(page),
                }
            }
            (Content::Json(ty), None) => {
                let ty = named(ty);
                needs.name("Operation");
                let description = format!("Operation[{ty}]");
                Answer { description, caller: "call", types: both(&ty), result: Some(ty) }
            }
            (Content::None, _) => {
                needs.name("Operation");
                Answer {
                    description: "Operation[None]".into(),
                    caller: "call",
                    types: both("None"),
                    result: None,
                }
            }
            (Content::Text(_), _) => {
                needs.name("Operation");
                let result = Some("str".into());
                Answer { description: "Operation[str]".into(), caller: "call", types: both("str"), result }
            }
            (Content::Bytes(_), _) => {
                let types = [needs.name("ByteStream").into(), needs.name("AsyncByteStream").into()];
                let description = needs.name("StreamOperation").into();
                Answer { description, caller: "stream", types, result: None }
            }
            (Content::EventStream(ty), _) => {
                let result = ty.as_ref().map(named);
                let data = result.clone().unwrap_or_else(|| "str".into());
                needs.name("EventOperation");
                let types = [
                    format!("{}[{data}]", needs.name("EventStream")),
                    format!("{}[{data}]", needs.name("AsyncEventStream")),
                ];
                Answer { description: format!("EventOperation[{data}]"), caller: "events", types, result }
            }
        }
    }

    /// The constant that describes the operation. What it names must be there when the module is imported.
    pub(super) fn description(&self, layout: Layout, now: &mut Needs) -> String {
        let answer = self.answer(now);
        let class = answer.description.split('[').next().unwrap_or_default().to_owned();
        let mut parts = vec![
            Code::text(literal(&names::id(self.api, layout, self.operation))),
            Code::text(format!(
                "method={}",
                literal(&format!("{}.{}", names::resource(&self.operation.resource), self.name()))
            )),
        ];
        let described = self.operation.parameters.iter().filter_map(|parameter| {
            let is_it = |argument: &&Argument<'_>| matches!(&argument.from, From::Parameter(one) if std::ptr::eq(*one, parameter));
            let argument = self.positional.iter().chain(&self.others).find(is_it)?;
            Some(self.parameter(parameter, &argument.name))
        });
        let described: Vec<Code> = described.collect();
        if !described.is_empty() {
            now.name("Parameter");
            parts.push(Code::tuple(described).prefixed("parameters="));
        }
        match &self.input {
            Input::Nothing => {}
            Input::Bytes => parts.push(Code::text("body=bytes")),
            Input::Fields(name, _) => {
                let body = TypeRef::Named((*name).to_owned());
                let ty = annotation(self.api, self.names, &body, Way::In, now);
                parts.push(Code::text(format!("body={ty}")));
            }
            Input::Whole(ty) => {
                let ty = annotation(self.api, self.names, ty, Way::In, now);
                parts.push(Code::text(format!("body={ty}")));
            }
        }
        if let Some(result) = &answer.result {
            parts.push(Code::text(format!("result={result}")));
        }
        if let Some(paginate) = self.operation.paginate.as_ref().filter(|_| self.is_list()) {
            parts.extend(page_names(paginate));
        }
        let head = format!("{}: {}[{}] = {class}", self.constant(), now.name("Final"), answer.description);
        call(&head, parts).lines(0)
    }

    fn parameter(&self, parameter: &Parameter, argument: &str) -> Code {
        let (item, many) = match self.api.resolve(&parameter.ty) {
            TypeRef::Array(item) => (self.api.resolve(item), true),
            other => (other, false),
        };
        let mut parts = vec![Code::text(literal(&parameter.name))];
        parts.extend(match item {
            TypeRef::Integer { .. } => Some(Code::text("int")),
            TypeRef::Number => Some(Code::text("float")),
            TypeRef::Boolean => Some(Code::text("bool")),
            _ => None,
        });
        if argument != parameter.name {
            parts.push(Code::text(format!("argument={}", literal(argument))));
        }
        if many {
            parts.push(Code::text("many=True"));
        }
        if parameter.required {
            parts.push(Code::text("required=True"));
        }
        call("Parameter", parts)
    }

    /// The method. `now` must be there when the module is imported, `later` only for type checkers.
    pub(super) fn write(
        &self,
        layout: Layout,
        half: Half,
        now: &mut Needs,
        later: &mut Needs,
    ) -> Result<String, Error> {
        let answer = self.answer(later);
        let is_async = half == Half::Async && answer.caller == "call";
        let [sync_type, async_type] = &answer.types;
        let returned = if half == Half::Sync { sync_type } else { async_type };
        let mut parts = vec![Code::text("self")];
        parts.extend(self.positional.iter().map(|argument| self.declared(argument, now, later)));
        parts.push(Code::text("*"));
        parts.extend(self.others.iter().map(|argument| self.declared(argument, now, later)));
        later.name("CallOptions");
        parts.push(Code::text("options: CallOptions | None = None"));
        let word = if is_async { "async def" } else { "def" };
        let head = call(&format!("{word} {}", self.name()), parts).suffixed(&format!(" -> {returned}:"));
        let mut output = format!("\n{}\n", head.lines(4));
        if let Some(deprecated) = &self.operation.deprecated {
            let note = docs::deprecation(deprecated);
            let decorator = format!("    @{}({})\n", now.name("deprecated"), literal(&note));
            output = format!("\n{decorator}{}", output.trim_start_matches('\n'));
        }
        output.push_str(&docstring(8, &docs::method(self, layout, half)?));
        let mut call = self.forwarded(answer.caller, now);
        if is_async {
            call = call.prefixed("await ");
        }
        if returned != "None" {
            call = call.prefixed("return ");
        }
        output.push_str(&format!("{}\n", call.lines(8)));
        Ok(output)
    }

    /// `self._client.call(_GET, (wallet_id,), options=options)`.
    fn forwarded(&self, caller: &str, now: &mut Needs) -> Code {
        let mut parts = vec![Code::text(self.constant())];
        let values: Vec<Code> = self
            .operation
            .parameters
            .iter()
            .filter_map(|parameter| {
                let mut all = self.positional.iter().chain(&self.others);
                all.find(|argument| matches!(&argument.from, From::Parameter(one) if std::ptr::eq(*one, parameter)))
            })
            .map(|argument| Code::text(&argument.name))
            .collect();
        let has_body = !matches!(self.input, Input::Nothing);
        if !values.is_empty() || has_body {
            parts.push(Code::tuple(values));
        }
        match &self.input {
            Input::Nothing => parts.push(Code::text("options=options")),
            Input::Whole(_) | Input::Bytes => parts.extend([Code::text("body"), Code::text("options")]),
            Input::Fields(name, _) => {
                let fields = self.others.iter().filter_map(|argument| match &argument.from {
                    From::Field(field) => {
                        Some(Code::text(format!("{}={}", attribute(&field.name), argument.name)))
                    }
                    _ => None,
                });
                let body = call(&now.local(&class(name)), fields.collect());
                parts.extend([body, Code::text("options")]);
            }
        }
        call(&format!("self._client.{caller}"), parts)
    }

    fn declared(&self, argument: &Argument<'_>, now: &mut Needs, later: &mut Needs) -> Code {
        let name = &argument.name;
        Code::text(match &argument.from {
            From::Parameter(parameter) => {
                let ty = annotation(self.api, self.names, &parameter.ty, Way::In, later);
                if parameter.required {
                    format!("{name}: {ty}")
                } else {
                    format!("{name}: {ty} | None = None")
                }
            }
            From::Body => match &self.input {
                Input::Whole(ty) => {
                    format!("{name}: {}", annotation(self.api, self.names, ty, Way::In, later))
                }
                _ => format!("{name}: bytes"),
            },
            From::Field(field) => {
                let ty = annotation(self.api, self.names, &field.ty, Way::In, later);
                let states = states(field, later);
                let default =
                    if field.required { String::new() } else { format!(" = {}", now.name("UNSET")) };
                format!("{name}: {ty}{states}{default}")
            }
        })
    }

    /// Each argument with what is to be said of it.
    pub(super) fn told(&self) -> Vec<(String, String, String)> {
        let body = || match &self.operation.body {
            Some(Body::Bytes(media_type)) => format!("The body, as `{media_type}`."),
            _ => match &self.input {
                Input::Whole(TypeRef::Named(name)) => self
                    .api
                    .types
                    .get(name)
                    .map(|definition| definition.description.clone())
                    .filter(|text| !text.is_empty())
                    .unwrap_or_else(|| "What is sent.".into()),
                _ => "What is sent.".into(),
            },
        };
        let tell = |argument: &Argument<'_>| match &argument.from {
            From::Parameter(parameter) => {
                let bounds = bounds_of(self.api, &parameter.ty, &parameter.bounds);
                let more = words(self.api, &parameter.ty, &bounds, parameter.default.as_ref());
                (argument.name.clone(), parameter.description.clone(), more)
            }
            From::Body => (argument.name.clone(), body(), String::new()),
            From::Field(field) => {
                let bounds = bounds_of(self.api, &field.ty, &field.bounds);
                let more = words(self.api, &field.ty, &bounds, field.default.as_ref());
                (argument.name.clone(), field.description.clone(), more)
            }
        };
        self.positional.iter().chain(&self.others).map(tell).collect()
    }

    pub(super) fn operation(&self) -> &'a Operation {
        self.operation
    }

    pub(super) fn api(&self) -> &'a Api {
        self.api
    }
}

/// What a list calls its parts, where it is not the usual.
fn page_names(paginate: &Paginate) -> Vec<Code> {
    let parts = [
        ("cursor", paginate.cursor.clone(), "cursor"),
        ("items", attribute(&paginate.items), "data"),
        ("next_cursor", attribute(&paginate.next_cursor), "next_cursor"),
        ("has_more", attribute(&paginate.has_more), "has_more"),
    ];
    let parts = parts.into_iter().filter(|(_, name, usual)| name != usual);
    parts.map(|(key, name, _)| Code::text(format!("{key}={}", literal(&name)))).collect()
}
