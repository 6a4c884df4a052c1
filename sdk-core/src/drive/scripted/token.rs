//! A token for a call against a script, got as the other drivers get one; nobody else can be at it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Player, at_once};
use crate::drive::seed;
use crate::engine::attempt::{AttemptLoop, Event};
use crate::engine::error::Error;
use crate::engine::oauth::Next;
use crate::engine::operation::Operation;
use crate::engine::redact::Secret;
use crate::oauth::Keeper;

impl Player<'_> {
    /// Gets a token. The error is the script's.
    pub(super) fn authorize(
        &mut self,
        operation: &'static Operation,
        refused: Option<Secret>,
        timeout: Duration,
    ) -> Result<Event, Error> {
        let Some(keeper) = self.client.line().keeper.clone() else { return Ok(Event::Unauthorized(None)) };
        if let Some(token) = keeper.ready(refused.as_ref(), self.time.now()) {
            return Ok(Event::Authorized(token));
        }
        let until = self.time.elapsed.saturating_add(timeout);
        let (first, _) = keeper.need(refused.as_ref(), self.time.now());
        self.for_token = true;
        let outcome = self.errand(&keeper, first, until);
        self.for_token = false;
        self.told = None;
        match outcome {
            Ok(_) if self.given_up() || self.time.elapsed >= until => {
                keeper.abandon();
                Ok(Event::Unauthorized(None))
            }
            Ok(ended) => Ok(match keeper.end(ended, operation) {
                Ok(token) => Event::Authorized(token),
                Err(error) => Event::Unauthorized(Some(error)),
            }),
            Err(error) => {
                keeper.abandon();
                Err(error)
            }
        }
    }

    fn errand(
        &mut self,
        keeper: &Keeper,
        mut next: Next,
        until: Duration,
    ) -> Result<Result<Next, Error>, Error> {
        loop {
            let went_on = match (next, &keeper.store) {
                (Next::Load, Some(store)) => {
                    let found = at_once(store.load())?;
                    keeper.loaded(found, self.time.now())
                }
                (Next::Save, Some(store)) => {
                    let held = keeper.held();
                    let saved = held.map_or(Ok(Ok(())), |held| at_once(store.save(&held)))?;
                    Ok(keeper.saved(saved))
                }
                (Next::Clear, Some(store)) => Ok(keeper.cleared(at_once(store.clear())?)),
                (Next::Refresh | Next::Client, _) => self.request(keeper, next, until)?,
                (next, _) => return Ok(Ok(next)),
            };
            next = match went_on {
                Ok(next) => next,
                Err(error) => return Ok(Err(error)),
            };
        }
    }

    fn request(
        &mut self,
        keeper: &Keeper,
        next: Next,
        until: Duration,
    ) -> Result<Result<Next, Error>, Error> {
        let seed = self.seed.map_or_else(seed, Ok)?;
        let mut plan = keeper.plan(next, seed);
        plan.deadline = plan.deadline.min(until.saturating_sub(self.time.elapsed));
        let machine = AttemptLoop::new(plan, Arc::clone(&self.client.line().shared), self.time.now());
        self.read = Bytes::new();
        let ended = match self.play(machine)? {
            Ok(envelope) => Ok(envelope.bytes()),
            Err(error) => Err((error, std::mem::take(&mut self.read))),
        };
        Ok(keeper.answered(ended, self.time.now()))
    }
}
