//! What a service token looks like, and how long it lives. Pure.

use waypost_types::ServiceTokenStatus;

use crate::api_keys::rules as secrets;
use crate::http::FieldError;
use crate::secrets::{TokenHash, TokenHasher};

/// What every secret begins with.
pub(crate) const PREFIX: &str = "wps_";

const DAY: i64 = 86_400 * 1_000_000;

/// How long a token lives unless told.
const LIFETIME: i64 = 90 * DAY;

/// How long it lives at most: what nobody renews is forgotten.
const LONGEST: i64 = 366 * DAY;

/// The identifier that a secret names.
pub(crate) fn parse(secret: &str) -> Option<String> {
    secrets::parse(PREFIX, "stk", secret)
}

/// What is stored of a secret.
pub(crate) fn hash(hasher: &TokenHasher, secret: &str) -> TokenHash {
    hasher.hash("service token", secret.as_bytes())
}

/// When a token that is made at `now` stops working.
pub(super) fn expiry(asked: Option<&str>, now: i64) -> Result<i64, FieldError> {
    let expires_at = secrets::expiry(asked, now)?.unwrap_or(now.saturating_add(LIFETIME));
    if expires_at > now.saturating_add(LONGEST) {
        return Err(FieldError {
            pointer: "/expires_at".to_owned(),
            code: "maximum".into(),
            detail: "expected a time within 366 days.".to_owned(),
        });
    }
    Ok(expires_at)
}

/// The state of a token at `now`.
pub(super) fn status(revoked_at: Option<i64>, expires_at: i64, now: i64) -> ServiceTokenStatus {
    match revoked_at {
        Some(_) => ServiceTokenStatus::Revoked,
        None if expires_at <= now => ServiceTokenStatus::Expired,
        None => ServiceTokenStatus::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::id;

    #[test]
    fn a_secret_names_its_token_and_no_api_key() {
        let id = id::new("stk");
        let (secret, _) = secrets::make(PREFIX, &id).unwrap();
        assert_eq!(parse(&secret), Some(id));
        assert_eq!(secrets::Presented::parse(&secret), None);
        assert_eq!(parse(&secret.replace("wps_", "wp_")), None);
    }

    #[test]
    fn a_token_always_expires_and_within_a_year() {
        assert_eq!(expiry(None, 0), Ok(LIFETIME));
        assert_eq!(expiry(Some("1970-12-31T00:00:00Z"), 0), Ok(364 * DAY));
        assert_eq!(expiry(Some("1971-02-01T00:00:00Z"), 0).unwrap_err().code, "maximum");
        assert_eq!(expiry(Some("1969-02-01T00:00:00Z"), 0).unwrap_err().code, "minimum");
    }
}
