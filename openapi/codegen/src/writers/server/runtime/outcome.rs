//! What a handler answers: one type a success status, so that a handler cannot answer another status than the contract says.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::operation::Operation;

/// 200 with a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Success<T>(pub T);

/// 201 with a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Created<T>(pub T);

/// 202 with a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted<T>(pub T);

/// 204.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoContent;

/// 200 with text of the operation's media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub Cow<'static, str>);

/// 200 with a body that is sent while it is made.
#[derive(Debug)]
pub struct Streamed {
    /// One of the operation's media types.
    pub media_type: Cow<'static, str>,
    /// The body.
    pub body: Body,
}

/// What a browser is answered: a page, or where to go instead. Its status is its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// 200 of a page, 303 of a redirect, 4xx of a page that says what is wrong.
    pub status: StatusCode,
    /// Besides `Content-Type`.
    pub headers: HeaderMap,
    /// The page; empty where there is only somewhere else to go.
    pub html: String,
}

impl Page {
    /// A page.
    pub fn new(status: StatusCode, html: impl Into<String>) -> Self {
        Self { status, headers: HeaderMap::new(), html: html.into() }
    }

    /// 303: go there, with a GET.
    pub fn see_other(location: &str) -> Self {
        Self::new(StatusCode::SEE_OTHER, "").header(header::LOCATION, location)
    }

    /// With one more header; a value that cannot be one is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }
}

impl Text {
    /// From a `String`, or from a `&'static str` without a copy.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl Streamed {
    /// A body of this media type, one of the operation's.
    pub fn new(media_type: impl Into<Cow<'static, str>>, body: Body) -> Self {
        Self { media_type: media_type.into(), body }
    }
}

/// What every handler's success has in common.
pub trait Outcome: Send + Sized {
    /// The status that it is answered with.
    const STATUS: u16;

    /// The body as JSON, where it has one: what an idempotent replay must repeat. Empty for an answer without a body.
    fn json(&self) -> Result<Vec<u8>, serde_json::Error>;

    /// The answer of `operation`.
    fn answer(self, operation: &'static Operation) -> Result<Answer, serde_json::Error>;
}

macro_rules! json_outcome {
    ($($name:ident $status:literal),*) => {$(
        impl<T: Serialize + Send> Outcome for $name<T> {
            const STATUS: u16 = $status;

            fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
                serde_json::to_vec(&self.0)
            }

            fn answer(self, _operation: &'static Operation) -> Result<Answer, serde_json::Error> {
                Ok(Answer::json($status, self.json()?))
            }
        }
    )*};
}

json_outcome!(Success 200, Created 201, Accepted 202);

impl Outcome for NoContent {
    const STATUS: u16 = 204;

    fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(Vec::new())
    }

    fn answer(self, _operation: &'static Operation) -> Result<Answer, serde_json::Error> {
        Ok(Answer::new(204, "", Content::Empty))
    }
}

impl Outcome for Text {
    const STATUS: u16 = 200;

    fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.0)
    }

    fn answer(self, operation: &'static Operation) -> Result<Answer, serde_json::Error> {
        let media_type = operation.produces.first().copied().unwrap_or("text/plain");
        let bytes = match self.0 {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        let media_type = match media_type {
            text if text.contains("charset") => Cow::Borrowed(text),
            text => Cow::Owned(format!("{text}; charset=utf-8")),
        };
        Ok(Answer::new(200, media_type, Content::Full(bytes)))
    }
}

impl Outcome for Streamed {
    const STATUS: u16 = 200;

    fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(Vec::new())
    }

    fn answer(self, _operation: &'static Operation) -> Result<Answer, serde_json::Error> {
        Ok(Answer::new(200, self.media_type, Content::Stream(self.body)))
    }
}

impl Outcome for Page {
    const STATUS: u16 = 200;

    fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(Vec::new())
    }

    fn answer(self, _operation: &'static Operation) -> Result<Answer, serde_json::Error> {
        let (media_type, content) = match self.html.is_empty() {
            true => ("", Content::Empty),
            false => ("text/html; charset=utf-8", Content::Full(self.html.into())),
        };
        Ok(Answer { headers: self.headers, ..Answer::new(self.status.as_u16(), media_type, content) })
    }
}

/// A success, ready to be sent; the body can still be looked at (for an `ETag`, say).
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `Content-Type`; empty where there is no body.
    pub media_type: Cow<'static, str>,
    /// Other headers.
    pub headers: HeaderMap,
    /// The body.
    pub content: Content,
}

/// The body of an [`Answer`].
#[derive(Debug)]
pub enum Content {
    /// None.
    Empty,
    /// All of it.
    Full(Bytes),
    /// Sent while it is made.
    Stream(Body),
}

impl Answer {
    /// Without other headers.
    pub fn new(status: u16, media_type: impl Into<Cow<'static, str>>, content: Content) -> Self {
        Self { status, media_type: media_type.into(), headers: HeaderMap::new(), content }
    }

    /// JSON that is already written.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", Content::Full(body.into()))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = match self.content {
            Content::Empty => Body::empty(),
            Content::Full(bytes) => Body::from(bytes),
            Content::Stream(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.headers;
        let media_type = match self.media_type {
            Cow::Borrowed("") => None,
            Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
            Cow::Owned(text) => HeaderValue::try_from(text).ok(),
        };
        if let Some(media_type) = media_type {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        }
        response
    }
}
