//! What a caller gives an operation: values by parameter name, and a body as bytes. Typed resources fill it from structs, the bindings from
//! their own languages; it is checked against the operation when the request is built.
//!
//! A value that cannot be written is remembered here and becomes one [`Error::Config`](super::Error::Config) when the call is sent, so that
//! building a call never fails half-way.

use std::fmt::{self, Display};

use bytes::Bytes;
use serde::Serialize;

use super::operation::{Location, Operation, Parameter};
use super::text;

/// The arguments of one call.
///
/// ```
/// use waypost::engine::Arguments;
/// let arguments = Arguments::new().path("wallet_id", "wal_1").query("limit", Some(20)).query_all("status", ["active", "frozen"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    pub(crate) path: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Payload>,
    pub(crate) mistakes: Vec<String>,
}

/// A body and what it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    Json(Bytes),
    Form(Bytes),
    Bytes(Bytes),
}

impl Arguments {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// The arguments of an operation from flat pairs of wire name and text: what a binding has, which knows names and not places. An array parameter is
    /// its name several times. A name that the operation does not have is a mistake of the call.
    pub fn of_pairs<'a>(operation: &Operation, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut arguments = Self::new();
        for (name, value) in pairs {
            let same = |known: &str| known == name;
            let header = |parameter: &Parameter| {
                parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(name)
            };
            let found = operation.parameters.iter().find(|known| same(known.name) || header(known));
            let Some(parameter) = found else {
                arguments.mistakes.push(text::concat(&["there is no parameter `", name, "`"]));
                continue;
            };
            let place = match parameter.location {
                Location::Path => &mut arguments.path,
                Location::Query => &mut arguments.query,
                Location::Header => &mut arguments.headers,
            };
            place.push((parameter.name, value.to_owned()));
        }
        arguments
    }

    /// Sets a path parameter.
    #[must_use]
    pub fn path(mut self, name: &'static str, value: impl Display) -> Self {
        self.path.push((name, value.to_string()));
        self
    }

    /// Sets a query parameter; `None` leaves it out.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: Option<impl Display>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Sets an array parameter, written as `name=a&name=b`.
    #[must_use]
    pub fn query_all<T: Display>(mut self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        self.query.extend(values.into_iter().map(|value| (name, value.to_string())));
        self
    }

    /// Sets a header parameter; `None` leaves it out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: Option<impl Display>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(Payload::Json(bytes.into())),
            Err(error) => self.mistakes.push(format!("the body cannot be written as JSON: {error}")),
        }
        self
    }

    /// Sets a JSON body that is written already. It is sent byte for byte.
    #[must_use]
    pub fn json_bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(Payload::Json(body.into()));
        self
    }

    /// Sets a body of `application/x-www-form-urlencoded`: an object of scalars and arrays of scalars.
    #[must_use]
    pub fn form(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_value(body)
            .map_err(|error| error.to_string())
            .and_then(|value| super::encode::form(&value))
        {
            Ok(text) => self.body = Some(Payload::Form(text.into())),
            Err(reason) => self.mistakes.push(format!("the body cannot be written as a form: {reason}")),
        }
        self
    }

    /// Sets a form body that is written already.
    #[must_use]
    pub fn form_bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(Payload::Form(body.into()));
        self
    }

    /// Sets a body of plain bytes.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(Payload::Bytes(body.into()));
        self
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |entries: &[(&'static str, String)]| entries.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        formatter
            .debug_struct("Arguments")
            .field("path", &self.path)
            .field("query", &names(&self.query))
            .field("headers", &names(&self.headers))
            .field("has_body", &self.body.is_some())
            .finish()
    }
}
