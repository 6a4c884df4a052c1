//! Rust: a whole program, compiled as the doc test of the method it calls.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use super::{body, example, shown};
use crate::model::{Api, Body, Content, Location, Object, Operation, Parameter, Shape, TypeRef};
use crate::writers::rust::{params_ident, params_of, snake_ident, type_ident};
use crate::writers::{Context, Error, Layout};

const WRITER: &str = "samples";

/// A line of the program.
pub(in crate::writers) struct Line {
    /// Without a line break.
    pub(in crate::writers) text: String,
    /// What every sample has: hidden in the documentation of a method, which shows the call alone.
    pub(in crate::writers) frame: bool,
}

/// Writes it.
pub(super) fn write(api: &Api, context: &Context<'_>, operation: &Operation) -> Result<String, Error> {
    Ok(program(api, context, operation)?.into_iter().map(|line| line.text + "\n").collect())
}

/// The program, line by line.
pub(in crate::writers) fn program(
    api: &Api,
    context: &Context<'_>,
    operation: &Operation,
) -> Result<Vec<Line>, Error> {
    let frame = |text: &str| Line { text: text.to_owned(), frame: true };
    let (call, typed) = call(api, operation)?;
    let body = formatted(operation, call)?;
    let mut lines = match (context.layout, typed) {
        (Layout::Repository, true) => vec![frame("use waypost::{Client, types};")],
        (Layout::Repository, false) => vec![frame("use waypost::Client;")],
        (Layout::Standalone, true) => {
            vec![frame("use crate::{resources::Resources as _, types};"), frame("use waypost::Client;")]
        }
        (Layout::Standalone, false) => {
            vec![frame("use crate::resources::Resources as _;"), frame("use waypost::Client;")]
        }
    };
    lines.extend(
        [
            "",
            "#[tokio::main]",
            "async fn main() -> Result<(), waypost::Error> {",
            "    let client = Client::from_env()?;",
            "",
        ]
        .map(frame),
    );
    lines.extend(
        body.into_iter().map(|text| Line { text: format!("    {text}").trim_end().to_owned(), frame: false }),
    );
    lines.extend(["    Ok(())", "}"].map(frame));
    Ok(lines)
}

/// The statements that make the call and use its answer, and whether they name a type of the API.
fn call(api: &Api, operation: &Operation) -> Result<(TokenStream, bool), Error> {
    let mut typed = false;
    let (mut before, mut arguments) = (Vec::new(), Vec::new());
    for parameter in operation.parameters.iter().filter(|p| p.location == Location::Path) {
        let value = example(api, operation, parameter).ok_or_else(|| missing(operation, &parameter.name))?;
        let (tokens, names_type) = argument(api, &parameter.ty, &value);
        typed |= names_type;
        arguments.push(tokens);
    }
    if let Some(params) = params_ident(operation) {
        typed = true;
        let params = parameters(api, operation, &params)?;
        before.push(quote!(let params = #params;));
        arguments.push(quote!(&params));
    }
    match &operation.body {
        None => {}
        Some(Body::Json(ty) | Body::Form(ty)) => {
            typed = true;
            let value = expression(api, ty, &body(api, operation, ty));
            before.push(quote!(let body = #value;));
            arguments.push(quote!(&body));
        }
        Some(Body::Bytes(_)) => {
            before.push(quote!(let body = b"...".to_vec();));
            arguments.push(quote!(body));
        }
    }
    let resource = snake_ident(&operation.resource);
    let verb = snake_ident(&operation.verb);
    let call = quote!(client.#resource().#verb(#(#arguments),*));
    let used = used(api, operation, call);
    Ok((quote!(#(#before)* #used), typed))
}

/// `types::params::Name::new(required).with_optional(value)`.
fn parameters(api: &Api, operation: &Operation, params: &Ident) -> Result<TokenStream, Error> {
    let is_list = |parameter: &Parameter| matches!(parameter.ty, TypeRef::Array(_));
    let mut required = Vec::new();
    for parameter in params_of(operation).filter(|parameter| parameter.required && !is_list(parameter)) {
        let value = example(api, operation, parameter).ok_or_else(|| missing(operation, &parameter.name))?;
        required.push(expression(api, &parameter.ty, &value));
    }
    let construct = if required.is_empty() { quote!(default()) } else { quote!(new(#(#required),*)) };
    let setters = shown(api, operation)
        .filter(|(parameter, _)| {
            parameter.location != Location::Path && (!parameter.required || is_list(parameter))
        })
        .map(|(parameter, value)| {
            let setter = format_ident!("with_{}", unraw(&parameter.name));
            let value = expression(api, &parameter.ty, &value);
            quote!(.#setter(#value))
        });
    Ok(quote!(types::params::#params::#construct #(#setters)*))
}

/// What is done with the answer.
fn used(api: &Api, operation: &Operation, call: TokenStream) -> TokenStream {
    if let Some(paginate) = &operation.paginate {
        let (items, item) = match &paginate.item {
            TypeRef::Named(name) => (variable(&format!("{name}s")), variable(name)),
            _ => (variable("items"), variable("item")),
        };
        let print = print(&item.to_string());
        return quote! {
            let mut #items = #call.items();
            while let Some(#item) = #items.next().await {
                let #item = #item?;
                #print
            }
        };
    }
    match &operation.success.content {
        Content::None => quote!(#call.await?;),
        Content::Json(ty) => {
            let name = match ty {
                TypeRef::Named(name) if api.types.contains_key(name) => variable(name),
                _ => variable("answer"),
            };
            let print = print(&name.to_string());
            quote!(let #name = #call.await?; #print)
        }
        Content::Text(_) => quote!(let text = #call.await?; println!("{text}");),
        Content::Bytes(_) => quote! {
            let mut stream = #call.await?;
            while let Some(chunk) = stream.chunk().await? {
                let text = String::from_utf8_lossy(&chunk);
                print!("{text}");
            }
        },
        Content::EventStream(_) => quote! {
            let mut events = #call.await?;
            while let Some(event) = events.next().await {
                let event = event?;
                println!("{event:#?}");
            }
        },
    }
}

fn print(name: &str) -> TokenStream {
    let format = format!("{{{name}:#?}}");
    quote!(println!(#format);)
}

/// A local variable; never the client's own name.
fn variable(name: &str) -> Ident {
    match snake_ident(name) {
        name if name == "client"
            || name == "body"
            || name == "params"
            || name.to_string().starts_with("r#") =>
        {
            format_ident!("answer")
        }
        name => name,
    }
}

fn unraw(name: &str) -> String {
    snake_ident(name).to_string().trim_start_matches("r#").to_owned()
}

fn missing(operation: &Operation, what: &str) -> Error {
    Error::new(WRITER, format!("`{}` has no example for {what}", operation.id))
}

/// A path argument, as the method takes it, and whether it names a type of the API.
fn argument(api: &Api, ty: &TypeRef, value: &Value) -> (TokenStream, bool) {
    match api.resolve(ty) {
        TypeRef::Named(_) => {
            let value = expression(api, ty, value);
            (quote!(&#value), true)
        }
        _ => (expression(api, ty, value), false),
    }
}

/// A value of this type, out of its example. What an example leaves open, or what has no constructor, is spelled as JSON would be.
fn expression(api: &Api, ty: &TypeRef, value: &Value) -> TokenStream {
    match (ty, value) {
        (TypeRef::Named(name), _) => match api.types.get(name).map(|def| &def.shape) {
            Some(Shape::Alias(target, _)) => expression(api, target, value),
            Some(Shape::Enum(_)) => enumeration(name, value),
            Some(Shape::Union(union)) => {
                let tag = value.get(&union.discriminator).and_then(Value::as_str);
                let variant = union.variants.iter().find(|variant| Some(variant.tag.as_str()) == tag);
                variant.map_or_else(
                    || json(value),
                    |variant| {
                        let (name, tag) = (type_ident(name), type_ident(&variant.tag));
                        let inner = expression(api, &TypeRef::Named(variant.ty.clone()), value);
                        quote!(types::#name::#tag(#inner))
                    },
                )
            }
            Some(Shape::Object(object)) => construction(api, name, object, value),
            None => json(value),
        },
        (TypeRef::Array(item), Value::Array(values)) => {
            let values = values.iter().map(|value| owned(api, item, value));
            quote!(vec![#(#values),*])
        }
        (TypeRef::Map(of), Value::Object(map)) => {
            let entries = map.iter().map(|(key, value)| {
                let value = owned(api, of, value);
                quote!((#key.to_owned(), #value))
            });
            quote!([#(#entries),*])
        }
        (TypeRef::Any, _) => json(value),
        (_, Value::String(text)) => quote!(#text),
        (TypeRef::Integer { .. }, Value::Number(number)) => number.as_i64().map_or_else(
            || json(value),
            |number| {
                let literal = if i32::try_from(number).is_ok() {
                    Literal::i64_unsuffixed(number.abs())
                } else {
                    Literal::i64_suffixed(number.abs())
                };
                if number < 0 { quote!(-#literal) } else { quote!(#literal) }
            },
        ),
        (TypeRef::Number, Value::Number(number)) => {
            let literal = Literal::f64_unsuffixed(number.as_f64().unwrap_or_default().abs());
            if number.as_f64().unwrap_or_default() < 0.0 { quote!(-#literal) } else { quote!(#literal) }
        }
        (_, Value::Bool(flag)) => quote!(#flag),
        _ => json(value),
    }
}

/// The same where nothing converts it: inside a list, a map or an option.
fn owned(api: &Api, ty: &TypeRef, value: &Value) -> TokenStream {
    let expression = expression(api, ty, value);
    match (api.resolve(ty), value) {
        (TypeRef::String(_), _) => quote!(#expression.to_owned()),
        (TypeRef::Map(_), _) => quote!(std::collections::BTreeMap::from(#expression)),
        (TypeRef::Integer { bits }, Value::Number(number)) => {
            let number = number.as_i64().unwrap_or_default();
            let literal = match i32::try_from(number.abs()) {
                Ok(number) if *bits == 32 => Literal::i32_suffixed(number),
                _ => Literal::i64_suffixed(number.abs()),
            };
            if number < 0 { quote!(-#literal) } else { quote!(#literal) }
        }
        _ => expression,
    }
}

fn enumeration(name: &str, value: &Value) -> TokenStream {
    let name = type_ident(name);
    value.as_str().map_or_else(
        || json(value),
        |text| {
            let variant = type_ident(text);
            quote!(types::#name::#variant)
        },
    )
}

/// `types::Name::new(required, fields).with_optional(field)`.
fn construction(api: &Api, name: &str, object: &Object, value: &Value) -> TokenStream {
    let name = type_ident(name);
    let given = |field: &str| value.get(field).filter(|value| !value.is_null());
    let required =
        object.fields.iter().filter(|field| field.required).map(|field| match given(&field.name) {
            Some(value) if field.nullable => {
                let value = owned(api, &field.ty, value);
                quote!(Some(#value))
            }
            // Text is converted by the constructor, nothing else is.
            Some(value) if matches!(api.resolve(&field.ty), TypeRef::Map(_)) => owned(api, &field.ty, value),
            Some(value) => expression(api, &field.ty, value),
            None => quote!(None),
        });
    let optional = object.fields.iter().filter(|field| !field.required).filter_map(|field| {
        let setter = format_ident!("with_{}", unraw(&field.name));
        if field.nullable && value.get(&field.name).is_some_and(Value::is_null) {
            return Some(quote!(.#setter(types::patch::Patch::Null)));
        }
        let value = given(&field.name)?;
        let value =
            if field.nullable { owned(api, &field.ty, value) } else { expression(api, &field.ty, value) };
        Some(quote!(.#setter(#value)))
    });
    quote!(types::#name::new(#(#required),*)#(#optional)*)
}

fn json(value: &Value) -> TokenStream {
    value
        .to_string()
        .parse::<TokenStream>()
        .map_or_else(|_| quote!(serde_json::Value::Null), |tokens| quote!(serde_json::json!(#tokens)))
}

/// Laid out as rustfmt would, without the function around it.
fn formatted(operation: &Operation, statements: TokenStream) -> Result<Vec<String>, Error> {
    let file = syn::parse2::<syn::File>(quote!(async fn main() { #statements })).map_err(|error| {
        Error::new(WRITER, format!("`{}`: the Rust sample does not parse: {error}", operation.id))
    })?;
    let text = prettyplease::unparse(&file);
    let lines: Vec<&str> = text.lines().collect();
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    Ok(tightened(inner.iter().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect()))
}

/// prettyplease indents the arguments at the head of a chain twice where rustfmt does it once.
fn tightened(lines: Vec<&str>) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut output = Vec::new();
    let mut head: Option<usize> = None;
    for (place, line) in lines.iter().enumerate() {
        head = head.filter(|head| indent(line) > *head);
        let text = if head.is_some() { line.strip_prefix("    ").unwrap_or(line) } else { line };
        output.push(text.to_owned());
        let deep = lines.get(place + 1).is_some_and(|next| indent(next) == indent(line) + 8);
        if head.is_none() && line.ends_with('(') && deep {
            head = Some(indent(line));
        }
    }
    output
}
