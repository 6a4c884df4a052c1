//! The token endpoint's answer (RFC 6749, section 5.1), read leniently.

use serde_json::Value;

use super::refusal::{Answer, Refusal};
use crate::engine::oauth::TokenSet;
use crate::engine::redact::Secret;
use crate::engine::time::Now;

pub(super) fn read(answer: &Answer, asked: Option<&str>, now: Now) -> Result<TokenSet, Refusal> {
    let wrong = |what: &str| Refusal::invalid(answer, what, "The server does not keep to RFC 6749");
    let told: Value = serde_json::from_slice(&answer.body).map_err(|_| wrong("the tokens are not JSON"))?;
    let member = |name: &str| told.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let token_type = member("token_type").unwrap_or("Bearer");
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(wrong("the token is of another type than `Bearer`"));
    }
    Ok(TokenSet {
        access_token: member("access_token").ok_or_else(|| wrong("there is no `access_token`"))?.into(),
        token_type: "Bearer".to_owned(),
        expires_at: told.get("expires_in").and_then(Value::as_u64).map(|lifetime| now.unix.as_secs().saturating_add(lifetime)),
        refresh_token: member("refresh_token").map(Secret::from),
        scope: member("scope").or(asked).map(str::to_owned),
    })
}
