//! What a decision says: the headers of draft-ietf-httpapi-ratelimit-headers and the older `X-RateLimit-*`, and a refusal.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::quota::Inner;
use super::store::MOST;
use crate::Refusal;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Whether a request may pass, and what its caller is told either way.
#[derive(Debug, Clone)]
#[must_use]
pub struct Decision {
    pub(super) allowed: bool,
    pub(super) quotas: [Option<Arc<Inner>>; MOST],
    pub(super) tightest: Option<Tightest>,
}

/// The window that is nearest to its end, or that refuses for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tightest {
    /// Which of the quotas, and which of its windows.
    pub(super) quota: usize,
    pub(super) window: usize,
    pub(super) limit: u32,
    pub(super) left: u64,
    /// Milliseconds: of a refusal, until the request would pass; else until its count falls.
    pub(super) wait: u64,
}

impl Decision {
    /// Whether the request may pass.
    pub const fn allowed(&self) -> bool {
        self.allowed
    }

    /// The policy that decides: its name in headers (`minute`), and the tier or route that it is of.
    pub fn policy(&self) -> Option<(&str, &str)> {
        let tightest = self.tightest?;
        let quota = self.quotas.get(tightest.quota)?.as_ref()?;
        Some((quota.policies.get(tightest.window)?, &quota.name))
    }

    /// Requests that are left by it.
    pub fn remaining(&self) -> Option<u64> {
        self.tightest.map(|tightest| tightest.left)
    }

    /// Seconds: of a refusal until the same request would pass if none comes between, else until the window ends. Never too few.
    pub fn reset(&self) -> u64 {
        self.tightest.map_or(0, |tightest| tightest.wait.div_ceil(1_000).max(1))
    }

    /// Tells the caller how it stands.
    pub fn tell(&self, headers: &mut HeaderMap) {
        for quota in self.quotas.iter().flatten() {
            headers.append(RATE_LIMIT_POLICY, quota.header.clone());
        }
        for (name, value) in self.values().into_iter().flatten() {
            headers.insert(name, value);
        }
    }

    /// All four are parts of one text, so that they take one piece of memory.
    fn values(&self) -> Option<[(HeaderName, HeaderValue); 4]> {
        let tightest = self.tightest?;
        let (policy, _) = self.policy()?;
        let (left, reset) = (tightest.left, self.reset());
        let mut text = String::with_capacity(policy.len() + 64);
        let mut number = itoa::Buffer::new();
        text.push_str(number.format(tightest.limit));
        let limit = text.len();
        text.push('"');
        text.push_str(policy);
        text.push_str("\";r=");
        let left_from = text.len();
        text.push_str(number.format(left));
        let left_to = text.len();
        text.push_str(";t=");
        let reset_from = text.len();
        text.push_str(number.format(reset));
        let end = text.len();
        let text = Bytes::from(text);
        let value = |from, to| HeaderValue::from_maybe_shared(text.slice(from..to)).ok();
        Some([
            (RATE_LIMIT, value(limit, end)?),
            (X_LIMIT, value(0, limit)?),
            (X_REMAINING, value(left_from, left_to)?),
            (X_RESET, value(reset_from, end)?),
        ])
    }

    /// 429 `rate_limited`, naming the policy. `Retry-After` is what `t` says.
    pub fn refusal(&self) -> Refusal {
        let (policy, of) = self.policy().unwrap_or(("limit", ""));
        let (limit, reset) = (self.tightest.map_or(0, |tightest| tightest.limit), self.reset());
        let detail = format!("The limit `{policy}` of {limit} requests is used up. Try again in {reset} s.");
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
            .header(header::RETRY_AFTER, HeaderValue::from(reset))
            .member("policy", policy)
            .member("quota", of)
            .member("limit", limit)
            .member("retry_after", reset);
        for quota in self.quotas.iter().flatten() {
            refusal = refusal.header(RATE_LIMIT_POLICY, quota.header.clone());
        }
        for (name, value) in self.values().into_iter().flatten() {
            refusal = refusal.header(name, value);
        }
        refusal
    }
}
