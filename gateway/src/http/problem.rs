//! Errors as `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::Error;

/// The media type.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

#[derive(Serialize)]
struct Problem<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'e str,
    instance: &'e str,
    code: &'e str,
    request_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'e>>,
}

#[derive(Serialize)]
struct Field<'e> {
    pointer: &'e str,
    code: &'e str,
    detail: &'e str,
}

/// The most fields that are listed; a body of a megabyte can be wrong in more places than anybody reads.
const MOST_FIELDS: usize = 1000;

/// The document. `instance` is the path that was asked for.
pub(super) fn document(error: &Error, instance: &str, request_id: &str) -> Vec<u8> {
    told(error, None, instance, request_id)
}

fn told(error: &Error, oauth: Option<&str>, instance: &str, request_id: &str) -> Vec<u8> {
    let errors = error.fields.iter().take(MOST_FIELDS).map(|field| Field {
        pointer: shortened(&field.pointer, 1024),
        code: &field.code,
        detail: shortened(&field.detail, 1000),
    });
    let problem = Problem {
        error: oauth,
        error_description: oauth.map(|_| plain(shortened(&error.detail, 2000))),
        r#type: format!("urn:waypost:problem:{}", error.code),
        title: title(error.status),
        status: error.status,
        detail: shortened(&error.detail, 2000),
        instance: shortened(instance, 2048),
        code: &error.code,
        request_id,
        retry_after: error.retry_after,
        errors: errors.collect(),
    };
    // Strings and numbers only: writing them cannot fail.
    serde_json::to_vec(&problem).unwrap_or_default()
}

/// A document as a response, with the headers that its status asks for.
pub(super) fn response(error: &Error, document: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"waypost\""));
    }
    response
}

/// An error of an endpoint of OAuth: the same document with `error` and `error_description` in it, as plain JSON (RFC 6749, section 5.2). Its status is 400
/// but for a client that could not be told (401), limits and our own faults.
pub(super) fn oauth_response(error: &Error, instance: &str, request_id: &str) -> Response {
    let status = match error.status {
        401 | 429 | 500.. => error.status,
        _ => 400,
    };
    let oauth = oauth_code(error.status, &error.code);
    // What programs read is one word for one thing; only a limit and a fault of ours have words that OAuth does not know.
    let code = if status == 400 || status == 401 { oauth.to_owned() } else { error.code.to_string() };
    let error = Error {
        status,
        code: code.into(),
        detail: error.detail.clone(),
        fields: error.fields.clone(),
        retry_after: error.retry_after,
        source: None,
    };
    let mut response = response(&error, told(&error, Some(oauth), instance, request_id));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"waypost\""));
    }
    response
}

/// OAuth's own word for an error (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5).
fn oauth_code(status: u16, code: &str) -> &str {
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

fn title(status: u16) -> &'static str {
    match status {
        // The names of RFC 9110; the `http` crate has older ones for these.
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => {
            StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
        }
    }
}

fn shortened(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldError;

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
        let hidden = super::document(&Error::internal("the password is hunter2"), "/", "req_1");
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
