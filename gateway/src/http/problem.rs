//! Errors of handlers as the data plane's refusals: problems have one form, whoever refuses.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use waypost_proxy::Refusal;

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
