//! The one error of every handler. It becomes `application/problem+json` (RFC 9457) in `problem`.

use std::borrow::Cow;

/// What went wrong, told so that the caller can act on it.
#[derive(Debug, thiserror::Error)]
#[error("{status} {code}: {detail}")]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// The stable machine-readable code: `insufficient_funds`.
    pub code: &'static str,
    /// What happened, to what, and what to do.
    pub detail: String,
    /// One entry for each wrong field, all of them at once.
    pub fields: Vec<FieldError>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The cause, for the log only; never sent.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the body (`/amount`), or the parameter as `query:limit`, `path:wallet_id`, `header:X`.
    pub pointer: String,
    /// `required`, `type`, `minimum`, `pattern`, `unknown`, ...
    pub code: Cow<'static, str>,
    /// What is wrong and what is expected.
    pub detail: String,
}

impl Error {
    /// Any error.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), fields: Vec::new(), retry_after: None, source: None }
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, code, detail)
    }

    /// 401 with the code `unauthenticated`.
    pub fn unauthenticated() -> Self {
        Self::new(401, "unauthenticated", "No valid credentials. Send a bearer token or an X-API-Key header.")
    }

    /// 403 with the code `permission_denied`.
    pub fn permission_denied(permission: &str) -> Self {
        Self::new(403, "permission_denied", format!("The caller lacks the permission `{permission}`."))
    }

    /// 404 with the code `not_found`; the same for what is not there and what belongs to somebody else.
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(404, "not_found", format!("There is no {what} `{id}`."))
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 422 with one entry for each wrong field.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} fields are wrong; see `errors`.", many.len()),
        };
        Self { fields, ..Self::new(422, "validation_failed", detail) }
    }

    /// 422 of a business rule.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(422, code, detail)
    }

    /// 500; the cause is logged with the request id and not sent.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::new(
                500,
                "internal",
                "Something failed on our side. Try again; give the request id when you report it.",
            )
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        crate::store::StoreError::from(error).into()
    }
}
