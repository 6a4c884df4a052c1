//! What is under way in one environment: calls, questions to JavaScript that wait for a reply, and open streams.
//!
//! Promises: each call that was begun ends in exactly one event, or in none when it was cancelled; a panic in it is an event like another failure; when the
//! environment ends, everything is dropped: requests on the wire, streams, and whoever waits for a reply.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use bytes::Bytes;
use futures_util::FutureExt as _;
use napi::Env;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::AbortHandle;
use waypost::client::Streamed;
use waypost::drive::scripted::ScriptedStream;
use waypost::{Error, binding};

use crate::here::{Here, Task};
use crate::queue::{Event, Kind, Queue, Receive, lock};
use crate::runtime;
use crate::value::Value;

/// So many calls at once are made on the JavaScript thread. More are the engine's thread's, which does its half of them beside JavaScript: with 50 at once it has
/// twice as many as this thread, and both are as busy.
const HERE: usize = 16;

tokio::task_local! {
    /// The call that is being made.
    pub(crate) static CALL: u32;
}

/// What JavaScript says to a question.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// JSON; nothing when it threw.
    pub(crate) text: Option<String>,
    pub(crate) body: Option<Bytes>,
}

/// An answer that is read piece by piece.
pub(crate) enum Stream {
    Sent(Streamed),
    Scripted(ScriptedStream),
    /// One that was whole at once; empty when it has been read.
    Whole(Bytes),
}

impl Stream {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Sent(stream) => stream.chunk().await,
            Self::Scripted(stream) => stream.chunk(),
            Self::Whole(bytes) => Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty())),
        }
    }
}

/// An environment's calls.
pub(crate) struct Calls {
    pub(crate) queue: Arc<Queue>,
    here: Option<Arc<Here>>,
    under_way: Mutex<UnderWay>,
    questions: Mutex<HashMap<u32, oneshot::Sender<Reply>>>,
    streams: Mutex<HashMap<u32, Arc<AsyncMutex<Stream>>>>,
    next: AtomicU32,
}

/// A call that is under way.
enum Running {
    /// On the engine's thread.
    There(AbortHandle),
    /// On this one.
    Here(Arc<Task>),
    /// On a thread of its own, which it blocks.
    Blocking,
}

/// The calls that are under way.
#[derive(Default)]
struct UnderWay {
    calls: HashMap<u32, Running>,
    /// How many of them are made on this thread.
    here: usize,
}

impl UnderWay {
    fn enter(&mut self, id: u32, call: Running) {
        self.here += usize::from(matches!(call, Running::Here(_)));
        self.calls.insert(id, call);
    }

    fn leave(&mut self, id: u32) -> Option<Running> {
        let call = self.calls.remove(&id)?;
        self.here -= usize::from(matches!(call, Running::Here(_)));
        Some(call)
    }
}

impl Running {
    fn end(self) {
        match self {
            Self::There(task) => task.abort(),
            Self::Here(task) => task.end(),
            Self::Blocking => {}
        }
    }
}

impl Calls {
    /// `own_loop`: the environment's loop is libuv's, and may be asked to watch a descriptor.
    pub(crate) fn new(env: &Env, receive: &Receive<'_>, own_loop: bool) -> napi::Result<Arc<Self>> {
        let place: Arc<OnceLock<Weak<Self>>> = Arc::default();
        let here = if own_loop { Self::watched(env, receive, &place)? } else { None };
        let calls = Arc::new(Self {
            queue: here.clone().map_or_else(|| Queue::there(receive), |here| Ok(Queue::here(here)))?,
            here,
            under_way: Mutex::default(),
            questions: Mutex::default(),
            streams: Mutex::default(),
            next: AtomicU32::new(0),
        });
        let _first = place.set(Arc::downgrade(&calls));
        let _hook = env.add_env_cleanup_hook(Arc::clone(&calls), |calls| calls.end())?;
        Ok(calls)
    }

    fn watched(
        env: &Env,
        receive: &Receive<'_>,
        place: &Arc<OnceLock<Weak<Self>>>,
    ) -> napi::Result<Option<Arc<Here>>> {
        let (receive, place) = (receive.create_ref()?, Arc::clone(place));
        Ok(Here::start(env, move |env| {
            if let Some(calls) = place.get().and_then(Weak::upgrade) {
                if let Some(here) = &calls.here {
                    here.turn(true);
                }
                calls.queue.deliver(env, &receive);
            }
        }))
    }

    /// This thread, if another call is to be made on it.
    pub(crate) fn here(&self) -> Option<&Arc<Here>> {
        self.here.as_ref().filter(|_| lock(&self.under_way).here < HERE)
    }

    /// Begins a call that ends in the event that `work` makes, on the engine's thread.
    pub(crate) fn begin(
        self: &Arc<Self>,
        env: &Env,
        id: u32,
        work: impl Future<Output = Event> + Send + 'static,
    ) -> napi::Result<()> {
        let runtime = runtime::handle().map_err(napi::Error::from_reason)?;
        self.queue.expect(env);
        // Held until the call is entered, for it may be over before.
        let mut under_way = lock(&self.under_way);
        let task = runtime.spawn(self.ending(id, work));
        under_way.enter(id, Running::There(task.abort_handle()));
        Ok(())
    }

    /// As [`Self::begin`], on this thread: what can be written at once is written when this returns.
    pub(crate) fn begin_here(
        self: &Arc<Self>,
        env: &Env,
        id: u32,
        here: &Here,
        work: impl Future<Output = Event> + Send + 'static,
    ) -> napi::Result<()> {
        runtime::called().map_err(napi::Error::from_reason)?;
        self.queue.expect(env);
        let task = here.begin(Box::pin(self.ending(id, work)));
        lock(&self.under_way).enter(id, Running::Here(task));
        self.turn(here);
        Ok(())
    }

    /// As [`Self::begin`], for work that blocks its thread.
    pub(crate) fn begin_blocking(
        self: &Arc<Self>,
        env: &Env,
        id: u32,
        work: impl FnOnce() -> Event + Send + 'static,
    ) -> napi::Result<()> {
        let runtime = runtime::handle().map_err(napi::Error::from_reason)?;
        self.queue.expect(env);
        let calls = Arc::clone(self);
        lock(&self.under_way).enter(id, Running::Blocking);
        runtime.spawn_blocking(move || {
            let event = std::panic::catch_unwind(AssertUnwindSafe(|| CALL.sync_scope(id, work)));
            calls.end_with(id, event.unwrap_or_else(|panic| panicked(id, &*panic)));
        });
        Ok(())
    }

    /// `work`, with its event pushed.
    fn ending(
        self: &Arc<Self>,
        id: u32,
        work: impl Future<Output = Event> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let calls = Arc::clone(self);
        async move {
            let event = AssertUnwindSafe(CALL.scope(id, work)).catch_unwind().await;
            calls.end_with(id, event.unwrap_or_else(|panic| panicked(id, &*panic)));
        }
    }

    /// Runs what can go on here, in the middle of JavaScript, which therefore gets what is done by and by.
    fn turn(&self, here: &Here) {
        here.turn(false);
        self.queue.tell();
    }

    fn end_with(&self, id: u32, event: Event) {
        let known = lock(&self.under_way).leave(id).is_some();
        // One that was cancelled is awaited by nobody.
        if known {
            self.queue.push(event);
        }
    }

    /// Drops a call: its request, and its event.
    pub(crate) fn cancel(&self, env: &Env, id: u32) {
        let Some(call) = lock(&self.under_way).leave(id) else { return };
        call.end();
        self.queue.settled(env, 1);
        if let Some(here) = &self.here {
            // Its connection learns of it.
            self.turn(here);
        }
    }

    /// Puts a question to JavaScript. The receiver gets nothing when the environment ends first.
    pub(crate) fn ask(&self, kind: Kind, body: Value, text: Vec<u8>) -> oneshot::Receiver<Reply> {
        let (send, receive) = oneshot::channel();
        let id = self.fresh();
        lock(&self.questions).insert(id, send);
        let number = CALL.try_with(|call| *call).unwrap_or_default();
        self.queue.push(Event { kind, id, number, body, text: Value::text(text) });
        receive
    }

    pub(crate) fn reply(&self, question: u32, reply: Reply) {
        if let Some(waiting) = lock(&self.questions).remove(&question) {
            // A call that was cancelled does not wait any more.
            let _gone = waiting.send(reply);
        }
    }

    pub(crate) fn keep(&self, stream: Stream) -> u32 {
        let id = self.fresh();
        lock(&self.streams).insert(id, Arc::new(AsyncMutex::new(stream)));
        id
    }

    /// Begins to read the next piece of a stream; that ends in an event of its own id.
    pub(crate) fn next(self: &Arc<Self>, env: &Env, id: u32, stream: u32) -> napi::Result<()> {
        let open = lock(&self.streams).get(&stream).map(Arc::clone);
        let calls = Arc::clone(self);
        self.begin(env, id, async move {
            let piece = match open {
                Some(open) => open.lock().await.chunk().await,
                None => Ok(None),
            };
            if !matches!(piece, Ok(Some(_))) {
                calls.let_go(stream);
            }
            let body = match piece {
                Ok(piece) => piece.map_or(Value::None, Value::Bytes),
                Err(error) => return failed(id, &error),
            };
            Event { kind: Kind::Piece, id, number: 0, body, text: Value::None }
        })
    }

    pub(crate) fn let_go(&self, stream: u32) {
        let gone = lock(&self.streams).remove(&stream);
        drop(gone);
    }

    fn fresh(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The environment ends.
    fn end(&self) {
        let under_way = std::mem::take(&mut *lock(&self.under_way));
        for call in under_way.calls.into_values() {
            call.end();
        }
        lock(&self.questions).clear();
        lock(&self.streams).clear();
        if let Some(here) = &self.here {
            here.end();
        }
    }
}

/// The event of a failure.
pub(crate) fn failed(id: u32, error: &Error) -> Event {
    event_of(id, binding::report(error))
}

fn event_of(id: u32, report: Vec<u8>) -> Event {
    Event { kind: Kind::Failed, id, number: 0, body: Value::None, text: Value::text(report) }
}

fn panicked(id: u32, panic: &(dyn std::any::Any + Send)) -> Event {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    event_of(id, binding::internal(text.unwrap_or("a panic")))
}
