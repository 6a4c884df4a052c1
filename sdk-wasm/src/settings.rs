//! A client's settings, and one call's, by their places in a list. Their names, and that there is no other, is known to JavaScript, where the code that
//! gives them is; what they mean and whether they can work is decided here and in the crate.

use std::time::Duration;

use waypost::engine::policy::breaker::BreakerOptions;
use waypost::engine::policy::budget::BudgetOptions;
use waypost::engine::policy::cache::CacheOptions;
use waypost::engine::{ClientCredentials, Credentials, Headers, TraceParent};
use waypost::{CallOptions, ClientOptions, Error};

use crate::value::Value;

/// The engine's time from JavaScript's.
pub(crate) fn milliseconds_of(milliseconds: f64) -> Duration {
    // The cast saturates: what is no number, or negative, is zero, and 584 years are the most.
    Duration::from_nanos((milliseconds * 1_000_000.0) as u64)
}

fn duration(value: &Value<'_>) -> Option<Duration> {
    value.number().map(milliseconds_of)
}

fn set_duration(place: &mut Duration, value: &Value<'_>) {
    *place = duration(value).unwrap_or(*place);
}

/// A number that was given, or the standard one.
fn whole(value: &Value<'_>, standard: u32) -> u32 {
    value.number().map_or(standard, |number| number as u32)
}

fn size(value: &Value<'_>, standard: usize) -> usize {
    value.number().map_or(standard, |number| number as usize)
}

fn text(value: &Value<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn headers(value: &Value<'_>) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in value.pairs() {
        headers.append(name.to_owned(), value);
    }
    headers
}

/// The settings of a client. What is not given is what [`ClientOptions::for_browser`] says, without the conditional cache: the browser has one of its
/// own, and `If-None-Match` is a header for which a page must ask the server's leave (a preflight).
pub(crate) fn client(list: &Value<'_>) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions::for_browser(list.at(0).text().unwrap_or_default());
    options.credentials = credentials(list)?;
    options.tenant = text(list.at(5));
    options.api_version = text(list.at(6));
    options.user_agent = text(list.at(7));
    set_duration(&mut options.timeout, list.at(8));
    set_duration(&mut options.connect_timeout, list.at(9));
    set_duration(&mut options.deadline, list.at(10));
    set_duration(&mut options.backoff.base, list.at(11));
    set_duration(&mut options.backoff.cap, list.at(12));
    options.max_retries = whole(list.at(13), options.max_retries);
    options.max_answer_bytes = size(list.at(14), options.max_answer_bytes);
    options.pacing = list.at(15).flag().unwrap_or(options.pacing);
    options.trace = list.at(16).flag().unwrap_or(options.trace);
    options.budget = match list.at(17) {
        Value::Flag(_) => None,
        part => {
            let mut budget = BudgetOptions::default();
            budget.capacity = whole(part.at(0), budget.capacity);
            set_duration(&mut budget.refill_every, part.at(1));
            budget.refill_after_successes = whole(part.at(2), budget.refill_after_successes);
            Some(budget)
        }
    };
    if let part @ Value::List(_) = list.at(18) {
        let mut breaker = BreakerOptions::default();
        breaker.failure_percent = whole(part.at(0), breaker.failure_percent);
        set_duration(&mut breaker.window, part.at(1));
        breaker.minimum_attempts = whole(part.at(2), breaker.minimum_attempts);
        set_duration(&mut breaker.reset, part.at(3));
        set_duration(&mut breaker.reset_cap, part.at(4));
        breaker.probes = whole(part.at(5), breaker.probes);
        options.breaker = Some(breaker);
    }
    options.cache = None;
    if let part @ Value::List(_) = list.at(19) {
        let mut cache = CacheOptions::default();
        cache.entries = size(part.at(0), cache.entries);
        cache.bytes = size(part.at(1), cache.bytes);
        options.cache = Some(cache);
    }
    options.headers = headers(list.at(20));
    options.check()?;
    Ok(options)
}

fn credentials(list: &Value<'_>) -> Result<Credentials, Error> {
    let mut credentials = Credentials::none();
    if let Some(key) = text(list.at(1)) {
        credentials = credentials.with_header("x-api-key", key);
    }
    if let Some(token) = text(list.at(2)) {
        credentials = credentials.with_bearer(token);
    }
    match (text(list.at(3)), text(list.at(4))) {
        (Some(id), Some(secret)) => {
            Ok(credentials.with_client(ClientCredentials { id, secret: secret.into() }))
        }
        (None, None) => Ok(credentials),
        _ => Err(Error::config("of `client_id` and `client_secret` one is missing; give both, or none")),
    }
}

/// The settings of one call.
pub(crate) fn call(list: &Value<'_>) -> Result<CallOptions, Error> {
    let mut options = CallOptions::default();
    if let Value::List(_) = list {
        options.timeout = duration(list.at(0));
        options.deadline = duration(list.at(1));
        options.max_retries = list.at(2).number().map(|retries| retries as u32);
        options.idempotency_key = text(list.at(3));
        options.accept = text(list.at(4));
        if let Some(parent) = list.at(5).text() {
            let parent = TraceParent::parse(parent);
            options.trace_parent =
                Some(parent.ok_or_else(|| Error::config("`trace_parent` is not a W3C traceparent"))?);
        }
        options.headers = headers(list.at(6));
    }
    Ok(options)
}
