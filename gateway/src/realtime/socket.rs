//! One socket: a task that reads, writes, and ends by itself. It holds its connection and no more than one message.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::credential::{self, Credential};
use super::end::End;
use super::hub::Place;
use super::session::{BATCH, ClientMessage, Resumption, Session};
use crate::Gateway;
use crate::http::Error;

/// Bytes that a client's message may have.
const MESSAGE: usize = 16 * 1024;

/// Messages of a client within one second.
const MESSAGES: u32 = 50;

/// How long a client may take to say who it is.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// How long a message may wait for its reader.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the last words may take.
const GOODBYE: Duration = Duration::from_secs(5);

type Wire = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// A socket, before and after it has authenticated.
pub(super) struct Socket {
    gateway: Arc<Gateway>,
    wire: Wire,
    peer: IpAddr,
    /// When something was last heard.
    heard: Instant,
    /// The second that messages are counted in, and how many there were.
    counted: (Instant, u32),
    _place: Place,
}

/// Buffers that grow when something is read: an idle socket has next to none.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(1_024)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
}

impl Socket {
    pub(super) async fn new(
        gateway: Arc<Gateway>,
        upgraded: hyper::upgrade::Upgraded,
        peer: IpAddr,
        place: Place,
    ) -> Self {
        let wire =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config())).await;
        let now = Instant::now();
        Self { gateway, wire, peer, heard: now, counted: (now, 0), _place: place }
    }

    /// From the upgrade to the end.
    pub(super) async fn run(mut self, credential: Option<Credential>) {
        let end = match Box::pin(self.introduce(credential)).await {
            Ok(session) => self.serve(session).await,
            Err(end) => end,
        };
        tracing::debug!(?end, "a socket ends");
        if let Some(frame) = end.frame() {
            let goodbye = async {
                if self.wire.close(Some(frame)).await.is_ok() {
                    // The other side answers, and then the connection may go. What it still sends is of no interest.
                    while let Some(Ok(_)) = self.wire.next().await {}
                }
            };
            let _said_or_not = tokio::time::timeout(GOODBYE, goodbye).await;
        }
    }

    /// Finds out who is there: by what came with the request, or by the first message.
    async fn introduce(&mut self, credential: Option<Credential>) -> Result<Session, End> {
        let mut closing = self.gateway.realtime.closing.subscribe();
        let asked = async {
            let credential = match credential {
                Some(credential) => credential,
                None => self.first_message().await?,
            };
            let identity = credential.identity(&self.gateway, self.peer).await?;
            Session::new(&self.gateway, credential, identity)
        };
        let session = tokio::select! {
            asked = tokio::time::timeout(INTRODUCTION, asked) => asked.unwrap_or(Err(End::NeverAuthenticated))?,
            () = closed(&mut closing) => return Err(End::GoingAway),
        };
        self.tell(&session.ready(&self.gateway)).await?;
        Ok(session)
    }

    async fn first_message(&mut self) -> Result<Credential, End> {
        loop {
            let message = self.wire.next().await.ok_or(End::Gone)??;
            let Some(text) = self.text(message)? else { continue };
            let Ok(ClientMessage::Authenticate { token, api_key, ticket }) = serde_json::from_str(&text)
            else {
                return Err(End::Unauthenticated);
            };
            let credential = match (token, api_key, ticket) {
                (Some(token), None, None) => Credential::token(&token),
                (None, Some(key), None) => Credential::api_key(&key),
                (None, None, Some(ticket)) => {
                    credential::redeem(&self.gateway, &ticket).await.map_err(failed)?
                }
                _ => None,
            };
            return credential.ok_or(End::Unauthenticated);
        }
    }

    /// What a message says, if it is one for us. Every message counts; pings are answered by the wire.
    fn text(&mut self, message: Message) -> Result<Option<Utf8Bytes>, End> {
        let now = Instant::now();
        self.heard = now;
        let (since, count) = &mut self.counted;
        if now.duration_since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > MESSAGES {
            return Err(End::TooManyMessages);
        }
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => Err(End::Unsupported),
            Message::Close(_) => Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }

    /// From the introduction to the end, which it answers.
    async fn serve(&mut self, mut session: Session) -> End {
        let heartbeat = self.gateway.config.realtime.heartbeat;
        let mut closing = self.gateway.realtime.closing.subscribe();
        let mut changes = self.gateway.realtime.changes.subscribe();
        let mut next = Instant::now() + heartbeat;
        loop {
            let done = tokio::select! {
                biased;
                () = closed(&mut closing) => Err(End::GoingAway),
                _ = changes.changed() => self.check(&mut session).await,
                push = session.seat.receive.recv() => match push {
                    Ok(push) => match session.takes(&push) {
                        Some(text) => self.send(Message::Text(text)).await,
                        None => Ok(()),
                    },
                    Err(RecvError::Lagged(_)) => Err(End::Slow),
                    Err(RecvError::Closed) => Err(End::Internal),
                },
                message = self.wire.next() => match message {
                    Some(Ok(message)) => Box::pin(self.handle(&mut session, message)).await,
                    Some(Err(error)) => Err(error.into()),
                    None => Err(End::Gone),
                },
                () = tokio::time::sleep_until(next) => {
                    next = Instant::now() + heartbeat;
                    self.beat(&mut session, heartbeat).await
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn beat(&mut self, session: &mut Session, heartbeat: Duration) -> Result<(), End> {
        if self.heard.elapsed() >= heartbeat * 2 {
            return Err(End::Silent);
        }
        self.check(session).await?;
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Ends the socket of a credential that has ended.
    async fn check(&mut self, session: &mut Session) -> Result<(), End> {
        let identity = match Box::pin(session.credential.identity(&self.gateway, self.peer)).await {
            // The database may be busy for a moment: the next heartbeat asks again.
            Err(End::Internal) => return Ok(()),
            other => other?,
        };
        session.became(identity);
        Ok(())
    }

    async fn handle(&mut self, session: &mut Session, message: Message) -> Result<(), End> {
        let Some(text) = self.text(message)? else { return Ok(()) };
        match serde_json::from_str(&text) {
            Ok(ClientMessage::Subscribe { id, types, subject, after }) => {
                let begun = session.subscribe(&self.gateway, id.clone(), types, subject, after).await;
                match begun.map_err(failed)? {
                    Ok(resumption) => self.resume(session, resumption).await,
                    Err((code, detail)) => self.refuse(code, &detail, Some(&id)).await,
                }
            }
            Ok(ClientMessage::Unsubscribe { id }) => match session.unsubscribe(&id) {
                true => self.tell(&json!({ "type": "unsubscribed", "id": id })).await,
                false => {
                    self.refuse("unknown_subscription", "There is no such subscription.", Some(&id)).await
                }
            },
            Ok(ClientMessage::Ping {}) => self.tell(&json!({ "type": "pong" })).await,
            Ok(ClientMessage::Authenticate { .. }) => {
                self.refuse("already_authenticated", "The socket has a caller; open another one.", None).await
            }
            Err(error) => {
                let detail = format!("The message is none of the contract's: {error}.");
                self.refuse("invalid_message", &detail, None).await
            }
        }
    }

    /// Sends what a subscription missed, and begins it. The other subscriptions go on meanwhile.
    async fn resume(&mut self, session: &mut Session, mut resumption: Resumption) -> Result<(), End> {
        loop {
            loop {
                match session.seat.receive.try_recv() {
                    Ok(push) => {
                        if let Some(text) = session.takes(&push) {
                            self.send(Message::Text(text)).await?;
                        }
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Lagged(_)) => return Err(End::Slow),
                    Err(TryRecvError::Closed) => return Err(End::Internal),
                }
            }
            let texts = session.missed(&self.gateway, &mut resumption).await.map_err(failed)?;
            let more = i64::try_from(texts.len()).is_ok_and(|count| count == BATCH);
            for text in texts {
                self.send(Message::Text(text)).await?;
            }
            if !more {
                let told = session.begin(resumption);
                return self.tell(&told).await;
            }
        }
    }

    async fn refuse(&mut self, code: &str, detail: &str, id: Option<&str>) -> Result<(), End> {
        let mut told = json!({ "type": "error", "code": code, "detail": detail });
        if let (Some(id), Some(told)) = (id, told.as_object_mut()) {
            told.insert("id".to_owned(), id.into());
        }
        self.tell(&told).await
    }

    async fn tell(&mut self, value: &Value) -> Result<(), End> {
        self.send(Message::Text(value.to_string().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(PATIENCE, self.wire.send(message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(End::Slow),
        }
    }
}

/// Ready when the gateway stops.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _or_the_hub_is_gone = closing.wait_for(|closing| *closing).await;
}

fn failed(error: Error) -> End {
    tracing::warn!(%error, "a socket ends early");
    End::Internal
}
