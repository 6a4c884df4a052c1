//! A token store that is JavaScript: it is asked as an interceptor is, and what it says is told to the engine, which knows whether a store that fails matters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waypost::oauth::{StoreError, TokenSet, TokenStore};
use waypost::transport::BoxFuture;

use crate::calls::{Calls, Reply};
use crate::queue::Kind;
use crate::value::Value;

/// The store of a client, as the engine sees it.
pub(crate) struct Store {
    pub(crate) calls: Arc<Calls>,
    /// The client is scripted: its calls have a thread of their own, which waits.
    pub(crate) blocking: bool,
}

/// What the store is to do.
#[derive(Serialize)]
struct Task<'a> {
    verb: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<&'a str>,
}

/// What it says.
#[derive(Deserialize)]
struct Said {
    kept: Option<String>,
    error: Option<String>,
}

impl Store {
    fn ask(
        &self,
        verb: &'static str,
        tokens: Option<&str>,
    ) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        let task = serde_json::to_vec(&Task { verb, tokens }).unwrap_or_default();
        let asked = self.calls.ask(Kind::Store, Value::None, task);
        if self.blocking {
            let reply = asked.blocking_recv().ok();
            return Box::pin(async { said(reply) });
        }
        Box::pin(async { said(asked.await.ok()) })
    }
}

fn said(reply: Option<Reply>) -> Result<Option<String>, StoreError> {
    let text =
        reply.and_then(|reply| reply.text).ok_or("it was not asked: its call or its environment is gone")?;
    let Said { kept, error } = serde_json::from_str(&text)?;
    error.map_or(Ok(kept), |error| Err(error.into()))
}

impl TokenStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        let kept = self.ask("load", None);
        Box::pin(async { Ok(kept.await?.map(|json| TokenSet::parse(json.as_bytes())).transpose()?) })
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        let saved = self.ask("save", Some(&tokens.to_json()));
        Box::pin(async { saved.await.map(drop) })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let cleared = self.ask("clear", None);
        Box::pin(async { cleared.await.map(drop) })
    }
}
