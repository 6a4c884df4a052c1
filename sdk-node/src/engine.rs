//! One environment's part of the engine, and what needs no client.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::Result;
use napi_derive::napi;
use waypost::{Error, binding};

use crate::calls::{Calls, Reply};
use crate::queue::Receive;
use crate::value::Payload;

/// What an environment's clients share.
#[napi]
pub struct Engine {
    pub(crate) calls: Arc<Calls>,
}

#[napi]
impl Engine {
    /// `receive` gets every event, as arguments: kind, id, number, body, text, and again. `own_loop`: this is Node, whose loop is libuv's, and not something that
    /// has functions of the same names.
    #[napi(constructor)]
    pub fn new(env: &Env, receive: Receive<'_>, own_loop: bool) -> Result<Self> {
        Ok(Self { calls: Calls::new(env, &receive, own_loop)? })
    }

    /// Drops a call; it has no event. One that is over is left as it is.
    #[napi]
    pub fn cancel(&self, env: &Env, id: u32) {
        self.calls.cancel(env, id);
    }

    /// Answers a question: JSON, and a body beside; nothing when the answer was to throw.
    #[napi]
    pub fn reply(&self, question: u32, text: Option<String>, body: Option<Payload>) {
        self.calls.reply(question, Reply { text, body: body.map(|Payload(bytes)| bytes) });
    }

    /// Reads the next piece of a stream; that ends in an event of this id.
    #[napi]
    pub fn next(&self, env: &Env, id: u32, stream: u32) -> Result<()> {
        self.calls.next(env, id, stream)
    }

    /// Lets a stream go, and its request.
    #[napi]
    pub fn let_go(&self, stream: u32) {
        self.calls.let_go(stream);
    }
}

/// The package's version; the facade refuses another.
#[napi]
pub fn version() -> &'static str {
    binding::VERSION
}

/// Describes an operation at run time, and answers with the id to call it by. Throws the report of a description that is wrong.
#[napi]
pub fn define(description: String) -> Result<String> {
    binding::define(description.as_bytes()).map_err(|error| refused(&error))
}

/// A pure policy: JSON in, JSON out; `undefined` where there is none of this name.
#[napi]
pub fn policy(runner: String, input: String) -> Result<Option<String>> {
    let input = serde_json::from_str(&input)
        .map_err(|error| refused(&Error::config(format!("the input of a policy is no JSON: {error}"))))?;
    Ok(binding::policy(&runner, &input).map(|outcome| outcome.to_string()))
}

/// An error as JavaScript gets it: its message is the report.
pub(crate) fn refused(error: &Error) -> napi::Error {
    napi::Error::from_reason(String::from_utf8_lossy(&binding::report(error)))
}
