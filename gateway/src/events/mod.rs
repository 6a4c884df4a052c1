//! Events: what happened in a tenant, told in the transaction that did it.
//!
//! [`record`] takes a write transaction, so there is no change without its event and no event without its change: the table of events is the outbox. Ids are
//! made of the transaction's time, and write transactions run one after another; so the order of ids is the order of the changes, and whoever reads on
//! from an id misses nothing. [`bus`] follows the table and wakes what waits in this process, [`stream`] is the way out over HTTP.
//!
//! What lives here besides: the types and their data ([`fact`]), who may see which and publish which ([`rules`]), the form that the world sees ([`document`]).
//! What does not: deliveries to addresses of others.

pub mod bus;
mod document;
mod fact;
mod handler;
mod rules;
pub(crate) mod storage;
mod stream;

use crate::http::{Caller, Context};
use crate::store::WriteTx;

pub use bus::Bus;
pub(crate) use bus::Waiter;
pub(crate) use document::Stored;
pub(crate) use fact::Fact;
pub(crate) use rules::{Filter, hidden, is_pattern};
pub(crate) use storage::{Order, Span};

/// Tells what the transaction does. It is seen when the transaction is committed, and never if it is not.
pub(crate) async fn record(tx: &mut WriteTx, context: &Context, fact: Fact<'_>) -> Result<(), sqlx::Error> {
    let data = fact.data().map_err(|error| sqlx::Error::Encode(error.into()))?;
    let event = storage::New {
        kind: fact.kind(),
        subject: Some(fact.subject()),
        actor_id: match context.caller() {
            Caller::Known(identity) => Some(&identity.user_id),
            Caller::Anonymous { .. } => None,
        },
        source: None,
        origin_id: None,
        attributes: None,
        data: &data,
    };
    storage::insert(tx, event).await.map(drop)
}
