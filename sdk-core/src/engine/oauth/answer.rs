//! What the answer to a token request means.

use std::time::Duration;

use super::error::OAuthError;
use super::set::{TokenSet, seconds};
use crate::engine::document::{self, Document};
use crate::engine::error::{Error, ErrorKind, Failure};
use crate::engine::operation::Operation;
use crate::engine::redact;

/// Reads the answer of a token endpoint (RFC 6749, section 5.1) that came at `unix`. A lifetime may be missing, or a text; a token of another type than Bearer cannot be
/// sent, and is refused.
///
/// # Errors
/// What is wrong with the answer, to be told of it. Nothing of the answer is repeated.
pub fn granted(body: &[u8], unix: Duration) -> Result<TokenSet, &'static str> {
    let members = document::object(body).ok_or("what is no JSON object")?;
    let document = Document::Map(members.into_iter().map(|(name, value, _)| (name, value)).collect());
    let mut tokens = TokenSet::read(&document).map_err(|_| "no access token")?;
    if !tokens.token_type.eq_ignore_ascii_case("bearer") {
        return Err("a token of another type than Bearer");
    }
    let lasts = document.member("expires_in").and_then(seconds);
    tokens.expires_at = lasts.map(|lasts| unix.as_secs().saturating_add(lasts));
    let unprintable = |text: &str| text.bytes().any(|byte| !(0x20..0x7f).contains(&byte));
    if unprintable(tokens.access_token.expose()) {
        return Err("an access token that cannot be sent");
    }
    Ok(tokens)
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The refresh token is not taken.
    InvalidGrant(Error),
    /// Anything else.
    Other(Error),
}

/// From how the token request ended to what it means. `secrets` are what was sent in its body.
pub(crate) fn refusal(error: Error, body: &[u8], secrets: &[&str]) -> Refusal {
    let refused =
        matches!(error.status(), Some(400..=499)) && !matches!(error.status(), Some(408 | 425 | 429));
    let attempted = error.kind() != ErrorKind::Timeout && error.kind() != ErrorKind::Cancelled;
    let Some(status) = error.status().filter(|_| refused && attempted) else {
        return Refusal::Other(scrubbed(error, secrets));
    };
    let told = OAuthError::read(status, body, secrets);
    let mut failure = error.into_failure();
    if let Some(said) = told.describe() {
        failure.message = format!("{} answered {status} {said}", super::TOKEN.id);
    }
    failure.advice = advice(told.error.as_deref()).to_owned();
    let invalid_grant = told.error.as_deref() == Some("invalid_grant");
    failure.oauth = Some(Box::new(told));
    let error = scrubbed(Error::OAuth(Box::new(failure)), secrets);
    if invalid_grant { Refusal::InvalidGrant(error) } else { Refusal::Other(error) }
}

/// Somebody has to sign in: there is no token, and nothing to get one with. `refused`: there was one, and the server did not take it.
pub(crate) fn sign_in(operation: &Operation, refused: Option<Error>) -> Error {
    let what = if refused.is_some() { "the server did not take the last one" } else { "none was had" };
    let message = format!("{} needs an access token, and {what}", operation.id);
    let mut failure = Failure::new(message).advise(
        "Sign in again and give the client the new tokens, or give it a client's id and secret (WAYPOST_CLIENT_ID, WAYPOST_CLIENT_SECRET)",
    );
    failure.operation = Some(operation.id);
    if let Some(refused) = refused.map(Error::into_failure) {
        failure.status = refused.status;
        failure.oauth = refused.oauth;
    }
    Error::OAuth(Box::new(failure))
}

fn scrubbed(error: Error, secrets: &[&str]) -> Error {
    let kind = error.kind();
    let mut failure = error.into_failure();
    failure.message = redact::scrub(&failure.message, secrets);
    // A token endpoint's answer may hold tokens.
    if failure.status.is_some_and(|status| status < 400) {
        failure.excerpt = None;
    }
    failure.excerpt = failure.excerpt.map(|excerpt| redact::scrub(&excerpt, secrets));
    failure.problem = failure.problem.filter(|_| failure.oauth.is_none());
    Error::new(kind, failure)
}

fn advice(error: Option<&str>) -> &'static str {
    match error {
        Some("invalid_client") => {
            "Check the client's id and secret (WAYPOST_CLIENT_ID, WAYPOST_CLIENT_SECRET), and that the client was not deleted"
        }
        Some("invalid_grant") => "Sign in again: the refresh token has expired, was used, or was revoked",
        Some("invalid_scope") => "Ask for less: the scope must be among what the client is registered for",
        Some("unauthorized_client") => "Register the client for this grant",
        _ => "Check the client's registration and the token endpoint's address",
    }
}
