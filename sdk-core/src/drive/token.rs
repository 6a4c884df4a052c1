//! Gets a call its access token: does what the client's [`Keeper`] says (asks the store, sends the token request, waits for another call that is at it).
//!
//! A call that is dropped on the errand leaves it to the next. Where there is a runtime in the background, a token request that was sent goes on without the call: a refresh
//! token may work once, and its successor must not be lost.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;

use super::{Failed, Line, run, seed};
use crate::client::Client;
use crate::engine::error::{Error, Failure};
use crate::engine::oauth::Next;
use crate::engine::operation::Operation;
use crate::engine::redact::Secret;
use crate::oauth::{Keeper, Waiting};
use crate::transport::{BoxFuture, Transport};

/// Another token than `refused`. `background`: the client, whose token requests go on if this call is dropped.
pub(super) fn token<'a>(
    keeper: &'a Arc<Keeper>,
    line: &'a Line,
    transport: &'a dyn Transport,
    background: Option<&'a Client>,
    operation: &'static Operation,
    refused: Option<Secret>,
) -> BoxFuture<'a, Result<Secret, Error>> {
    Box::pin(async move {
        loop {
            let mut changed = pin!(keeper.changed().notified());
            // Before it is asked, or what changes in between would be missed.
            changed.as_mut().enable();
            let (next, waiting) = keeper.need(refused.as_ref(), line.clock.now());
            if next == Next::Wait {
                changed.await;
                match keeper.ended(waiting) {
                    Some(outcome) => return outcome,
                    None => continue,
                }
            }
            let mut errand = Errand { keeper, over: false };
            let outcome = errand.run(next, line, transport, background).await;
            errand.over = true;
            return keeper.end(outcome, operation);
        }
    })
}

/// A call on its way to a token. Dropped before its end, another call takes its place.
struct Errand<'a> {
    keeper: &'a Arc<Keeper>,
    over: bool,
}

impl Errand<'_> {
    async fn run(
        &self,
        mut next: Next,
        line: &Line,
        transport: &dyn Transport,
        background: Option<&Client>,
    ) -> Result<Next, Error> {
        let keeper = self.keeper;
        loop {
            next = match (next, &keeper.store) {
                (Next::Load, Some(store)) => {
                    let found = store.load().await;
                    keeper.loaded(found, line.clock.now())?
                }
                (Next::Save, Some(store)) => match keeper.held() {
                    Some(held) => keeper.saved(store.save(&held).await),
                    None => return Ok(Next::SignIn),
                },
                (Next::Clear, Some(store)) => keeper.cleared(store.clear().await),
                (Next::Refresh | Next::Client, _) => self.request(next, line, transport, background).await?,
                (next, _) => return Ok(next),
            };
        }
    }

    async fn request(
        &self,
        next: Next,
        line: &Line,
        transport: &dyn Transport,
        background: Option<&Client>,
    ) -> Result<Next, Error> {
        let keeper = Arc::clone(self.keeper);
        let line = Line { middleware: Arc::new([]), keeper: None, ..line.clone() };
        let runtime = tokio::runtime::Handle::try_current();
        let (Some(client), Ok(runtime)) = (background, runtime) else {
            return request(keeper, line, Sender::Ours(transport), next).await;
        };
        let transport = Sender::Whole(client.transport()?);
        let asking = Asking(Arc::clone(&keeper), keeper.asks());
        let work = request(keeper, line, transport, next);
        let spawned = runtime.spawn(async move {
            let _asking = asking;
            work.await
        });
        spawned.await.unwrap_or_else(|_| {
            let failure = Failure::new("the token request was not finished: its runtime is gone");
            Err(Error::Cancelled(Box::new(failure)))
        })
    }
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.keeper.abandon();
        }
    }
}

/// A token request that outlives its call, also when it is dropped with its runtime.
struct Asking(Arc<Keeper>, Waiting);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asked(self.1);
    }
}

enum Sender<'a> {
    Ours(&'a dyn Transport),
    Whole(Arc<dyn Transport>),
}

/// Sends the token request, and tells the keeper how it ended. It has a type of its own, since a call that gets a token is made of it.
fn request(
    keeper: Arc<Keeper>,
    line: Line,
    transport: Sender<'_>,
    next: Next,
) -> BoxFuture<'_, Result<Next, Error>> {
    Box::pin(async move {
        let plan = keeper.plan(next, seed()?);
        let transport = match &transport {
            Sender::Ours(transport) => *transport,
            Sender::Whole(transport) => &**transport,
        };
        let ended: Result<Bytes, (Error, Bytes)> = match run(&line, transport, plan, None).await {
            Ok(outcome) => Ok(outcome.envelope.bytes()),
            Err(Failed { error, body }) => Err((error, body)),
        };
        keeper.answered(ended, line.clock.now())
    })
}
