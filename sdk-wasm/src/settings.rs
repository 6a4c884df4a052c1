//! A client's settings, and one call's, from the members of a message. The names are those of the vectors and of every facade.
//!
//! Promises: a member that is not known, or is of another type, is a mistake that names it; all mistakes are told together.

use std::time::Duration;

use waypost::engine::environment::Environment;
use waypost::engine::policy::breaker::BreakerOptions;
use waypost::engine::policy::budget::BudgetOptions;
use waypost::engine::policy::cache::CacheOptions;
use waypost::engine::{ClientCredentials, Credentials, Headers, TraceParent};
use waypost::{CallOptions, ClientOptions, Error};

use crate::value::Value;

/// The members of a map that were read, and what was wrong with them.
struct Members<'a> {
    mistakes: Vec<String>,
    left: Vec<&'a (&'a str, Value<'a>)>,
}

/// Settings that only a client with its own sockets can follow.
const NATIVE: &[&str] = &["proxy", "ca_bundle", "ca_pem", "http2"];

impl<'a> Members<'a> {
    fn new(map: &'a Value<'a>) -> Self {
        let left = map.members().iter().filter(|(_, value)| *value != Value::Null).collect();
        Self { mistakes: Vec::new(), left }
    }

    fn take(&mut self, name: &str) -> Option<&'a Value<'a>> {
        let place = self.left.iter().position(|(key, _)| *key == name)?;
        Some(&self.left.swap_remove(place).1)
    }

    fn read<T>(&mut self, name: &str, what: &str, read: impl Fn(&'a Value<'a>) -> Option<T>) -> Option<T> {
        let found = read(self.take(name)?);
        if found.is_none() {
            self.mistakes.push(format!("`{name}` is not {what}"));
        }
        found
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "a text", |value| value.text().map(str::to_owned))
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.read(name, "true or false", Value::flag)
    }

    fn duration(&mut self, name: &str) -> Option<Duration> {
        self.read(name, "a number of milliseconds", |value| {
            let milliseconds = value.number().filter(|number| number.is_finite() && *number >= 0.0)?;
            Some(milliseconds_of(milliseconds))
        })
    }

    fn whole(&mut self, name: &str) -> Option<u32> {
        self.read(name, "a whole number from 0", |value| {
            let number = value.number()?;
            // The cast saturates; what it changes is refused.
            let whole = number as u32;
            (f64::from(whole) == number).then_some(whole)
        })
    }

    fn headers(&mut self) -> Headers {
        let pair = |item: &Value<'a>| match item.items() {
            [Value::Text(name), Value::Text(value)] => Some(((*name).to_owned(), *value)),
            _ => None,
        };
        let read = self.read("headers", "a list of names and values", |value| {
            matches!(value, Value::List(_)).then(|| value.items().iter().map(pair).collect())?
        });
        read.unwrap_or_default()
    }

    /// A part that can be set to `false`: none of it.
    fn part<T: Default>(
        &mut self,
        name: &str,
        standard: Option<T>,
        read: impl Fn(&mut Self, T) -> T,
    ) -> Option<T> {
        match self.take(name) {
            None => standard,
            Some(Value::Flag(false)) => None,
            Some(Value::Flag(true)) => Some(T::default()),
            Some(map @ Value::Map(_)) => {
                let mut members = Self::new(map);
                let part = read(&mut members, T::default());
                self.mistakes.extend(members.finish().into_iter().map(|mistake| format!("{name}: {mistake}")));
                Some(part)
            }
            Some(_) => {
                self.mistakes.push(format!("`{name}` is neither an object nor true or false"));
                standard
            }
        }
    }

    /// The mistakes, with every member that nobody asked for.
    fn finish(mut self) -> Vec<String> {
        for (name, _) in self.left {
            self.mistakes.push(if NATIVE.contains(name) {
                format!("`{name}` is for the native engine: here the runtime's own fetch decides")
            } else {
                format!("there is no setting `{name}`")
            });
        }
        self.mistakes
    }
}

/// The engine's time from JavaScript's.
pub(crate) fn milliseconds_of(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default()
}

/// The settings of a client. What is not given is what [`ClientOptions::for_browser`] says, without the conditional cache: the browser has one of its
/// own, and `If-None-Match` is a header for which a page must ask the server's leave (a preflight).
pub(crate) fn client(map: &Value<'_>) -> Result<ClientOptions, Error> {
    let mut members = Members::new(map);
    let variables = members.take("environment");
    let environment = Environment::read(|name| variables?.member(name).text().map(str::to_owned))?;
    let base_url = members.text("base_url").or(environment.base_url.clone()).unwrap_or_default();
    let missing = base_url.is_empty();
    let mut options = ClientOptions::for_browser(base_url);
    options.cache = None;
    options.credentials = credentials(&mut members, &environment);
    options.tenant = members.text("tenant").or(environment.tenant);
    options.api_version = members.text("api_version");
    options.user_agent = members.text("user_agent");
    options.headers = members.headers();
    let set = |place: &mut Duration, given: Option<Duration>| *place = given.unwrap_or(*place);
    set(&mut options.timeout, members.duration("timeout_ms"));
    set(&mut options.connect_timeout, members.duration("connect_timeout_ms"));
    set(&mut options.deadline, members.duration("deadline_ms"));
    set(&mut options.backoff.base, members.duration("backoff_base_ms"));
    set(&mut options.backoff.cap, members.duration("backoff_cap_ms"));
    options.max_retries = members.whole("max_retries").unwrap_or(options.max_retries);
    options.pacing = members.flag("pacing").unwrap_or(options.pacing);
    options.trace = members.flag("trace").unwrap_or(options.trace);
    if let Some(bytes) = members.whole("max_answer_bytes") {
        options.max_answer_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    options.budget = members.part("budget", options.budget, |members, standard| BudgetOptions {
        capacity: members.whole("capacity").unwrap_or(standard.capacity),
        refill_every: members.duration("refill_every_ms").unwrap_or(standard.refill_every),
        refill_after_successes: members
            .whole("refill_after_successes")
            .unwrap_or(standard.refill_after_successes),
    });
    options.breaker = members.part("breaker", None, |members, standard| BreakerOptions {
        failure_percent: members.whole("failure_percent").unwrap_or(standard.failure_percent),
        window: members.duration("window_ms").unwrap_or(standard.window),
        minimum_attempts: members.whole("minimum_attempts").unwrap_or(standard.minimum_attempts),
        reset: members.duration("reset_ms").unwrap_or(standard.reset),
        reset_cap: members.duration("reset_cap_ms").unwrap_or(standard.reset_cap),
        probes: members.whole("probes").unwrap_or(standard.probes),
    });
    options.cache = members.part("cache", None, |members, standard: CacheOptions| {
        let mut size = |name: &str, standard: usize| {
            members.whole(name).and_then(|size| usize::try_from(size).ok()).unwrap_or(standard)
        };
        CacheOptions { entries: size("entries", standard.entries), bytes: size("bytes", standard.bytes) }
    });
    let mut mistakes = members.finish();
    if missing {
        mistakes.push("the base URL is missing: give `baseUrl`, or set WAYPOST_BASE_URL where there is an environment".to_owned());
    }
    refuse("the client cannot be made", mistakes)?;
    options.check()?;
    Ok(options)
}

fn credentials(members: &mut Members<'_>, environment: &Environment) -> Credentials {
    let (key, token) = (members.text("api_key"), members.text("access_token"));
    let client = (members.text("client_id"), members.text("client_secret"));
    // What is written in the program stands for all that the environment says of who is calling.
    if key.is_none() && token.is_none() && client.0.is_none() && client.1.is_none() {
        return environment.credentials();
    }
    let mut credentials = Credentials::none();
    if let Some(key) = key {
        credentials = credentials.with_header("x-api-key", key);
    }
    if let Some(token) = token {
        credentials = credentials.with_bearer(token);
    }
    match client {
        (Some(id), Some(secret)) => credentials.with_client(ClientCredentials { id, secret: secret.into() }),
        (None, None) => credentials,
        (given, _) => {
            let missing = if given.is_some() { "client_secret" } else { "client_id" };
            members.mistakes.push(format!("`{missing}` is missing"));
            credentials
        }
    }
}

/// The settings of one call.
pub(crate) fn call(map: &Value<'_>) -> Result<CallOptions, Error> {
    let mut members = Members::new(map);
    let mut options = CallOptions::default();
    options.timeout = members.duration("timeout_ms");
    options.deadline = members.duration("deadline_ms");
    options.max_retries = members.whole("max_retries");
    options.idempotency_key = members.text("idempotency_key");
    options.headers = members.headers();
    options.accept = members.text("accept");
    options.trace_parent =
        members.read("trace_parent", "a traceparent", |value| TraceParent::parse(value.text()?));
    refuse("the call cannot be made", members.finish())?;
    Ok(options)
}

fn refuse(about: &str, mistakes: Vec<String>) -> Result<(), Error> {
    if mistakes.is_empty() { Ok(()) } else { Err(Error::config(format!("{about}: {}", mistakes.join("; ")))) }
}
