//! Runners of the pure policies: `backoff`, `retry_after`, `traceparent`.

use std::time::Duration;

use serde_json::{Value, json};
use waypost::engine::TraceParent;
use waypost::engine::policy::backoff::Backoff;
use waypost::engine::policy::retry_after::{exhausted, retry_after as asked};

use super::calls::{headers, milliseconds, number};

/// The bound of a wait, and the wait for given random bits.
pub(crate) fn backoff(input: &Value) -> Value {
    let mut policy = Backoff::default();
    policy.base = milliseconds(&input["base_ms"]).unwrap_or(policy.base);
    policy.cap = milliseconds(&input["cap_ms"]).unwrap_or(policy.cap);
    let retry = input["retry"].as_u64().and_then(|retry| u32::try_from(retry).ok()).unwrap_or_default();
    let random = input["random"].as_str().and_then(|random| random.parse().ok()).unwrap_or_default();
    json!({ "bound_ms": number(policy.bound(retry)), "delay_ms": number(policy.delay(retry, random)) })
}

/// What an answer's headers say about waiting.
pub(crate) fn retry_after(input: &Value) -> Value {
    let headers = headers(&input["headers"]);
    let unix = Duration::from_secs(input["now"].as_u64().unwrap_or_default());
    json!({
        "retry_after_s": asked(&headers, unix).map(|wait| wait.as_secs()),
        "exhausted_s": exhausted(&headers).map(|wait| wait.as_secs()),
    })
}

/// A `traceparent`, read and written again.
pub(crate) fn traceparent(input: &Value) -> Value {
    let parent = input["header"].as_str().and_then(TraceParent::parse);
    json!({
        "valid": parent.is_some(),
        "written": parent.map(|parent| parent.to_string()),
        "sampled": parent.map(|parent| parent.flags & 1 == 1),
    })
}
