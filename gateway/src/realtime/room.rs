//! A tenant's room: one task reads the tenant's events as the bus tells of them and writes each once; all sockets of the tenant take the same bytes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::Gateway;
use crate::events::{Filter, Order, Span, Stored, Waiter, storage};
use crate::http::{Caller, Context, Identity};
use crate::store::StoreError;

/// Messages that a socket may be behind the others. One that is further behind is too slow.
const BEHIND: usize = 1_024;

/// Events that are read at once.
const BATCH: i64 = 64;

/// How long to wait when the database cannot be read.
const PAUSE: Duration = Duration::from_secs(1);

/// What goes to sockets.
#[derive(Debug)]
pub(super) enum Push {
    /// An event, for those who subscribed to it.
    Event { id: String, kind: String, subject: Option<String>, text: Utf8Bytes },
    /// A broadcast, for all.
    Broadcast(Utf8Bytes),
}

impl Push {
    pub(super) fn event(event: Stored) -> Result<Self, StoreError> {
        let text = format!("{{\"type\":\"event\",\"event\":{}}}", event.json()?).into();
        Ok(Self::Event { id: event.id, kind: event.r#type, subject: event.subject, text })
    }
}

/// A tenant's room. The hub counts who is in it.
pub(super) struct Room {
    pub(super) send: broadcast::Sender<Arc<Push>>,
    pub(super) sockets: u32,
    feeder: tokio::task::JoinHandle<()>,
}

impl Room {
    /// Opens it: it tells of what comes behind `after`.
    pub(super) fn open(
        gateway: &Arc<Gateway>,
        identity: Arc<Identity>,
        waiter: Waiter,
        after: String,
    ) -> Self {
        let send = broadcast::Sender::new(BEHIND);
        let context = Context::new("realtime".to_owned(), Caller::Known(identity), None);
        let feeder = tokio::spawn(feed(gateway.store.clone(), context, waiter, after, send.clone()));
        Self { send, sockets: 0, feeder }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.feeder.abort();
    }
}

async fn feed(
    store: crate::store::Store,
    context: Context,
    mut waiter: Waiter,
    mut after: String,
    send: broadcast::Sender<Arc<Push>>,
) {
    let everything = Filter::default();
    while !waiter.is_closing() {
        let span = Span { after: Some(after.clone()), ..Span::default() };
        let read = async {
            let tenant = store.tenant(&context)?;
            let events = storage::list(tenant, &everything, &span, Order::Oldest, BATCH).await?;
            events.into_iter().map(Push::event).collect::<Result<Vec<_>, _>>().map_err(Into::into)
        };
        let pushes: Vec<Push> = match read.await {
            Ok(pushes) => pushes,
            Err(error) => {
                let error: crate::http::Error = error;
                tracing::warn!(%error, "events could not be read for sockets; it will be tried again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if pushes.is_empty() {
            waiter.woken().await;
        }
        for push in pushes {
            if let Push::Event { id, .. } = &push {
                after.clone_from(id);
            }
            // Nobody may listen at the moment.
            let _sent = send.send(Arc::new(push));
        }
    }
}
