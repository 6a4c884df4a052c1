//! How calls are made: what a client sets for all of its calls, and what one call sets for itself. The defaults are those of the behaviour
//! table and the same in every language.

use std::time::Duration;

use super::credentials::Credentials;
use super::message::Headers;
use super::policy::backoff::Backoff;
use super::policy::breaker::BreakerOptions;
use super::policy::budget::BudgetOptions;
use super::policy::cache::CacheOptions;
use super::trace::TraceParent;

/// Settings of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Where the API is; may carry a path prefix.
    pub base_url: String,
    /// Who is calling.
    pub credentials: Credentials,
    /// The longest that one attempt may take, body included (15 s). Of a streamed answer: until its head, then between two pieces.
    pub timeout: Duration,
    /// The longest that a connection may take to open (5 s).
    pub connect_timeout: Duration,
    /// The longest that a call may take, all attempts and waits together (60 s). A streamed answer has begun when its head is there.
    pub deadline: Duration,
    /// How often a failed attempt is sent again (2). 0 means never.
    pub max_retries: u32,
    /// The wait between attempts.
    pub backoff: Backoff,
    /// How many retries all calls of the client share; `None`: no common limit.
    pub budget: Option<BudgetOptions>,
    /// `None` (the default): no circuit breaker. The retry budget already stops storms, and a breaker makes calls fail that would have
    /// succeeded, so it is for callers who have something better to do at once than to wait.
    pub breaker: Option<BreakerOptions>,
    /// Hold a request back until the server said it may come (`true`).
    pub pacing: bool,
    /// Keep answers that carry an `ETag` and ask whether they still hold; `None`: never.
    pub cache: Option<CacheOptions>,
    /// Sent with every request, after the engine's own and before the call's.
    pub headers: Headers,
    /// The `User-Agent`; `None` in browsers, which own it.
    pub user_agent: Option<String>,
    /// Sent as `X-API-Version`.
    pub api_version: Option<String>,
    /// Sent as `X-Tenant-Id`.
    pub tenant: Option<String>,
    /// Start a W3C trace for calls that have none (`true`; `false` in browsers, where a plain CORS set-up refuses the header).
    pub trace: bool,
    /// The largest answer that is read into memory (64 MiB). A streamed answer has no limit.
    pub max_answer_bytes: usize,
}

impl ClientOptions {
    /// The defaults, for the API at `base_url`.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            credentials: Credentials::none(),
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(60),
            max_retries: 2,
            backoff: Backoff::default(),
            budget: Some(BudgetOptions::default()),
            breaker: None,
            pacing: true,
            cache: Some(CacheOptions::default()),
            headers: Headers::new(),
            user_agent: Some(concat!("waypost-rust/", env!("CARGO_PKG_VERSION")).to_owned()),
            api_version: None,
            tenant: None,
            trace: true,
            max_answer_bytes: 64 * 1024 * 1024,
        }
    }

    /// The defaults where a page's CORS rules apply: no header but those that a call needs.
    pub fn for_browser(base_url: impl Into<String>) -> Self {
        Self { user_agent: None, trace: false, ..Self::new(base_url) }
    }
}

/// Settings of one call. What is `None` is the client's.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// The longest that one attempt may take.
    pub timeout: Option<Duration>,
    /// The longest that the call may take.
    pub deadline: Option<Duration>,
    /// How often a failed attempt is sent again. `Some(0)`: never.
    pub max_retries: Option<u32>,
    /// Sent as `Idempotency-Key` in place of one made for the call.
    pub idempotency_key: Option<String>,
    /// Sent with this call; they replace the client's of the same name.
    pub headers: Headers,
    /// The media type to ask for, where the operation offers several.
    pub accept: Option<String>,
    /// The trace that this call belongs to.
    pub trace_parent: Option<TraceParent>,
}
