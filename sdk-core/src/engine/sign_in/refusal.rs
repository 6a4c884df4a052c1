//! Why a sign-in ended without tokens.

use bytes::Bytes;

use crate::engine::error::{Error, Failure};
use crate::engine::message::Headers;
use crate::engine::oauth::OAuthError;

/// An answer of the authorization server.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    /// Method and URL, without query.
    pub(super) target: String,
}

/// What the parameters of a redirect say of an error (RFC 6749, section 4.1.2.1), as it may be printed.
pub(super) fn said(error: &str, description: Option<&str>, uri: Option<&str>) -> OAuthError {
    let clean =
        |text: &str| text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect::<String>();
    let mut told = OAuthError::of(clean(error));
    told.error_description = description.map(clean);
    told.error_uri = uri.map(clean);
    told
}

/// The longest text of a server's that an error repeats, in characters.
const LONGEST: usize = 500;

/// A sign-in that failed, before it is an [`Error`].
#[derive(Debug)]
pub(super) struct Refusal {
    told: Box<OAuthError>,
    message: String,
    advice: String,
    answer: Option<Box<Answer>>,
}

impl Refusal {
    /// The SDK's own refusal, with a word of its own.
    pub(super) fn own(word: &str, message: &str, advice: &str) -> Self {
        Self {
            told: Box::new(OAuthError::of(word)),
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
    pub(super) fn told(what: &str, mut told: OAuthError, answer: Option<&Answer>) -> Self {
        let advice = match told.error.as_deref().unwrap_or_default() {
            "access_denied" => "The person said no",
            "expired_token" => "The code has expired; begin again",
            "invalid_client" => "Check the client's id and secret",
            "invalid_grant" => "Begin again: a code works once, and not for long",
            "invalid_scope" => "Ask for what the client is registered for",
            "unauthorized_client" => "Register the client for this grant",
            _ => "",
        };
        told.status = answer.map(|answer| answer.status);
        let message = format!("{what}: {told}");
        let answer = answer.cloned().map(Box::new);
        Self { message, advice: advice.to_owned(), told: Box::new(told), answer }
    }

    /// The same, of this answer.
    pub(super) fn at(mut self, answer: &Answer) -> Self {
        self.answer = Some(Box::new(answer.clone()));
        self.told.status = Some(answer.status);
        self
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let mut failure = Failure::new(refusal.message);
        failure.advice = refusal.advice;
        failure.oauth = Some(refusal.told);
        if let Some(answer) = refusal.answer {
            failure.status = Some(answer.status);
            failure.request_id = answer.headers.get("x-request-id").map(str::to_owned);
            failure.target = Some(answer.target);
            failure.headers = answer.headers;
        }
        Self::OAuth(Box::new(failure))
    }
}
