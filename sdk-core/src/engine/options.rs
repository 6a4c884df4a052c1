//! How calls are made: what a client sets for all of its calls, and what one call sets for itself. The defaults are those of the behaviour
//! table and the same in every language.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use super::course::Terms;
use super::credentials::Credentials;
use super::encode::{self, BaseUrl};
use super::environment::Environment;
use super::error::Error;
use super::message::Headers;
use super::operation::{Operation, ResultKind};
use super::policy::backoff::Backoff;
use super::policy::breaker::BreakerOptions;
use super::policy::budget::BudgetOptions;
use super::policy::cache::CacheOptions;
use super::text;
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
    /// The base URL, parsed at its first use, beside the text that it was parsed from: `base_url` may be set anew.
    pub(crate) parsed: OnceLock<(String, BaseUrl)>,
}

impl ClientOptions {
    /// The defaults, for the API at `base_url`.
    pub fn new(base_url: impl Into<String>) -> Self {
        let terms = Terms::new("");
        Self {
            base_url: base_url.into(),
            credentials: Credentials::none(),
            timeout: terms.timeout,
            connect_timeout: Duration::from_secs(5),
            deadline: terms.deadline,
            max_retries: terms.max_retries,
            backoff: terms.backoff,
            budget: Some(BudgetOptions::default()),
            breaker: None,
            pacing: terms.pacing,
            cache: Some(CacheOptions::default()),
            headers: Headers::new(),
            user_agent: Some(concat!("waypost-rust/", env!("CARGO_PKG_VERSION")).to_owned()),
            api_version: None,
            tenant: None,
            trace: true,
            max_answer_bytes: terms.max_answer_bytes,
            parsed: OnceLock::new(),
        }
    }

    /// The base URL, parsed.
    pub(crate) fn base(&self) -> Result<Cow<'_, BaseUrl>, &'static str> {
        if let Some((_, base)) = self.parsed.get().filter(|(text, _)| *text == self.base_url) {
            return Ok(Cow::Borrowed(base));
        }
        let base = BaseUrl::parse(&self.base_url)?;
        // The first one stays; what is set later is parsed at each call.
        let _ = self.parsed.set((self.base_url.clone(), base.clone()));
        Ok(Cow::Owned(base))
    }

    /// The defaults, with what the environment says.
    ///
    /// # Errors
    /// [`Error::Config`] when the environment names no base URL.
    pub fn from_environment(environment: &Environment) -> Result<Self, Error> {
        let Some(base_url) = &environment.base_url else {
            return Err(Error::config("WAYPOST_BASE_URL is not set; set it, or give the client a base URL"));
        };
        let mut options = Self::new(base_url.clone());
        options.credentials = environment.credentials();
        options.tenant.clone_from(&environment.tenant);
        Ok(options)
    }

    /// Finds every mistake in the settings, so that a client is refused when it is made and not at its first call.
    ///
    /// # Errors
    /// [`Error::Config`], naming all of them.
    pub fn check(&self) -> Result<(), Error> {
        let mut mistakes = Vec::new();
        if let Err(reason) = BaseUrl::parse(&self.base_url) {
            mistakes.push(format!("the base URL {reason}"));
        }
        for (name, value) in [
            ("timeout", self.timeout),
            ("connect timeout", self.connect_timeout),
            ("deadline", self.deadline),
        ] {
            if value.is_zero() {
                mistakes.push(format!("the {name} is zero; give it a length"));
            }
        }
        if self.max_answer_bytes == 0 {
            mistakes.push("the largest answer is zero bytes; give it a size".to_owned());
        }
        let settings = [
            ("user-agent", &self.user_agent),
            ("x-api-version", &self.api_version),
            ("x-tenant-id", &self.tenant),
        ];
        if let Some(Err(reason)) =
            self.credentials.client().and_then(|client| client.token_url.as_deref()).map(BaseUrl::parse)
        {
            mistakes.push(format!("the token URL {reason}"));
        }
        let settings = settings.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let headers = settings.chain(self.headers.iter()).chain(self.credentials.headers());
        encode::check_headers(headers, &mut mistakes);
        Error::config_of("the client cannot be made", &mistakes).map_or(Ok(()), Err)
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

impl CallOptions {
    /// Finds what is wrong with the times.
    pub(crate) fn check_times(&self, mistakes: &mut Vec<String>) {
        for (name, value) in [("timeout", self.timeout), ("deadline", self.deadline)] {
            if value.is_some_and(|value| value.is_zero()) {
                mistakes.push(format!("the {name} is zero; give it a length, or leave it to the client"));
            }
        }
    }
}

/// Finds what is wrong with a call's idempotency key and media type for this operation.
pub(crate) fn check_words(
    operation: &Operation,
    idempotency_key: Option<&str>,
    accept: Option<&str>,
    mistakes: &mut Vec<String>,
) {
    if let Some(key) = idempotency_key {
        if !operation.idempotency_key {
            mistakes.push("it takes no idempotency key".to_owned());
        }
        if key.is_empty() || key.len() > 255 {
            mistakes.push("the idempotency key must have 1 to 255 characters".to_owned());
        }
    }
    if let (Some(media), ResultKind::Bytes(offered)) = (accept, operation.result)
        && !offered.contains(&media)
    {
        let mut mistake = text::concat(&["`", media, "` is not offered; it offers"]);
        for (place, media) in offered.iter().enumerate() {
            mistake.push_str(if place == 0 { " " } else { ", " });
            mistake.push_str(media);
        }
        mistakes.push(mistake);
    }
}
