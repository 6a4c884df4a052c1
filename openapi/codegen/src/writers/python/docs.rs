//! Docstrings in Google's style: what a method does, what it takes, answers and raises, and how it is called.

use super::Error;
use super::code::WIDTH;
use super::resource::{Half, Method};
use super::text::{entry, fill};
use super::types::sentences;
use crate::model::{Content, Deprecated, Operation, Resource};
use crate::writers::Layout;
use crate::writers::samples::python::statements;

/// Columns that are left of a method's docstring at its indent.
const COLUMNS: usize = WIDTH - 8;

/// Of a method.
pub(super) fn method(method: &Method<'_>, layout: Layout, half: Half) -> Result<Vec<String>, Error> {
    let operation = method.operation();
    let mut lines = fill(&format!("{}.", operation.summary.trim().trim_end_matches('.')), "", COLUMNS - 3);
    let mut part = |part: Vec<String>| {
        if !part.is_empty() {
            lines.push(String::new());
            lines.extend(part);
        }
    };
    part(fill(&operation.description, "", COLUMNS));
    part(fill(&facts(operation), "", COLUMNS));
    let mut arguments = vec!["Args:".to_owned()];
    let told = method.told();
    for (name, description, more) in &told {
        let text = sentences(description, more);
        arguments.extend(entry(name, if text.is_empty() { "No description." } else { &text }, COLUMNS));
    }
    arguments.extend(entry("options", "Settings of this call alone.", COLUMNS));
    part(arguments);
    let returns = returns(operation, half);
    if !returns.is_empty() {
        let mut answer = vec![if returns.starts_with("Yields") { "Yields:" } else { "Returns:" }.to_owned()];
        answer.extend(fill(&returns, "    ", COLUMNS));
        part(answer);
    }
    part(raises(operation, !told.is_empty()));
    let mut example = vec!["Example:".to_owned(), "    ```python".to_owned()];
    let statements = statements(method.api(), layout, operation, half)?;
    example.extend(statements.into_iter().map(|line| format!("    {line}").trim_end().to_owned()));
    example.push("    ```".to_owned());
    part(example);
    Ok(lines)
}

fn facts(operation: &Operation) -> String {
    let mut text = format!("`{} {}`", operation.method, operation.path);
    if let Some(permission) = &operation.permission {
        text.push_str(&format!(" · needs `{permission}`"));
    }
    if let Some(since) = &operation.since {
        text.push_str(&format!(" · since {since}"));
    }
    if let Some(deprecated) = &operation.deprecated {
        text.push_str(&format!(" · deprecated {}", deprecation(deprecated)));
    }
    text
}

/// What `deprecated` says.
pub(super) fn deprecation(deprecated: &Deprecated) -> String {
    let mut note = format!("since {}", deprecated.since);
    if let Some(sunset) = &deprecated.sunset {
        note.push_str(&format!(", answered until {sunset}"));
    }
    if let Some(link) = &deprecated.link {
        note.push_str(&format!("; see {link}"));
    }
    note
}

fn returns(operation: &Operation, half: Half) -> String {
    let text = operation.success.description.trim();
    let how = match (&operation.success.content, half) {
        (Content::None, _) => return String::new(),
        (Content::Json(_), Half::Sync) if operation.paginate.is_some() => {
            "Iterate over it for all items of all pages; `data` has this page's."
        }
        (Content::Json(_), Half::Async) if operation.paginate.is_some() => {
            "Iterate over it for all items of all pages, or await it for the first page."
        }
        (Content::Bytes(types), _) if types.len() > 1 => {
            "Read piece by piece; use it in a `with` block. `options` has `accept` for another media type."
        }
        (Content::Bytes(_), _) => "Read piece by piece; use it in a `with` block.",
        (Content::EventStream(_), _) => "Events as they come; use it in a `with` block.",
        _ => "",
    };
    let how = if half == Half::Async { how.replace("`with`", "`async with`") } else { how.to_owned() };
    let text = sentences(text, &how);
    if text.is_empty() { "The answer.".into() } else { text }
}

/// Errors by their class, each with the code to compare with.
fn raises(operation: &Operation, has_arguments: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for error in &operation.errors {
        let name = format!("waypost.errors.{}", class(error.status));
        let when = error.when.trim();
        let code = format!("{} `{}`", error.status, error.code);
        let text = if when.is_empty() { format!("{code}.") } else { format!("{code}. {when}") };
        lines.extend(entry(&name, &text, COLUMNS));
    }
    if has_arguments {
        lines.extend(entry("TypeError", "An argument is of a wrong type; nothing was sent.", COLUMNS));
    }
    if !lines.is_empty() {
        lines.insert(0, "Raises:".to_owned());
    }
    lines
}

/// The runtime's class of a status.
fn class(status: u16) -> &'static str {
    match status {
        401 => "AuthenticationError",
        403 => "PermissionDeniedError",
        404 => "NotFoundError",
        409 => "ConflictError",
        410 => "GoneError",
        422 => "UnprocessableError",
        429 => "RateLimitedError",
        500.. => "ServerError",
        _ => "BadRequestError",
    }
}

/// What a resource is; its name where the spec says nothing.
pub(super) fn resource(resource: &Resource) -> String {
    match resource.description.trim() {
        "" => format!("The operations of `{}`.", resource.name),
        text => text.to_owned(),
    }
}
