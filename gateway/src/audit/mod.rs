//! The audit trail: what happened in a tenant that somebody may have to answer for.
//!
//! A change is recorded in the transaction that makes it ([`record`]): there is no change without its event. What is no change (a denied call, a failed sign-in)
//! is noted in memory and written soon after ([`Noted`]), alike ones as one, so that nobody can fill the disk by being refused, nor tell by the
//! time whether something was written.

mod handler;
mod noted;
mod storage;

use waypost_types::{AuditOutcome, AuditType, SecurityChange};

use crate::events::{self, Fact};
use crate::http::{Caller, Context};
use crate::store::WriteTx;

pub(crate) use noted::{Noted, Refusal};
pub(crate) use storage::Event;

/// What was done to what.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: AuditType,
    pub(crate) subject: &'a str,
    pub(crate) detail: Option<String>,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(kind: AuditType, subject: &'a str) -> Self {
        Self { kind, subject, detail: None }
    }

    pub(crate) fn with_detail(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

/// Records what the request's caller did, in the transaction that does it, and tells of it where it is an event as well.
pub(crate) async fn record(tx: &mut WriteTx, context: &Context, entry: Entry<'_>) -> Result<(), sqlx::Error> {
    let kind = entry.kind.clone();
    let event = event(context, entry, AuditOutcome::Success);
    storage::insert(tx, &event).await?;
    let change = SecurityChange {
        credential_id: event.credential_id,
        detail: event.detail,
        ..SecurityChange::new(event.subject_id.unwrap_or_default())
    };
    match Fact::of_audit(&kind, &change) {
        Some(fact) => events::record(tx, context, fact).await,
        None => Ok(()),
    }
}

/// Records what nobody in particular was refused, about the account that it was about.
pub(crate) async fn record_refusal(
    tx: &mut WriteTx,
    context: &Context,
    entry: Entry<'_>,
) -> Result<(), sqlx::Error> {
    let event = Event { actor_id: None, ..event(context, entry, AuditOutcome::Denied) };
    storage::insert(tx, &event).await
}

fn event(context: &Context, entry: Entry<'_>, outcome: AuditOutcome) -> Event {
    let identity = match context.caller() {
        Caller::Known(identity) => Some(identity),
        Caller::Anonymous { .. } => None,
    };
    Event {
        kind: entry.kind.as_str().to_owned(),
        outcome: outcome.as_str().to_owned(),
        // Who signs in is the one whom it is about.
        actor_id: Some(identity.map_or(entry.subject, |identity| identity.user_id.as_str()).to_owned()),
        credential_id: identity.map(|identity| identity.credential_id.clone()),
        subject_id: Some(entry.subject.to_owned()),
        detail: entry.detail,
        ip_address: context.peer().map(|peer| peer.to_string()),
        request_id: Some(context.request_id().to_owned()),
    }
}
