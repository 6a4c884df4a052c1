//! Operations that are described at run time: for the shared vectors, and for whoever tests against an API that the table does not have. Each description
//! is kept for the life of the process, once, since the engine's operations are constants.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use serde_json::{Map, Value, json};

use super::VERSION;
use super::members::Members;
use crate::engine::error::Error;
use crate::engine::operation::{Body, Location, Operation, Paginate, Parameter, ResultKind, Retry, Scheme};
use crate::operations;

const ABOUT: &str = "the operation's description";

#[derive(Default)]
struct Defined {
    by_id: HashMap<&'static str, &'static Operation>,
    /// Descriptions and names that were there before are not kept twice.
    operations: Vec<&'static Operation>,
    words: HashMap<String, &'static str>,
}

static DEFINED: LazyLock<RwLock<Defined>> = LazyLock::new(RwLock::default);

/// The operation of this id: of the contract, or defined.
///
/// # Errors
/// [`Error::Config`] when there is none: facade and native part must be of one version.
pub fn find(id: &str) -> Result<&'static Operation, Error> {
    if let Some(operation) = operations::find(id) {
        return Ok(operation);
    }
    let defined = DEFINED.read().unwrap_or_else(PoisonError::into_inner);
    defined.by_id.get(id).copied().ok_or_else(|| {
        Error::config(format!(
            "the native part of waypost {VERSION} has no operation `{}`; install the package anew, so that both of its halves are of one version",
            id.escape_debug()
        ))
    })
}

/// Defines an operation and answers with its id. A later one of the same id takes its place.
///
/// ```
/// use waypost::binding::{define, find};
/// let id = define(br#"{"id": "things_get", "method": "GET", "path": "/v1/things/{thing_id}",
///     "parameters": [{"name": "thing_id", "in": "path", "required": true}], "result": "json"}"#)?;
/// assert_eq!(find(&id)?.method, "GET");
/// # Ok::<(), waypost::Error>(())
/// ```
///
/// # Errors
/// [`Error::Config`] that names what is wrong in the description; an id of the contract is refused.
pub fn define(description: &[u8]) -> Result<String, Error> {
    let mut members = Members::parse(ABOUT, description)?;
    let mut defined = DEFINED.write().unwrap_or_else(PoisonError::into_inner);
    let operation = read(&mut members, &mut defined);
    members.finish()?;
    if operation.id.is_empty() || operations::find(operation.id).is_some() {
        return Err(Error::config(format!("{ABOUT}: `id` must be one that the contract does not have")));
    }
    let known = defined.operations.iter().find(|known| ***known == operation).copied();
    let kept = match known {
        Some(known) => known,
        None => {
            let kept: &'static Operation = Box::leak(Box::new(operation));
            defined.operations.push(kept);
            kept
        }
    };
    defined.by_id.insert(kept.id, kept);
    Ok(kept.id.to_owned())
}

fn read(members: &mut Members, defined: &mut Defined) -> Operation {
    let id = members.text("id").unwrap_or_default();
    let method = members.text("method").unwrap_or_else(|| "GET".to_owned());
    let path = members.text("path").unwrap_or_else(|| "/".to_owned());
    let parameters = list(
        members,
        "parameters",
        "has a member that is no parameter (`name`, `in`, `required`)",
        |value| {
            let name = value.get("name")?.as_str()?;
            let location = match value.get("in")?.as_str()? {
                "path" => Location::Path,
                "query" => Location::Query,
                "header" => Location::Header,
                _ => return None,
            };
            let required = value.get("required").is_some_and(|required| *required == true);
            Some(Parameter { name: defined.word(name), location, required })
        },
    );
    let body = match members.text("body").as_deref() {
        None | Some("none") => Body::None,
        Some("json") => Body::Json,
        Some("form") => Body::Form,
        Some(media) => Body::Bytes(defined.word(media)),
    };
    let retry = match members.text("retry").as_deref() {
        None | Some("safe") => Retry::Safe,
        Some("idempotent") => Retry::Idempotent,
        Some("never") => Retry::Never,
        Some(_) => {
            members.mistake("retry", "is none of safe, idempotent, never");
            Retry::Never
        }
    };
    let security = list(
        members,
        "security",
        "has a member that is no list of `bearer`, `header:<name>`, `cookie:<name>`",
        |value| {
            let schemes: Option<Vec<Scheme>> = value
                .as_array()?
                .iter()
                .map(|scheme| match scheme.as_str()?.split_once(':') {
                    None => (scheme == "bearer").then_some(Scheme::Bearer),
                    Some(("header", name)) => Some(Scheme::Header(defined.word(name))),
                    Some(("cookie", name)) => Some(Scheme::Cookie(defined.word(name))),
                    Some(_) => None,
                })
                .collect();
            Some(&*schemes?.leak())
        },
    );
    let paginate = members.flag("paginate").unwrap_or(false).then_some(PAGINATE);
    let result = match members.take("result") {
        None => ResultKind::Json,
        Some(Value::Array(media)) => {
            let media: Vec<&'static str> =
                media.iter().filter_map(Value::as_str).map(|media| defined.word(media)).collect();
            ResultKind::Bytes(media.leak())
        }
        Some(word) => match word.as_str() {
            Some("none") => ResultKind::None,
            Some("json") => ResultKind::Json,
            Some("text") => ResultKind::Text("text/plain"),
            Some("events") => ResultKind::EventStream,
            _ => {
                members.mistake("result", "is none of none, json, text, events, and no list of media types");
                ResultKind::None
            }
        },
    };
    let status = members.count("status").and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    Operation {
        id: defined.word(&id),
        method: defined.word(&method),
        path: defined.word(&path),
        parameters: parameters.leak(),
        body,
        idempotency_key: members.flag("idempotency_key").unwrap_or(false),
        retry,
        security: security.leak(),
        paginate,
        result,
        status,
    }
}

/// The house's pages.
pub(super) const PAGINATE: Paginate =
    Paginate { items: "data", cursor: "cursor", next_cursor: "next_cursor", has_more: "has_more" };

fn list<T>(
    members: &mut Members,
    name: &str,
    mistake: &str,
    mut read: impl FnMut(&Value) -> Option<T>,
) -> Vec<T> {
    let Some(value) = members.take(name) else { return Vec::new() };
    let items: Option<Vec<T>> = value.as_array().and_then(|items| items.iter().map(&mut read).collect());
    if items.is_none() {
        members.mistake(name, mistake);
    }
    items.unwrap_or_default()
}

impl Defined {
    fn word(&mut self, text: &str) -> &'static str {
        if let Some(word) = self.words.get(text) {
            return word;
        }
        let word: &'static str = text.to_owned().leak();
        self.words.insert(text.to_owned(), word);
        word
    }
}

/// An operation as [`define`] takes it, for facades that want to know more of it than its id.
pub fn describe(operation: &Operation) -> Value {
    let parameters: Value = operation
        .parameters
        .iter()
        .map(|parameter| {
            let place = match parameter.location {
                Location::Path => "path",
                Location::Query => "query",
                Location::Header => "header",
            };
            json!({ "name": parameter.name, "in": place, "required": parameter.required })
        })
        .collect();
    let scheme = |scheme: &Scheme| match scheme {
        Scheme::Bearer => "bearer".to_owned(),
        Scheme::Header(name) => format!("header:{name}"),
        Scheme::Cookie(name) => format!("cookie:{name}"),
    };
    let security: Vec<Vec<String>> =
        operation.security.iter().map(|schemes| schemes.iter().map(scheme).collect()).collect();
    let mut told = Map::new();
    told.insert("id".to_owned(), json!(operation.id));
    told.insert("method".to_owned(), json!(operation.method));
    told.insert("path".to_owned(), json!(operation.path));
    told.insert("parameters".to_owned(), parameters);
    told.insert(
        "body".to_owned(),
        json!(match operation.body {
            Body::None => "none",
            Body::Json => "json",
            Body::Form => "form",
            Body::Bytes(media) => media,
        }),
    );
    told.insert("idempotency_key".to_owned(), json!(operation.idempotency_key));
    told.insert(
        "retry".to_owned(),
        json!(match operation.retry {
            Retry::Safe => "safe",
            Retry::Idempotent => "idempotent",
            Retry::Never => "never",
        }),
    );
    told.insert("security".to_owned(), json!(security));
    told.insert("paginate".to_owned(), json!(operation.paginate.is_some()));
    told.insert(
        "result".to_owned(),
        match operation.result {
            ResultKind::None => json!("none"),
            ResultKind::Json => json!("json"),
            ResultKind::Text(_) => json!("text"),
            ResultKind::Bytes(media) => json!(media),
            ResultKind::EventStream => json!("events"),
        },
    );
    told.insert("status".to_owned(), json!(operation.status));
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_is_described_and_defined_again_is_the_same() {
        for operation in operations::OPERATIONS {
            let mut description = describe(operation);
            description["id"] = json!(format!("again_{}", operation.id));
            let id = define(description.to_string().as_bytes()).unwrap();
            let made = find(&id).unwrap();
            assert_eq!(made.path, operation.path);
            assert_eq!(
                (made.parameters, made.security, made.body),
                (operation.parameters, operation.security, operation.body)
            );
            assert_eq!(
                (made.retry, made.paginate, made.status),
                (operation.retry, operation.paginate, operation.status)
            );
        }
    }

    #[test]
    fn the_same_description_is_kept_once() {
        let define = || find(&define(br#"{"id": "once", "path": "/once"}"#).unwrap()).unwrap();
        assert!(std::ptr::eq(define(), define()));
    }

    #[test]
    fn what_is_wrong_in_a_description_is_named() {
        let told = define(br#"{"id": "x", "retry": "often", "result": 1, "parameters": [{}], "paht": ""}"#)
            .unwrap_err()
            .to_string();
        for name in ["`retry`", "`result`", "`parameters`", "`paht`"] {
            assert!(told.contains(name), "{name}: {told}");
        }
        assert!(define(br#"{"id": "wallets_get"}"#).is_err());
    }

    #[test]
    fn an_operation_that_nobody_has_names_the_version() {
        let told = find("wallets_paint").unwrap_err().to_string();
        assert!(told.contains("wallets_paint") && told.contains(VERSION), "{told}");
    }
}
