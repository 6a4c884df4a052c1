//! What was refused and changed nothing: noted in memory, written now and then, alike ones as one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use waypost_types::AuditOutcome;

use super::storage::{self, Event};
use crate::http::{Context, Identity};
use crate::store::{Store, StoreError, System};

/// Different refusals that are kept until they are written. What comes beyond is counted and logged: whoever can make so many has been seen.
const MOST: usize = 10_000;

/// What was refused to whom. Alike ones are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    pub(crate) tenant_id: String,
    pub(crate) kind: &'static str,
    pub(crate) actor_id: Option<String>,
    pub(crate) credential_id: Option<String>,
    pub(crate) subject_id: String,
    pub(crate) ip_address: Option<String>,
}

/// How often, when first, and under which request.
#[derive(Debug, Clone)]
struct Seen {
    count: u64,
    time: i64,
    request_id: String,
}

/// Refusals that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    seen: Mutex<HashMap<Refusal, Seen>>,
}

impl Refusal {
    /// A call that was denied for want of a permission.
    pub(crate) fn denied(identity: &Identity, operation: &str, context: &Context) -> Self {
        Self {
            tenant_id: identity.tenant_id.clone(),
            kind: "access_denied",
            actor_id: Some(identity.user_id.clone()),
            credential_id: Some(identity.credential_id.clone()),
            subject_id: operation.to_owned(),
            ip_address: context.peer().map(|peer| peer.to_string()),
        }
    }

    /// What somebody who is signed in in a browser said no to.
    pub(crate) fn by_person(
        kind: &'static str,
        (tenant_id, user_id): (&str, &str),
        session_id: &str,
        subject: &str,
        context: &Context,
    ) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            kind,
            actor_id: Some(user_id.to_owned()),
            credential_id: Some(session_id.to_owned()),
            subject_id: subject.to_owned(),
            ip_address: context.peer().map(|peer| peer.to_string()),
        }
    }

    /// Something about an account, or a client, that whoever asked is not: a word of [`waypost_types::AuditType`].
    pub(crate) fn of_account(kind: &'static str, tenant_id: &str, user_id: &str, context: &Context) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            kind,
            actor_id: None,
            credential_id: None,
            subject_id: user_id.to_owned(),
            ip_address: context.peer().map(|peer| peer.to_string()),
        }
    }
}

impl Noted {
    /// Notes a refusal at `now` (microseconds).
    pub(crate) fn note(&self, refusal: Refusal, request_id: &str, now: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let full = seen.len() >= MOST;
        match seen.entry(refusal) {
            Entry::Occupied(mut entry) => entry.get_mut().count += 1,
            Entry::Vacant(entry) if full => {
                tracing::warn!(refusal = ?entry.key(), "too many refusals to record");
            }
            Entry::Vacant(entry) => {
                entry.insert(Seen { count: 1, time: now, request_id: request_id.to_owned() });
            }
        }
    }

    /// Writes what was noted. What could not be written is noted again.
    pub(crate) async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let written = write(store, &noted).await;
        if written.is_err() {
            let mut newer = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            for (refusal, before) in noted {
                match newer.entry(refusal) {
                    Entry::Occupied(mut entry) => entry.get_mut().count += before.count,
                    Entry::Vacant(entry) => {
                        entry.insert(before);
                    }
                }
            }
        }
        written
    }
}

async fn write(store: &Store, noted: &HashMap<Refusal, Seen>) -> Result<(), StoreError> {
    let mut tx = store.begin_system(System::Housekeeping).await?;
    for (refusal, seen) in noted {
        let event = Event {
            kind: refusal.kind.to_owned(),
            outcome: AuditOutcome::Denied.as_str().to_owned(),
            actor_id: refusal.actor_id.clone(),
            credential_id: refusal.credential_id.clone(),
            subject_id: Some(refusal.subject_id.clone()),
            detail: (seen.count > 1).then(|| format!("{} times", seen.count)),
            ip_address: refusal.ip_address.clone(),
            request_id: (seen.count == 1).then(|| seen.request_id.clone()),
        };
        storage::insert_noted(&mut tx, &refusal.tenant_id, &event, seen.time).await?;
    }
    tx.commit_empty().await
}
