//! Questions to JavaScript while a call is made: to the interceptor around each attempt, and to the script that answers in place of a server.
//!
//! Promises: what is thrown there ends the call, and the facade, which has kept what was thrown, rejects with it; an environment that ends meanwhile ends
//! the call too.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use waypost::binding::{Interceptor, Seen};
use waypost::drive::scripted::{Attempted, Reply as Scripted, script_error};
use waypost::engine::{Error, FailureKind, Headers, ResponseHead, TransportFailure};
use waypost::transport::BoxFuture;

use crate::calls::{Calls, Reply};
use crate::queue::Kind;
use crate::told;
use crate::value::Value;

/// Which hooks there are; the others are not asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hooks(pub(crate) u32);

impl Hooks {
    const REQUEST: u32 = 1;
    const RESPONSE: u32 = 2;
    const FAILURE: u32 = 4;
    /// Beside them: the client has a token store.
    const STORED: u32 = 8;

    const fn has(self, hook: u32) -> bool {
        self.0 & hook != 0
    }

    /// Is any attempt asked about?
    pub(crate) const fn any(self) -> bool {
        self.0 & !Self::STORED != 0
    }

    pub(crate) const fn stored(self) -> bool {
        self.has(Self::STORED)
    }
}

/// The interceptor of a client, as the engine sees it.
pub(crate) struct Asking {
    pub(crate) calls: Arc<Calls>,
    pub(crate) hooks: Hooks,
    /// The client is scripted: its calls have a thread of their own, which waits.
    pub(crate) blocking: bool,
}

impl Asking {
    fn ask(&self, kind: Kind, text: Vec<u8>) -> BoxFuture<'_, Result<Reply, Error>> {
        let asked = self.calls.ask(kind, Value::None, text);
        if self.blocking {
            let reply = asked.blocking_recv().map_err(|_| gone());
            return Box::pin(async { reply });
        }
        Box::pin(async { asked.await.map_err(|_| gone()) })
    }
}

impl Interceptor for Asking {
    fn before(&self, seen: Seen) -> BoxFuture<'_, Result<Headers, Error>> {
        if !self.hooks.has(Hooks::REQUEST) {
            return Box::pin(async { Ok(Headers::new()) });
        }
        let reply = self.ask(Kind::Before, told::outgoing(&seen));
        Box::pin(async {
            let text = reply.await?.text.ok_or_else(thrown)?;
            let pairs: Vec<(String, String)> = serde_json::from_str(&text)
                .map_err(|error| script_error(format!("the interceptor's headers are none: {error}")))?;
            Ok(pairs.into_iter().collect())
        })
    }

    fn after(&self, seen: Seen) -> BoxFuture<'_, ()> {
        let hook = if seen.answer.is_some() { Hooks::RESPONSE } else { Hooks::FAILURE };
        if !self.hooks.has(hook) {
            return Box::pin(async {});
        }
        let reply = self.ask(Kind::After, told::ended(&seen));
        Box::pin(async {
            // What it throws ends the call in the facade, which cancels it here.
            let _said = reply.await;
        })
    }
}

/// What a script says, as JSON; its body comes beside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    after_ms: Option<f64>,
    status: Option<u16>,
    headers: Option<Vec<(String, String)>>,
    body_after_ms: Option<f64>,
    failure: Option<Failure>,
    body_failure: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    kind: String,
    bytes_sent: Option<bool>,
    message: Option<String>,
}

/// Has the script answer an attempt.
pub(crate) fn script(calls: &Calls, attempted: &Attempted<'_>) -> Result<Scripted, Error> {
    let body = Value::body(attempted.request.body.clone());
    let asked = calls.ask(Kind::Script, body, told::attempted(attempted));
    let Reply { text, body } = asked.blocking_recv().map_err(|_| gone())?;
    let said: Said = serde_json::from_str(&text.ok_or_else(thrown)?)
        .map_err(|error| script_error(format!("the script's answer is none: {error}")))?;
    let head = match said.failure {
        Some(failure) => Err(read(failure)?),
        None => Ok(ResponseHead {
            status: said.status.unwrap_or(200),
            headers: said.headers.unwrap_or_default().into_iter().collect(),
        }),
    };
    let body: Result<Bytes, TransportFailure> = match said.body_failure {
        Some(failure) => Err(read(failure)?),
        None => Ok(body.unwrap_or_default()),
    };
    Ok(Scripted { after: wait(said.after_ms)?, head, body_after: wait(said.body_after_ms)?, body })
}

fn read(failure: Failure) -> Result<TransportFailure, Error> {
    let kind = FailureKind::parse(&failure.kind).ok_or_else(|| {
        script_error(format!("the script's failure `{}` is none", failure.kind.escape_debug()))
    })?;
    let message = failure.message.unwrap_or_else(|| "as the script has it".to_owned());
    Ok(TransportFailure::new(kind, failure.bytes_sent.unwrap_or(true), message))
}

fn wait(milliseconds: Option<f64>) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(milliseconds.unwrap_or_default() / 1000.0)
        .map_err(|error| script_error(format!("the script's wait is none: {error}")))
}

/// JavaScript threw; the facade knows what.
fn thrown() -> Error {
    script_error("the caller's own code threw")
}

fn gone() -> Error {
    script_error("the environment ended during the call")
}
