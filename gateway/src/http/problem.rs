//! Errors of handlers as the data plane's refusals: problems have one form, whoever refuses.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use waypost_proxy::{Body, Refusal};

use super::{Error, FieldError};

/// The most fields that are listed; a body of a megabyte can be wrong in more places than anybody reads.
const MOST_FIELDS: usize = 1000;

/// What the caller is told of an error, with the headers that its status asks for.
pub(crate) fn refusal(error: &Error) -> Refusal {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut refusal = Refusal::new(status, error.code, shortened(&error.detail, 2000).to_owned());
    if let Some(seconds) = error.retry_after {
        refusal =
            refusal.header(header::RETRY_AFTER, HeaderValue::from(seconds)).member("retry_after", seconds);
    }
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"waypost\"");
        refusal = refusal.header(header::WWW_AUTHENTICATE, challenge);
    }
    if !error.fields.is_empty() {
        let fields: Vec<Value> = error.fields.iter().take(MOST_FIELDS).map(field).collect();
        refusal = refusal.member("errors", fields);
    }
    refusal
}

fn field(field: &FieldError) -> Value {
    let (pointer, detail) = (shortened(&field.pointer, 1024), shortened(&field.detail, 1000));
    json!({ "pointer": pointer, "code": field.code, "detail": detail })
}

/// The answer of an operation whose errors have this media type. Those of OAuth's own endpoints are plain JSON with `error` and `error_description` in it, and
/// have the status 400 but for a client that could not be told (401), limits and our own faults (RFC 6749, section 5.2).
pub(super) fn answer(refusal: Refusal, errors: Option<&str>, request_id: &str, path: &str) -> Response<Body> {
    if errors != Some("application/json") {
        return refusal.answer(request_id, path);
    }
    let status = match refusal.status().as_u16() {
        401 | 429 | 500.. => refusal.status(),
        _ => StatusCode::BAD_REQUEST,
    };
    let word = oauth_code(status.as_u16(), refusal.code());
    // What programs read is one word for one thing; only a limit and a fault of ours have words that OAuth does not know.
    let code = if [400, 401].contains(&status.as_u16()) { word } else { refusal.code() };
    let description = plain(refusal.detail());
    let refusal =
        refusal.renamed(status, code).member("error", word).member("error_description", description);
    let mut answer = refusal.answer(request_id, path);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"waypost\""));
    }
    answer
}

/// OAuth's own word for an error (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5).
fn oauth_code(status: u16, code: &'static str) -> &'static str {
    match (status, code) {
        (
            _,
            "invalid_client"
            | "invalid_grant"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "invalid_scope"
            | "authorization_pending"
            | "slow_down"
            | "access_denied"
            | "expired_token",
        ) => code,
        (401, _) => "invalid_client",
        (429 | 503, _) => "temporarily_unavailable",
        (500.., _) => "server_error",
        _ => "invalid_request",
    }
}

/// `error_description` has printable ASCII without quotes and backslashes.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '"' | '\\' => '\'',
            ' '..='~' => letter,
            _ => '?',
        })
        .collect()
}

/// A recorded document, told under the id of the request that it answers now.
pub(super) fn retold(document: &[u8], request_id: &str) -> Option<Vec<u8>> {
    let mut value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(document).ok()?;
    value.insert("request_id".to_owned(), request_id.into());
    serde_json::to_vec(&value).ok()
}

fn shortened(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(error: &Error, instance: &str, request_id: &str) -> Vec<u8> {
        refusal(error).document(request_id, instance).into_bytes()
    }

    #[test]
    fn a_document_says_everything_and_keeps_the_cause_to_itself() {
        let field = FieldError {
            pointer: "/amount".into(),
            code: "minimum".into(),
            detail: "must be at least 1".into(),
        };
        let error = Error::invalid(vec![field]);
        let document: serde_json::Value =
            serde_json::from_slice(&document(&error, "/v1/wallets", "req_1")).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:waypost:problem:validation_failed",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "/amount: must be at least 1",
                "instance": "/v1/wallets",
                "code": "validation_failed",
                "request_id": "req_1",
                "errors": [{ "pointer": "/amount", "code": "minimum", "detail": "must be at least 1" }],
            })
        );
        let hidden = self::document(&Error::internal("the password is hunter2"), "/", "req_1");
        assert!(!String::from_utf8(hidden).unwrap().contains("hunter2"));
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let error = Error::new(400, "x", "ä".repeat(3000));
        let document: serde_json::Value = serde_json::from_slice(&document(&error, "/", "r")).unwrap();
        assert_eq!(document["detail"].as_str().unwrap().chars().count(), 2000);
    }

    #[test]
    fn a_recorded_problem_is_told_under_the_new_id() {
        let first = document(&Error::conflict("wallet_closed", "Closed."), "/v1/x", "req_1");
        assert_eq!(
            retold(&first, "req_2").unwrap(),
            document(&Error::conflict("wallet_closed", "Closed."), "/v1/x", "req_2")
        );
    }
}
