//! Webhook signatures for the bindings: a refusal as a word that is the same in every language, beside its sentence.

use std::time::Duration;

use crate::webhook::{Delivery, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, Webhook, WebhookError};

/// Why a secret is none, or a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `secret`, `id`, `missing_header`, `timestamp`, `too_old`, `too_new` or `signature`.
    pub word: &'static str,
    /// For a person.
    pub message: String,
}

impl From<WebhookError> for Refusal {
    fn from(error: WebhookError) -> Self {
        let word = match &error {
            WebhookError::Secret => "secret",
            WebhookError::Id => "id",
            WebhookError::MissingHeader(_) => "missing_header",
            WebhookError::Timestamp => "timestamp",
            WebhookError::TooOld(_) => "too_old",
            WebhookError::TooNew(_) => "too_new",
            WebhookError::Signature => "signature",
        };
        Self { word, message: error.to_string() }
    }
}

/// The value of the signature header: one for each secret, the newest first.
///
/// # Errors
/// When a secret or the id is none.
pub fn sign(secrets: &[&str], id: &str, timestamp: u64, body: &[u8]) -> Result<String, Refusal> {
    Ok(with(secrets)?.sign(id, timestamp, body)?)
}

/// Is a delivery with these three headers (id, timestamp, signature) genuine, and of now? `unix` is the time since 1970.
///
/// # Errors
/// Why it is to be refused.
pub fn verify(
    secrets: &[&str],
    headers: [Option<&str>; 3],
    body: &[u8],
    unix: Duration,
    tolerance: Duration,
) -> Result<Delivery, Refusal> {
    let [id, timestamp, signature] = headers;
    let lookup = |name: &str| match name {
        ID_HEADER => id,
        TIMESTAMP_HEADER => timestamp,
        SIGNATURE_HEADER => signature,
        _ => None,
    };
    Ok(with(secrets)?.with_tolerance(tolerance).verify_headers(lookup, body, unix)?)
}

fn with(secrets: &[&str]) -> Result<Webhook, WebhookError> {
    let mut secrets = secrets.iter();
    let newest = Webhook::new(secrets.next().copied().unwrap_or_default())?;
    secrets.try_fold(newest, |webhook, secret| webhook.with_previous(secret))
}
