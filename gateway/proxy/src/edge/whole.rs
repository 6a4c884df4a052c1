//! Bodies as a whole, for the few policies that need that; always bounded.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;

use crate::{Body, Refusal};

/// Why a body could not be gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// It is larger than allowed.
    TooLarge,
    /// It ended early.
    Broken,
}

impl Lost {
    /// What a client is told whose request this was: 413 or 400.
    pub fn of_request(self, limit: u64) -> Refusal {
        match self {
            Self::TooLarge => {
                let detail = format!("The body is larger than {limit} bytes, the most that is taken here.");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            }
            Self::Broken => Refusal::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body ended early."),
        }
    }

    /// What a client is told when it was the service's answer: 502.
    pub fn of_answer(self) -> Refusal {
        let detail = match self {
            Self::TooLarge => "The service's answer is too large to be changed.",
            Self::Broken => "The service's answer ended early.",
        };
        Refusal::new(StatusCode::BAD_GATEWAY, "bad_answer", detail)
    }
}

/// The whole of a body of at most `limit` bytes. Trailers are dropped.
///
/// # Errors
/// It is larger, known before a byte is read where its length is; or it ends early.
pub async fn gather(body: Body, limit: u64) -> Result<Bytes, Lost> {
    if body.size_hint().lower() > limit {
        return Err(Lost::TooLarge);
    }
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Lost::TooLarge),
        Err(_) => Err(Lost::Broken),
    }
}
