//! From an operation and its arguments to a request. All of a caller's mistakes are found here, together, before anything is sent.

use bytes::Bytes;

use super::arguments::{Arguments, Payload};
use super::encode::{self, BaseUrl};
use super::error::Error;
use super::message::{Headers, Request};
use super::operation::{Body, Location, Operation, ResultKind};
use super::text;

/// Builds the request of an operation: URL, the headers that its arguments and its body make, and the body.
///
/// ```
/// use waypost::engine::{Arguments, build::build, operation::*};
/// static GET: Operation = Operation {
///     id: "wallets_get", method: "GET", path: "/v1/wallets/{wallet_id}",
///     parameters: &[Parameter { name: "wallet_id", location: Location::Path, required: true }],
///     body: Body::None, idempotency_key: false, retry: Retry::Safe, security: &[], paginate: None,
///     result: ResultKind::Json, status: 200,
/// };
/// let request = build(&GET, &Arguments::new().path("wallet_id", "a/b"), "https://api.example/base/")?;
/// assert_eq!(request.url, "https://api.example/base/v1/wallets/a%2Fb");
/// # Ok::<(), waypost::engine::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`], naming every mistake: an argument that is missing, unknown, or cannot be written; a body that is missing or of another
/// kind; a base URL that is none.
pub fn build(operation: &'static Operation, arguments: &Arguments, base_url: &str) -> Result<Request, Error> {
    build_on(operation, arguments, BaseUrl::parse(base_url).as_ref().map_err(|reason| *reason))
}

/// As [`build`], on a base URL that is parsed already.
pub(crate) fn build_on(
    operation: &'static Operation,
    arguments: &Arguments,
    base: Result<&BaseUrl, &'static str>,
) -> Result<Request, Error> {
    let mut mistakes = Vec::new();
    let mut url = match base {
        Ok(base) => {
            let mut url = String::with_capacity(256);
            url.push_str(base.origin());
            url.push_str(base.prefix());
            url
        }
        Err(reason) => {
            mistakes.push(format!("the base URL {reason}"));
            String::new()
        }
    };
    let mut headers = Headers::new();
    let body = write(operation, arguments, &mut url, &mut headers, &mut mistakes);
    match Error::config_of(operation.id, &mistakes) {
        None => Ok(Request { method: operation.method, url, headers, body }),
        Some(error) => Err(error.of_operation(operation.id)),
    }
}

/// Appends to the base URL what an operation and its arguments make of it, adds the headers that they make, and answers the body. What is wrong with
/// the arguments is told in `mistakes`.
pub fn write(
    operation: &Operation,
    arguments: &Arguments,
    url: &mut String,
    headers: &mut Headers,
    mistakes: &mut Vec<String>,
) -> Bytes {
    mistakes.extend_from_slice(&arguments.mistakes);
    check_names(operation, arguments, mistakes);
    path(operation, arguments, url, mistakes);
    query(operation, arguments, url);
    headers.insert("accept", accept(operation.result));
    for (name, value) in &arguments.headers {
        if let Some(reason) = encode::header_value_mistake(value) {
            mistakes.push(text::concat(&["header `", name, "` ", reason]));
        }
        headers.append(*name, value.clone());
    }
    body(operation, arguments, headers, mistakes)
}

/// What to ask for. A problem is JSON too, so an operation without a result asks for JSON.
pub(crate) fn accept(result: ResultKind) -> &'static str {
    match result {
        ResultKind::Json | ResultKind::None => "application/json",
        ResultKind::Text(media) => media,
        ResultKind::Bytes(media) => media.first().copied().unwrap_or("*/*"),
        ResultKind::EventStream => "text/event-stream",
    }
}

fn check_names(operation: &Operation, arguments: &Arguments, mistakes: &mut Vec<String>) {
    let given = [
        (Location::Path, &arguments.path),
        (Location::Query, &arguments.query),
        (Location::Header, &arguments.headers),
    ];
    for (location, arguments) in given {
        let same = |known: &str, name: &str| match location {
            Location::Header => known.eq_ignore_ascii_case(name),
            Location::Path | Location::Query => known == name,
        };
        let mut declared = operation.parameters.iter().filter(|parameter| parameter.location == location);
        for (name, _) in arguments {
            if !declared.clone().any(|parameter| same(parameter.name, name)) {
                mistakes.push(text::concat(&["there is no ", location.word(), " parameter `", name, "`"]));
            }
        }
        // A missing path argument is told where the path is written.
        while let Some(parameter) = declared.next().filter(|_| location != Location::Path) {
            let engine_made = parameter.name.eq_ignore_ascii_case("idempotency-key");
            if parameter.required
                && !engine_made
                && !arguments.iter().any(|(name, _)| same(parameter.name, name))
            {
                mistakes.push(text::concat(&[
                    "the ",
                    location.word(),
                    " parameter `",
                    parameter.name,
                    "` is missing",
                ]));
            }
        }
    }
}

fn path(operation: &Operation, arguments: &Arguments, url: &mut String, mistakes: &mut Vec<String>) {
    let mut rest = operation.path;
    while let Some((before, after)) = text::cut(rest, b'{') {
        url.push_str(before);
        let (name, after) = text::cut(after, b'}').unwrap_or((after, ""));
        rest = after;
        let value = arguments.path.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let written = value.map_or(Err("is missing"), |value| encode::push_segment(url, value));
        if let Err(reason) = written {
            mistakes.push(text::concat(&["the path parameter `", name, "` ", reason]));
        }
    }
    url.push_str(rest);
}

/// In the order of the operation's parameters, so that equal calls have equal URLs in every language.
fn query(operation: &Operation, arguments: &Arguments, url: &mut String) {
    let mut separator = '?';
    for parameter in operation.parameters.iter().filter(|parameter| parameter.location == Location::Query) {
        for (_, value) in arguments.query.iter().filter(|(name, _)| *name == parameter.name) {
            encode::pair(url, Some(separator), parameter.name, value);
            separator = '&';
        }
    }
}

fn body(
    operation: &Operation,
    arguments: &Arguments,
    headers: &mut Headers,
    mistakes: &mut Vec<String>,
) -> Bytes {
    let (media, body) = match (operation.body, &arguments.body) {
        (Body::None, None) => return Bytes::new(),
        (Body::Json, Some(Payload::Json(body))) => ("application/json", body),
        (Body::Form, Some(Payload::Form(body))) => ("application/x-www-form-urlencoded", body),
        (Body::Bytes(media), Some(Payload::Bytes(body))) => (media, body),
        // Its own mistake is already told.
        (_, None) if !arguments.mistakes.is_empty() => return Bytes::new(),
        (wanted, None) => {
            mistakes.push(text::concat(&["the body is missing: it takes ", wanted.word()]));
            return Bytes::new();
        }
        (wanted, Some(given)) => {
            mistakes.push(text::concat(&["the body is ", given.word(), ": it takes ", wanted.word()]));
            return Bytes::new();
        }
    };
    headers.insert("content-type", media);
    body.clone()
}

impl Location {
    const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

impl Body {
    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Json => "JSON",
            Self::Form => "a form",
            Self::Bytes(_) => "bytes",
        }
    }
}

impl Payload {
    const fn word(&self) -> &'static str {
        match self {
            Self::Json(_) => "JSON",
            Self::Form(_) => "a form",
            Self::Bytes(_) => "bytes",
        }
    }
}
