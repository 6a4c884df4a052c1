//! Refusals: what a client is told when a request goes no further. An `application/problem+json` document (RFC 9457) with a stable `code`, made in one place.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::Body;

/// Letters of a path that a document repeats.
const LONGEST_INSTANCE: usize = 2048;

/// A request that goes no further. Cheap to make: the document is written when it is answered. One word large, so that a stage that refuses nothing
/// returns little.
#[derive(Debug, Clone)]
pub struct Refusal(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Map<String, Value>,
}

impl Refusal {
    /// A status of 4xx or 5xx, a stable code in snake_case, and what happened and what to do, for a person.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner { status, code, detail, headers: Vec::new(), members: Map::new() }))
    }

    /// With a header: `Retry-After`, `WWW-Authenticate`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With a member of its own in the document: `policy`, `state`.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same under another status and code, for a protocol that has its own.
    #[must_use]
    pub fn renamed(mut self, status: StatusCode, code: &'static str) -> Self {
        self.0.status = status;
        self.0.code = code;
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The text for a person.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The document that answers a request for `path`; empty where it could not be read.
    pub fn document(&self, request_id: &str, path: &str) -> String {
        let Inner { status, code, detail, members, .. } = &*self.0;
        let mut document = Map::new();
        document.insert("type".to_owned(), Value::from(format!("urn:waypost:problem:{code}")));
        document.insert("title".to_owned(), Value::from(title(*status)));
        document.insert("status".to_owned(), Value::from(status.as_u16()));
        document.insert("detail".to_owned(), Value::from(&**detail));
        if !path.is_empty() {
            let end = path.char_indices().nth(LONGEST_INSTANCE).map_or(path.len(), |(end, _)| end);
            document.insert("instance".to_owned(), Value::from(path.get(..end).unwrap_or(path)));
        }
        document.insert("code".to_owned(), Value::from(*code));
        document.insert("request_id".to_owned(), Value::from(request_id));
        document.extend(members.clone());
        Value::Object(document).to_string()
    }

    /// The answer to a request for `path`; empty where it could not be read.
    pub fn answer(self, request_id: &str, path: &str) -> Response<Body> {
        let mut answer = Response::new(Body::full(self.document(request_id, path)));
        *answer.status_mut() = self.0.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        for (name, value) in self.0.headers {
            headers.append(name, value);
        }
        answer
    }
}

/// The names of RFC 9110; the `http` crate has older ones for two.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}
