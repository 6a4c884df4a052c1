//! What a socket that has authenticated has: who is behind it, its seat, what it subscribed to.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::credential::Credential;
use super::end::End;
use super::hub::{Hub, Seat};
use super::room::Push;
use crate::Gateway;
use crate::events::{Filter, Order, Span, hidden, is_pattern, storage};
use crate::http::{Caller, Context, Error, Identity};
use crate::secrets::id;

/// Subscriptions of one socket.
pub(super) const SUBSCRIPTIONS: usize = 32;

/// Types that one subscription may name.
const TYPES: usize = 20;

/// Characters of a subscription's id, and of a subject.
const ID: usize = 64;
const SUBJECT: usize = 200;

/// Events that are read at once where a subscription begins behind an old one.
pub(super) const BATCH: i64 = 64;

/// A message of a client. Fields that are not known are an error: a filter with a slip in its name must not be a filter that takes everything.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientMessage {
    Authenticate {
        token: Option<String>,
        api_key: Option<String>,
        ticket: Option<String>,
    },
    Subscribe {
        id: String,
        #[serde(default)]
        types: Vec<String>,
        subject: Option<String>,
        after: Option<String>,
    },
    Unsubscribe {
        id: String,
    },
    Ping {},
}

/// Which events are wanted, and from where on.
struct Subscription {
    id: String,
    filter: Filter,
    /// What is behind this one is new.
    from: String,
}

/// A socket's caller and what they want.
pub(super) struct Session {
    pub(super) credential: Credential,
    pub(super) seat: Seat,
    context: Context,
    identity: Arc<Identity>,
    subscriptions: Vec<Subscription>,
}

/// A subscription whose past is still to be sent.
pub(super) struct Resumption {
    subscription: Subscription,
}

impl Session {
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        credential: Credential,
        identity: Arc<Identity>,
    ) -> Result<Self, End> {
        let seat = Hub::enter(gateway, &identity)?;
        let context = Context::new("realtime".to_owned(), Caller::Known(Arc::clone(&identity)), None);
        Ok(Self { credential, seat, context, identity, subscriptions: Vec::new() })
    }

    /// What a client is told first.
    pub(super) fn ready(&self, gateway: &Gateway) -> Value {
        json!({
            "type": "ready",
            "tenant_id": self.identity.tenant_id,
            "user_id": self.identity.user_id,
            "heartbeat_seconds": gateway.config.realtime.heartbeat.as_secs(),
        })
    }

    /// Takes over what the caller may do now. One who may see less sees less at once.
    pub(super) fn became(&mut self, identity: Arc<Identity>) {
        if identity.permissions != self.identity.permissions {
            for subscription in &mut self.subscriptions {
                subscription.filter.hidden = hidden(&identity);
            }
        }
        if identity != self.identity {
            self.context = Context::new("realtime".to_owned(), Caller::Known(Arc::clone(&identity)), None);
            self.identity = identity;
        }
    }

    /// The text that this push is for the socket, if it is for it.
    pub(super) fn takes(&self, push: &Push) -> Option<Utf8Bytes> {
        match push {
            Push::Broadcast(text) => Some(text.clone()),
            Push::Event { id, kind, subject, text } => {
                let wanted = self.subscriptions.iter().any(|subscription| {
                    *id > subscription.from && subscription.filter.takes(kind, subject.as_deref())
                });
                wanted.then(|| text.clone())
            }
        }
    }

    /// Begins a subscription, or says what is wrong with it.
    pub(super) async fn subscribe(
        &self,
        gateway: &Gateway,
        id: String,
        types: Vec<String>,
        subject: Option<String>,
        after: Option<String>,
    ) -> Result<Result<Resumption, (&'static str, String)>, Error> {
        let wrong = if id.is_empty() || id.chars().count() > ID {
            Some(("invalid_id", format!("A subscription's id has 1 to {ID} characters.")))
        } else if self.subscriptions.iter().any(|subscription| subscription.id == id) {
            Some((
                "duplicate_id",
                format!("There is a subscription `{id}`. End it first, or take another id."),
            ))
        } else if self.subscriptions.len() >= SUBSCRIPTIONS {
            Some(("too_many_subscriptions", format!("A socket has at most {SUBSCRIPTIONS} subscriptions.")))
        } else if types.len() > TYPES || !types.iter().all(|pattern| is_pattern(pattern)) {
            Some((
                "invalid_filter",
                format!("`types` has at most {TYPES} types, such as `wallet.created`, `wallet.*` or `*`."),
            ))
        } else if subject.as_ref().is_some_and(|subject| subject.chars().count() > SUBJECT) {
            Some(("invalid_filter", format!("`subject` has at most {SUBJECT} characters.")))
        } else if after.as_ref().is_some_and(|after| !id::is("evt", after)) {
            Some(("invalid_cursor", "`after` is the id of an event.".to_owned()))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            return Ok(Err(wrong));
        }
        let from = match after {
            Some(after) => after,
            None => storage::newest(gateway.store.tenant(&self.context)?).await?.unwrap_or_default(),
        };
        let filter = Filter { patterns: types, subject, hidden: hidden(&self.identity) };
        Ok(Ok(Resumption { subscription: Subscription { id, filter, from } }))
    }

    /// The next of the events that a resumed subscription missed; fewer than [`BATCH`] are the last. What the room sends has to be taken before each call:
    /// then whatever was taken is among what the database has.
    pub(super) async fn missed(
        &self,
        gateway: &Gateway,
        resumption: &mut Resumption,
    ) -> Result<Vec<Utf8Bytes>, Error> {
        let Subscription { filter, from, .. } = &mut resumption.subscription;
        let span = Span { after: Some(from.clone()), ..Span::default() };
        let tenant = gateway.store.tenant(&self.context)?;
        let events = storage::list(tenant, filter, &span, Order::Oldest, BATCH).await?;
        let mut texts = Vec::with_capacity(events.len());
        for event in events {
            from.clone_from(&event.id);
            if let Push::Event { text, .. } = Push::event(event)? {
                texts.push(text);
            }
        }
        Ok(texts)
    }

    /// From here on the subscription takes what comes.
    pub(super) fn begin(&mut self, resumption: Resumption) -> Value {
        let Subscription { id, from, .. } = &resumption.subscription;
        let told = json!({ "type": "subscribed", "id": id, "cursor": (!from.is_empty()).then_some(from) });
        self.subscriptions.push(resumption.subscription);
        told
    }

    /// Ends a subscription; whether there was one.
    pub(super) fn unsubscribe(&mut self, id: &str) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.id != id);
        self.subscriptions.len() < before
    }
}
