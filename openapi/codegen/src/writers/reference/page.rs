//! The page around the operations: head, navigation, introduction, types.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::{Samples, markdown, operation, schema};
use crate::model::{Api, Resource, SecurityScheme, TypeDef};
use crate::writers::Context;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing but what is in the file: no request can leave the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Renders it.
pub(super) fn write(api: &Api, context: &Context<'_>, samples: &Samples<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        (PreEscaped(format!("<!-- {} -->\n", context.header().replace("--", "- -"))))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (api.title) " reference" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the reference" }
                (banner(api))
                (navigation(api))
                main id="main" tabindex="-1" {
                    (introduction(api, context))
                    @for resource in &api.resources { (self::resource(api, resource, samples)) }
                    (types(api))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

fn banner(api: &Api) -> Markup {
    html! {
        header.banner {
            button.menu type="button" aria-controls="navigation" aria-expanded="false" hidden { "Menu" }
            a.brand href="#introduction" { (api.title) }
            span.version { (api.version) }
            a.contract href="openapi.yaml" { "openapi.yaml" }
        }
    }
}

fn navigation(api: &Api) -> Markup {
    html! {
        nav id="navigation" aria-label="Operations" {
            div.filter hidden {
                input id="filter" type="search" placeholder="Filter" aria-label="Filter operations and types" autocomplete="off" spellcheck="false";
                kbd { "/" }
            }
            p.nothing role="status" hidden { "Nothing has this in its name, path or summary." }
            section {
                h2 { a href="#introduction" { "Introduction" } }
                ul {
                    @for (title, anchor) in markdown::headings(&api.description) {
                        li { a href=(format!("#{anchor}")) { (title) } }
                    }
                    li { a href="#credentials" { "Credentials" } }
                }
            }
            @for resource in &api.resources {
                section {
                    h2 { a href=(format!("#{}", resource.name)) { (words(&resource.name)) } }
                    ul {
                        @for operation in &resource.operations {
                            li data-find=(format!("{} {} {} {}", operation.id, operation.method, operation.path, operation.summary).to_lowercase()) {
                                a href=(format!("#{}", operation.id)) class=[operation.deprecated.as_ref().map(|_| "gone")] {
                                    span { (operation.summary) }
                                    (operation::method(&operation.method))
                                }
                            }
                        }
                    }
                }
            }
            section {
                h2 { a href="#types" { "Types" } }
                ul.types {
                    @for name in api.types.keys() {
                        li data-find=(name.to_lowercase()) { a href=(format!("#{}", schema::anchor(name))) { (name) } }
                    }
                }
            }
        }
    }
}

/// A resource's name as a title: `API keys`.
fn words(name: &str) -> String {
    let words = name.split('_').enumerate().map(|(place, word)| {
        if ["api", "id", "url", "http"].contains(&word) {
            return word.to_uppercase();
        }
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if place == 0 => first.to_uppercase().chain(letters).collect(),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn introduction(api: &Api, context: &Context<'_>) -> Markup {
    let servers =
        context.document.pointer("/servers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    html! {
        section.introduction id="introduction" {
            h1 { (api.title) " " span.version { (api.version) } }
            @for server in servers {
                @if let Some(url) = server.get("url").and_then(Value::as_str) {
                    p.server { span.tag { "Base URL" } code { (url) } " " (markdown::line(server.get("description").and_then(Value::as_str).unwrap_or_default())) }
                }
            }
            (markdown::block(&api.description, 1))
            h2 id="credentials" { "Credentials" }
            @if api.security_schemes.is_empty() { p { "None are needed." } }
            dl.fields {
                @for (name, scheme) in &api.security_schemes {
                    div.field {
                        dt { code.name { (name) } }
                        dd { p {
                            @match scheme {
                                SecurityScheme::Bearer => { "A token: " code { "Authorization: Bearer …" } },
                                SecurityScheme::OAuth2 => { "An OAuth 2 access token: " code { "Authorization: Bearer …" } },
                                SecurityScheme::Header(header) => { "A header: " code { (header) ": …" } },
                                SecurityScheme::Cookie(cookie) => { "A cookie: " code { (cookie) "=…" } },
                            }
                            @if let Some(text) = scheme_description(context, name) { (markdown::block(text, 5)) }
                        } }
                    }
                }
            }
        }
    }
}

fn scheme_description<'a>(context: &Context<'a>, name: &str) -> Option<&'a str> {
    context.document.get("components")?.get("securitySchemes")?.get(name)?.get("description")?.as_str()
}

fn resource(api: &Api, resource: &Resource, samples: &Samples<'_>) -> Markup {
    html! {
        section.resource id=(resource.name) aria-labelledby=(format!("{}--title", resource.name)) {
            header.intro {
                h2 id=(format!("{}--title", resource.name)) {
                    (words(&resource.name)) " "
                    a.anchor href=(format!("#{}", resource.name)) aria-label=(format!("Link to {}", resource.name)) { "#" }
                }
                (markdown::block(&resource.description, 3))
            }
            @for operation in &resource.operations {
                (operation::operation(api, operation, samples.get(operation.id.as_str()).map(Vec::as_slice).unwrap_or_default()))
            }
        }
    }
}

fn types(api: &Api) -> Markup {
    html! {
        section.resource id="types" aria-labelledby="types--title" {
            header.intro {
                h2 id="types--title" { "Types" }
                p { "What requests carry and answers hold. A reader keeps what it does not know: fields, enum values, variants." }
            }
            @for def in api.types.values() { (type_article(api, def)) }
        }
    }
}

fn type_article(api: &Api, def: &TypeDef) -> Markup {
    let anchor = schema::anchor(&def.name);
    html! {
        article.operation.type-def id=(anchor) {
            div.prose {
                h3 { code { (def.name) } " " a.anchor href=(format!("#{anchor}")) aria-label=(format!("Link to {}", def.name)) { "#" } }
                (markdown::block(&def.description, 4))
                (schema::definition(api, def))
            }
            @if let Some(example) = &def.example {
                div.aside { div.example {
                    p.caption { "Example" }
                    (operation::code("JSON", &serde_json::to_string_pretty(example).unwrap_or_default()))
                } }
            }
        }
    }
}
