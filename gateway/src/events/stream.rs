//! Events as they happen, over server-sent events (HTML Living Standard, section 9.2).
//!
//! A stream reads the table from its last id on, whenever the bus wakes its tenant: what it missed and what is new come the same way, so there is no gap
//! between the two, and in memory is no more than one batch. What a reader does not take is not read; if it takes nothing for long it is dropped, and
//! resumes where it was when it comes again.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::bus::Waiter;
use super::document::Stored;
use super::rules::Filter;
use super::storage::{self, Order, Span};
use crate::http::{Context, Error};
use crate::store::{Store, StoreError};

/// Streams of one tenant at one gateway.
pub(super) const MOST: usize = 100;

/// Events that are read at once.
const BATCH: i64 = 32;

/// Batches that wait for the reader.
const AHEAD: usize = 2;

/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a stream lives: as long as an access token, so that whoever lost access does not read on.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What a stream says first: how long to wait before coming again. It also has the head of the answer sent at once.
const GREETING: &str = "retry: 1000\n\n";

/// A comment, which no reader hears of.
const HEARTBEAT: &str = ":\n\n";

/// One stream.
pub(super) struct Stream {
    pub(super) store: Store,
    pub(super) context: Context,
    pub(super) filter: Filter,
    /// The event that the reader saw last.
    pub(super) after: String,
    pub(super) heartbeat: Duration,
}

impl Stream {
    /// The body. It ends by itself, and whatever writes it ends with it.
    pub(super) fn body(self, waiter: Waiter) -> Body {
        let (send, receive) = mpsc::channel(AHEAD);
        tokio::spawn(self.write(waiter, send));
        Body::from_stream(stream::unfold(receive, |mut receive| async {
            let piece: Bytes = receive.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), receive))
        }))
    }

    async fn write(mut self, mut waiter: Waiter, send: mpsc::Sender<Bytes>) {
        let end = Instant::now() + LIFETIME;
        let mut heartbeat = tokio::time::interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let mut piece = Bytes::from_static(GREETING.as_bytes());
        loop {
            if waiter.is_closing() || Instant::now() >= end {
                return;
            }
            if !piece.is_empty() && send.send_timeout(piece, PATIENCE).await.is_err() {
                return;
            }
            // Every stream looks at each heartbeat as well: a wake may come from the bus only.
            piece = match self.next().await {
                Ok(piece) if piece.is_empty() => tokio::select! {
                    () = waiter.woken() => Bytes::new(),
                    _ = heartbeat.tick() => Bytes::from_static(HEARTBEAT.as_bytes()),
                    () = send.closed() => return,
                    () = tokio::time::sleep_until(end) => return,
                },
                Ok(piece) => {
                    heartbeat.reset();
                    piece
                }
                Err(error) => {
                    tracing::warn!(error = error.detail, "a stream of events ends early");
                    return;
                }
            };
        }
    }

    /// The events behind the last one; empty if there are none.
    async fn next(&mut self) -> Result<Bytes, Error> {
        let span = Span { after: Some(self.after.clone()), ..Span::default() };
        let tenant = self.store.tenant(&self.context)?;
        let events = storage::list(tenant, &self.filter, &span, Order::Oldest, BATCH).await?;
        let mut text = String::new();
        for event in &events {
            frame(&mut text, event)?;
        }
        if let Some(last) = events.into_iter().last() {
            self.after = last.id;
        }
        Ok(Bytes::from(text))
    }
}

/// JSON as we write it has no line break, so it is one line of data.
fn frame(text: &mut String, event: &Stored) -> Result<(), StoreError> {
    for part in ["id: ", &event.id, "\ndata: ", &event.json()?, "\n\n"] {
        text.push_str(part);
    }
    Ok(())
}

/// Where a stream begins that nobody resumes: behind the newest event.
pub(super) async fn now(store: &Store, context: &Context) -> Result<String, Error> {
    Ok(storage::newest(store.tenant(context)?).await?.unwrap_or_default())
}

/// Too many at once.
pub(super) fn too_many() -> Error {
    let detail = format!(
        "The tenant has {MOST} streams at this gateway, the most that it may have. End one of them, or share it."
    );
    Error { retry_after: Some(30), ..Error::new(429, "too_many_streams", detail) }
}
