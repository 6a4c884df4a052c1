//! The tokens of one client: what is held, and the one errand that gets more. The engine's [`Tokens`] says which step comes next; here are the token sets, the requests and the
//! errors that it speaks of. Who waits, sends and asks the store is the driver.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::store::{StoreError, TokenStore};
use crate::engine::error::{Error, Failure};
use crate::engine::oauth::{self, Facts, Grant, Next, OAuthClient, Refusal, TOKEN, TokenSet, Tokens};
use crate::engine::operation::Operation;
use crate::engine::options::ClientOptions;
use crate::engine::plan::Plan;
use crate::engine::redact::Secret;
use crate::engine::time::Now;

/// What an errand came to.
pub(crate) type Outcome = Result<Secret, Error>;

/// Shared by all calls of a client.
pub(crate) struct Keeper {
    /// The token request's settings, and whose tokens these are.
    options: ClientOptions,
    client: OAuthClient,
    pub(crate) store: Option<Arc<dyn TokenStore>>,
    state: Mutex<State>,
    /// An errand ended, or was given up.
    changed: Notify,
}

struct State {
    tokens: Tokens,
    held: Option<TokenSet>,
    /// The errands that were begun.
    begun: u64,
    /// How the last one ended that came to an end.
    ended: Option<(u64, Outcome)>,
    /// Why the last refresh token was not taken.
    refused: Option<Error>,
    /// Of this errand a token request is under way that may outlive its call.
    asking: Option<u64>,
    /// Whoever was on the errand has gone, and its request is still under way.
    orphaned: bool,
    /// In a forked child nobody is on the errand that was under way.
    process: u32,
}

/// Who gets no answer before the errand ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting(u64);

impl Keeper {
    /// Of a client that gets tokens; `None`: it gets none.
    pub(crate) fn of(options: &ClientOptions, store: Option<Arc<dyn TokenStore>>) -> Option<Arc<Self>> {
        let client = options.credentials.client()?.clone();
        let held = client.tokens.clone();
        let may_ask = client.id.is_some() && client.secret.is_some();
        let tokens = Tokens::new(may_ask, store.is_some(), held.as_ref().map(facts));
        let state = State {
            tokens,
            held,
            begun: 0,
            ended: None,
            refused: None,
            asking: None,
            orphaned: false,
            process: std::process::id(),
        };
        let (state, changed) = (Mutex::new(state), Notify::new());
        Some(Arc::new(Self { options: options.clone(), client, store, state, changed }))
    }

    /// The token that is held, if it can be sent as it is.
    pub(crate) fn ready(&self, refused: Option<&Secret>, now: Now) -> Option<Secret> {
        let state = self.state();
        let held = state.held.as_ref().map(|held| &held.access_token)?;
        (refused != Some(held) && state.tokens.ready(now.unix)).then(|| held.clone())
    }

    /// A call needs a token, and not the one that it was `refused` with. With [`Next::Wait`] comes what to wait for.
    pub(crate) fn need(&self, refused: Option<&Secret>, now: Now) -> (Next, Waiting) {
        let mut state = self.state();
        let process = std::process::id();
        if state.process != process {
            state.process = process;
            state.tokens.failed();
        }
        if refused.is_some() && state.held.as_ref().map(|held| &held.access_token) == refused {
            state.tokens.refused();
        }
        let next = state.tokens.need(now.unix);
        if !matches!(next, Next::Use | Next::Wait) {
            state.begun += 1;
            state.refused = None;
        }
        (next, Waiting(state.begun))
    }

    /// How the errand ended; `None`: it was given up, or goes on.
    pub(crate) fn ended(&self, waiting: Waiting) -> Option<Outcome> {
        let state = self.state();
        state.ended.as_ref().filter(|(number, _)| *number >= waiting.0).map(|(_, outcome)| outcome.clone())
    }

    /// Tells when an errand ended, or was given up.
    pub(crate) const fn changed(&self) -> &Notify {
        &self.changed
    }

    /// What the store has.
    pub(crate) fn loaded(
        &self,
        found: Result<Option<TokenSet>, StoreError>,
        now: Now,
    ) -> Result<Next, Error> {
        let found = found.map_err(|error| {
            let advice = "See to the store, or give the client another one";
            let failure = Failure::new(format!("the token store could not be read: {error}"));
            Error::OAuth(Box::new(failure.advise(advice)))
        })?;
        let mut state = self.state();
        let same = found == state.held;
        let (taken, next) = state.tokens.loaded(found.as_ref().map(facts), same, now.unix);
        if taken {
            state.held = found;
        } else if next == Next::Clear {
            state.held = None;
        }
        Ok(next)
    }

    /// The token request begins, and may outlive whoever is on the errand.
    pub(crate) fn asks(&self) -> Waiting {
        let mut state = self.state();
        state.asking = Some(state.begun);
        Waiting(state.begun)
    }

    /// It is over. If it was not [`answered`](Self::answered), nothing is known of its outcome.
    pub(crate) fn asked(&self, errand: Waiting) {
        let mut state = self.state();
        if state.asking != Some(errand.0) {
            return;
        }
        state.asking = None;
        if std::mem::take(&mut state.orphaned) {
            state.tokens.failed();
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// The token request.
    pub(crate) fn plan(&self, next: Next, seed: crate::engine::Seed) -> Plan {
        let refresh = self.state().held.as_ref().and_then(|held| held.refresh_token.clone());
        let grant = match (next, refresh) {
            (Next::Refresh, Some(token)) => Grant::Refresh(token),
            _ => Grant::Client,
        };
        oauth::plan(&self.options, &self.client, &grant, seed)
    }

    /// How the token request ended: with a body, or an error and its body.
    pub(crate) fn answered(&self, ended: Result<Bytes, (Error, Bytes)>, now: Now) -> Result<Next, Error> {
        let mut state = self.state();
        let outcome = self.understood(&mut state, ended, now);
        state.asking = None;
        if std::mem::take(&mut state.orphaned) {
            // Nobody is there to go on: what is left to do is the next caller's.
            if let Err(error) = &outcome {
                state.ended = Some((state.begun, Err(error.clone())));
            }
            state.tokens.failed();
            drop(state);
            self.changed.notify_waiters();
        }
        outcome
    }

    fn understood(
        &self,
        state: &mut State,
        ended: Result<Bytes, (Error, Bytes)>,
        now: Now,
    ) -> Result<Next, Error> {
        let body = match ended {
            Ok(body) => body,
            Err((error, body)) => {
                let refresh = state.held.as_ref().and_then(|held| held.refresh_token.clone());
                let secrets = [&refresh, &self.client.secret];
                let secrets: Vec<&str> = secrets.into_iter().flatten().map(Secret::expose).collect();
                return match oauth::refusal(error, &body, &secrets) {
                    Refusal::InvalidGrant(error) if refresh.is_some() => {
                        tracing::debug!(target: "waypost", %error, "the refresh token is not taken");
                        state.refused = Some(error);
                        let next = state.tokens.rejected();
                        if matches!(next, Next::Clear | Next::Client | Next::SignIn) {
                            state.held = None;
                        }
                        Ok(next)
                    }
                    Refusal::InvalidGrant(error) | Refusal::Other(error) => Err(error),
                };
            }
        };
        let mut tokens = oauth::granted(&body, now.unix).map_err(|what| {
            let mut failure = Failure::new(format!("{} answered 200 with {what}", TOKEN.id))
                .advise("Check that the token endpoint's address is right, and that no proxy in between answers for it");
            failure.operation = Some(TOKEN.id);
            Error::Decode(Box::new(failure))
        })?;
        if let Some(held) = state.held.take() {
            // What a refresh does not say stays as it was (RFC 6749, section 6).
            tokens.refresh_token = tokens.refresh_token.or(held.refresh_token);
            tokens.scope = tokens.scope.or(held.scope);
        }
        let next = state.tokens.granted(facts(&tokens));
        state.held = Some(tokens);
        Ok(next)
    }

    /// What the store is to keep.
    pub(crate) fn held(&self) -> Option<TokenSet> {
        self.state().held.clone()
    }

    /// The store has it, or has said that it cannot: then the call goes on with what is in memory.
    pub(crate) fn saved(&self, outcome: Result<(), StoreError>) -> Next {
        told(outcome, "save");
        self.state().tokens.saved()
    }

    /// The store keeps nothing any more.
    pub(crate) fn cleared(&self, outcome: Result<(), StoreError>) -> Next {
        told(outcome, "clear");
        self.state().tokens.cleared()
    }

    /// Ends the errand for everybody who waits. [`Next::Use`] is a success, anything else needs somebody to sign in.
    pub(crate) fn end(&self, outcome: Result<Next, Error>, operation: &Operation) -> Outcome {
        let mut state = self.state();
        let outcome = match (outcome, &state.held) {
            (Ok(Next::Use), Some(held)) => Ok(held.access_token.clone()),
            (Ok(_), _) => Err(oauth::sign_in(operation, state.refused.take())),
            (Err(error), _) => Err(error),
        };
        state.tokens.failed();
        state.ended = Some((state.begun, outcome.clone()));
        drop(state);
        self.changed.notify_waiters();
        outcome
    }

    /// Whoever is on the errand goes. A request that may outlive it goes on, and ends the errand.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.orphaned = state.asking.is_some();
        if !state.orphaned {
            state.tokens.failed();
            drop(state);
            self.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(outcome: Result<(), StoreError>, what: &str) {
    if let Err(error) = outcome {
        tracing::warn!(target: "waypost", %error, "the token store could not {what}; the tokens are kept in memory");
    }
}

fn facts(tokens: &TokenSet) -> Facts {
    Facts { expires_at: tokens.expires_at, refreshable: tokens.refresh_token.is_some() }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keeper").field("client", &self.client).finish_non_exhaustive()
    }
}
