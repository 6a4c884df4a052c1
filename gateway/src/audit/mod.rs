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
use crate::secrets::id;
use crate::store::{SystemTx, WriteTx};

pub(crate) use noted::{Noted, Refusal};
pub(crate) use storage::Event;

/// What was done to what.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: AuditType,
    pub(crate) subject: &'a str,
    pub(crate) detail: Option<String>,
    /// The user who did it, where the request does not say: one whom a browser's cookie names.
    pub(crate) actor: Option<&'a str>,
}

/// As much of a detail as an event has room for.
const LONGEST: usize = 500;

impl<'a> Entry<'a> {
    pub(crate) fn new(kind: AuditType, subject: &'a str) -> Self {
        Self { kind, subject, detail: None, actor: None }
    }

    pub(crate) fn with_detail(self, detail: &str) -> Self {
        let detail: String = detail.chars().take(LONGEST).collect();
        Self { detail: Some(detail).filter(|detail| !detail.is_empty()), ..self }
    }

    pub(crate) fn by(self, user_id: &'a str) -> Self {
        Self { actor: Some(user_id), ..self }
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

/// Records what the command line did, in the transaction that does it.
pub(crate) async fn record_by_operator(tx: &mut WriteTx, entry: Entry<'_>) -> Result<(), sqlx::Error> {
    let event = Event {
        kind: entry.kind.as_str().to_owned(),
        outcome: AuditOutcome::Success.as_str().to_owned(),
        actor_id: None,
        credential_id: None,
        subject_id: Some(entry.subject.to_owned()),
        detail: entry.detail,
        ip_address: None,
        request_id: None,
    };
    storage::insert(tx, &event).await
}

/// Removes the oldest events that are from before a time, some of them, and says whether there may be more.
pub(crate) async fn prune(tx: &mut SystemTx, before: i64) -> Result<bool, sqlx::Error> {
    storage::prune(tx, before).await
}

fn event(context: &Context, entry: Entry<'_>, outcome: AuditOutcome) -> Event {
    let identity = match context.caller() {
        Caller::Known(identity) => Some(identity),
        Caller::Anonymous { .. } => None,
    };
    // Who signs in is the one whom it is about.
    let own = Some(entry.subject).filter(|subject| id::is("usr", subject));
    let actor = identity.map(|identity| identity.user_id.as_str()).or(entry.actor).or(own);
    Event {
        kind: entry.kind.as_str().to_owned(),
        outcome: outcome.as_str().to_owned(),
        actor_id: actor.map(str::to_owned),
        credential_id: identity.map(|identity| identity.credential_id.clone()),
        subject_id: Some(entry.subject.to_owned()),
        detail: entry.detail,
        ip_address: context.peer().map(|peer| peer.to_string()),
        request_id: Some(context.request_id().to_owned()),
    }
}
