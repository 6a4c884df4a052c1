//! Why a sign-in ended without tokens.

use bytes::Bytes;
use serde_json::Value;

use crate::engine::error::{Error, Failure};
use crate::engine::message::Headers;

/// An answer of the authorization server.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    /// Method and URL, without query.
    pub(super) target: String,
}

/// What an authorization server says of an error (RFC 6749, sections 4.1.2.1 and 5.2), as it may be printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) error: String,
    pub(super) description: Option<String>,
    pub(super) uri: Option<String>,
}

/// The longest text of a server's that an error repeats, in characters.
const LONGEST: usize = 500;

impl Told {
    pub(super) fn new(error: &str, description: Option<&str>, uri: Option<&str>) -> Self {
        let clean = |text: &str| {
            text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect::<String>()
        };
        Self { error: clean(error), description: description.map(clean), uri: uri.map(clean) }
    }

    /// Reads an error's body; `None`: it is not of this form.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let member = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self::new(member("error")?, member("error_description"), member("error_uri")))
    }
}

/// A sign-in that failed, before it is an [`Error`].
#[derive(Debug)]
pub(super) struct Refusal {
    told: Told,
    message: String,
    advice: String,
    answer: Option<Answer>,
}

impl Refusal {
    /// The SDK's own refusal, with a word of its own.
    pub(super) fn own(word: &str, message: &str, advice: &str) -> Self {
        Self {
            told: Told::new(word, None, None),
            message: message.to_owned(),
            advice: advice.to_owned(),
            answer: None,
        }
    }

    /// An answer that is not what the RFC says.
    pub(super) fn invalid(answer: &Answer, message: &str, advice: &str) -> Self {
        Self::own("invalid_response", message, advice).at(answer)
    }

    /// The server's refusal.
    pub(super) fn told(what: &str, told: Told, answer: Option<&Answer>) -> Self {
        let advice = match told.error.as_str() {
            "access_denied" => "The person said no",
            "expired_token" => "The code has expired; begin again",
            "invalid_client" => "Check the client's id and secret",
            "invalid_grant" => "Begin again: a code works once, and not for long",
            "invalid_scope" => "Ask for what the client is registered for",
            "unauthorized_client" => "Register the client for this grant",
            _ => "",
        };
        let mut message = format!("{what}: {}", told.error);
        if let Some(description) = &told.description {
            message.push_str(": ");
            message.push_str(description.trim_end_matches('.'));
        }
        Self { message, advice: advice.to_owned(), told, answer: answer.cloned() }
    }

    /// The same, of this answer.
    pub(super) fn at(mut self, answer: &Answer) -> Self {
        self.answer = Some(answer.clone());
        self
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let mut failure = Failure::new(refusal.message);
        failure.advice = refusal.advice;
        if let Some(answer) = refusal.answer {
            failure.status = Some(answer.status);
            failure.request_id = answer.headers.get("x-request-id").map(str::to_owned);
            failure.target = Some(answer.target);
            failure.headers = answer.headers;
        }
        Self::OAuth(Box::new(failure))
    }
}
