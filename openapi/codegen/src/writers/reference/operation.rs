//! One operation on the page: on the left what it takes and answers, on the right how it is called and what that looks like.

use maud::{Markup, html};
use serde_json::Value;

use super::highlight::highlight;
use super::schema::Side;
use super::{markdown, schema};
use crate::model::{
    Api, Body, Content, Deprecated, Location, Operation, Parameter, Retry, SecurityScheme, TypeRef,
};
use crate::writers::samples::Sample;

/// Renders it.
pub(super) fn operation(api: &Api, operation: &Operation, samples: &[Sample]) -> Markup {
    html! {
        article.operation id=(operation.id) aria-labelledby=(format!("{}--title", operation.id)) {
            div.prose {
                h3 id=(format!("{}--title", operation.id)) {
                    (operation.summary)
                    " "
                    a.anchor href=(format!("#{}", operation.id)) aria-label=(format!("Link to {}", operation.summary)) { "#" }
                }
                p.route { (method(&operation.method)) code { (operation.path) } }
                @if let Some(deprecated) = &operation.deprecated { (self::deprecated(deprecated)) }
                (facts(api, operation))
                (markdown::block(&operation.description, 4))
                @if !operation.aliases.is_empty() {
                    p.note { "Also under " @for alias in &operation.aliases { code { (alias) } " " } }
                }
                (parameters(api, operation))
                (request(api, operation))
                (response(api, operation))
                (errors(operation))
            }
            div.aside {
                (tabs(operation, samples))
                (examples(operation))
            }
        }
    }
}

/// A method's badge.
pub(super) fn method(method: &str) -> Markup {
    html! { span class=(format!("method {}", method.to_lowercase())) { (method) } }
}

fn deprecated(deprecated: &Deprecated) -> Markup {
    html! {
        p.warning {
            strong { "Deprecated" } " since " (deprecated.since)
            @if let Some(sunset) = &deprecated.sunset { ", answered until " (sunset) }
            "."
            @if let Some(link) = &deprecated.link { " " (markdown::line(&format!("[What to use instead]({link})"))) "." }
        }
    }
}

/// What a caller has to know before the first call.
fn facts(api: &Api, operation: &Operation) -> Markup {
    let retry = match operation.retry {
        Retry::Safe => "Safe to retry: it changes nothing.",
        Retry::Idempotent if operation.idempotency_key => "Safe to retry with the same Idempotency-Key.",
        Retry::Idempotent => "Safe to retry: the effect is the same.",
        Retry::Never => "Never retried: it may have taken effect.",
    };
    html! {
        dl.summary {
            div { dt { "SDK" } dd { code { "client." (operation.resource) "." (operation.verb) } } }
            div { dt { "Credentials" } dd { (credentials(api, operation)) } }
            @if let Some(permission) = &operation.permission { div { dt { "Permission" } dd { code { (permission) } } } }
            div { dt { "Retry" } dd { (retry) } }
            @if operation.rate_cost != 1 { div { dt { "Rate cost" } dd { (operation.rate_cost) } } }
            @if let Some(since) = &operation.since { div { dt { "Since" } dd { (since) } } }
        }
    }
}

fn credentials(api: &Api, operation: &Operation) -> Markup {
    if operation.security.is_empty() {
        return html! { "none" };
    }
    html! {
        @for (index, alternative) in operation.security.iter().enumerate() {
            @if index > 0 { " or " }
            @for (index, name) in alternative.iter().enumerate() {
                @if index > 0 { " and " }
                @match api.security_schemes.get(name) {
                    Some(SecurityScheme::Bearer) => { "bearer token" },
                    Some(SecurityScheme::OAuth2) => { "OAuth 2 token" },
                    Some(SecurityScheme::Header(header)) => { code { (header) } },
                    Some(SecurityScheme::Cookie(cookie)) => { "cookie " code { (cookie) } },
                    None => { (name) },
                }
            }
        }
    }
}

fn parameters(api: &Api, operation: &Operation) -> Markup {
    let groups = [
        ("Path parameters", Location::Path),
        ("Query parameters", Location::Query),
        ("Header parameters", Location::Header),
    ];
    html! {
        @for (title, location) in groups {
            @let group: Vec<&Parameter> = operation.parameters.iter().filter(|p| p.location == location).collect();
            @let key = location == Location::Header && operation.idempotency_key;
            @if !group.is_empty() || key {
                h4 { (title) }
                dl.fields {
                    @for parameter in group { (self::parameter(api, parameter)) }
                    @if key {
                        div.field {
                            dt { code.name { "Idempotency-Key" } span.facts { span.type { "string" } } }
                            dd { p { "Makes a repeated request one request. The SDKs send one with every call by themselves." } }
                        }
                    }
                }
            }
        }
    }
}

fn parameter(api: &Api, parameter: &Parameter) -> Markup {
    html! {
        div.field {
            dt {
                code.name { (parameter.name) }
                span.facts {
                    (schema::type_name(&parameter.ty))
                    @if parameter.required { span.tag.required { "required" } }
                    (schema::limits(api, &parameter.ty, &parameter.bounds))
                    (schema::default(parameter.default.as_ref()))
                }
            }
            dd {
                (markdown::block(&parameter.description, 6))
                (schema::values(api, &parameter.ty))
                @if let Some(example) = parameter.example.as_ref().filter(|&example| parameter.default.as_ref() != Some(example)) { p.note { "Example: " code { (plain(example)) } } }
            }
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn request(api: &Api, operation: &Operation) -> Markup {
    let (media_type, ty) = match &operation.body {
        None => return html! {},
        Some(Body::Json(ty)) => ("application/json", Some(ty)),
        Some(Body::Form(ty)) => ("application/x-www-form-urlencoded", Some(ty)),
        Some(Body::Bytes(media_type)) => (media_type.as_str(), None),
    };
    html! {
        h4 { "Request body" }
        p.facts { span.tag { (media_type) } @if let Some(ty) = ty { (schema::type_name(ty)) } }
        (described(api, ty))
        @if let Some(ty) = ty { (schema::content(api, ty, Side::Given)) }
    }
}

fn response(api: &Api, operation: &Operation) -> Markup {
    let success = &operation.success;
    let (media_types, ty): (Vec<&str>, Option<&TypeRef>) = match &success.content {
        Content::None => (vec![], None),
        Content::Json(ty) => (vec!["application/json"], Some(ty)),
        Content::Text(media_type) => (vec![media_type], None),
        Content::Bytes(media_types) => (media_types.iter().map(String::as_str).collect(), None),
        Content::EventStream(ty) => (vec!["text/event-stream"], ty.as_ref()),
    };
    html! {
        h4 { "Response " span class="status ok" { (success.status) } }
        p.facts {
            @for media_type in &media_types { span.tag { (media_type) } }
            @if let Some(ty) = ty { (schema::type_name(ty)) }
            @if operation.paginate.is_some() { span.tag { "pages" } }
        }
        (markdown::block(&success.description, 5))
        @if let Some(ty) = ty { (schema::content(api, ty, Side::Answered)) }
        @if !success.headers.is_empty() {
            details.nested {
                summary { "Headers" }
                dl.fields {
                    @for name in &success.headers {
                        div.field {
                            dt { code.name { (name) } }
                            @if let Some(description) = api.headers.get(name) { dd { (markdown::block(description, 6)) } }
                        }
                    }
                }
            }
        }
    }
}

fn described(api: &Api, ty: Option<&TypeRef>) -> Markup {
    match ty {
        Some(TypeRef::Named(name)) => {
            api.types.get(name).map(|def| markdown::block(&def.description, 5)).unwrap_or_default()
        }
        _ => html! {},
    }
}

fn errors(operation: &Operation) -> Markup {
    html! {
        @if !operation.errors.is_empty() {
            h4 { "Errors" }
            div.scroll {
                table.errors {
                    thead { tr { th scope="col" { "Status" } th scope="col" { "Code" } th scope="col" { "When" } } }
                    tbody {
                        @for error in &operation.errors {
                            tr {
                                td { span class="status bad" { (error.status) } }
                                td { code { (error.code) } }
                                td { (markdown::line(&error.when)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The samples. Without a script all are shown, one under the other; the script makes tabs of them.
fn tabs(operation: &Operation, samples: &[Sample]) -> Markup {
    if samples.is_empty() {
        return html! {};
    }
    html! {
        div.tabs {
            div.tablist role="tablist" aria-label="Language" {
                @for (index, sample) in samples.iter().enumerate() {
                    button type="button" role="tab"
                        id=(tab_id(operation, sample)) aria-controls=(panel_id(operation, sample))
                        aria-selected=(if index == 0 { "true" } else { "false" })
                        tabindex=[(index > 0).then_some("-1")]
                        data-lang=(sample.lang) { (sample.label) }
                }
            }
            @for sample in samples {
                div.panel role="tabpanel" id=(panel_id(operation, sample)) aria-labelledby=(tab_id(operation, sample)) {
                    (code(sample.lang, &sample.source))
                }
            }
        }
    }
}

fn tab_id(operation: &Operation, sample: &Sample) -> String {
    format!("{}--{}-tab", operation.id, sample.lang)
}

fn panel_id(operation: &Operation, sample: &Sample) -> String {
    format!("{}--{}", operation.id, sample.lang)
}

fn examples(operation: &Operation) -> Markup {
    html! {
        @if let (Some(Body::Json(_)), Some(example)) = (&operation.body, &operation.request_example) {
            (example_block("Request", None, example))
        }
        @if let Some(example) = &operation.response_example {
            (example_block("Response", Some(operation.success.status), example))
        }
    }
}

fn example_block(title: &str, status: Option<u16>, example: &Value) -> Markup {
    html! {
        div.example {
            p.caption { (title) @if let Some(status) = status { " " span class="status ok" { (status) } } }
            @match example {
                Value::String(text) => { (code("Text", text.trim_end())) },
                value => { (code("JSON", &serde_json::to_string_pretty(value).unwrap_or_default())) },
            }
        }
    }
}

/// A snippet with a button that copies it.
pub(super) fn code(lang: &str, text: &str) -> Markup {
    html! {
        div.code {
            button.copy type="button" { "Copy" }
            pre tabindex="0" { code { (if lang == "Text" { html! { (text) } } else { highlight(lang, text) }) } }
        }
    }
}
