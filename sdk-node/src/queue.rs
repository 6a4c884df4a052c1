//! What goes from the runtime to the JavaScript thread: one queue for each environment (the main thread, each worker), and one thread-safe function that
//! hands it over. Whatever piles up while JavaScript is busy is handed over in one crossing.
//!
//! Promises: pushing never blocks and never fails; what is pushed after the environment has gone is dropped. The thread-safe function is weak: it keeps
//! the process alive only while an event is awaited ([`Queue::expect`]).

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use napi::bindgen_prelude::{Array, FnArgs, Function, JsValue as _, Result, ToNapiValue, sys};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};

use crate::runtime;
use crate::value::Value;

/// How many values tell of one event.
const STRIDE: u32 = 5;

/// So many events are not held back for more to come.
const MANY: usize = 32;

/// An event, as JavaScript reads it out of the array.
pub(crate) struct Event {
    pub(crate) kind: Kind,
    /// Of the call, or of the question that waits for a reply.
    pub(crate) id: u32,
    /// The status of an answer, or the call that a question is about.
    pub(crate) number: u32,
    pub(crate) body: Value,
    pub(crate) text: Value,
}

/// What happened. `backends/native.ts` has the same numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call succeeded: status, body, details as JSON. The body of one that was opened is the number of its stream.
    Answer = 0,
    /// A call failed: the report as JSON.
    Failed = 1,
    /// A piece of a stream; no body at its end.
    Piece = 2,
    /// A question to the interceptor, before an attempt: what is seen, as JSON.
    Before = 3,
    /// A question to the interceptor, after an attempt.
    After = 4,
    /// A question to the script: what would be sent.
    Script = 5,
}

impl Kind {
    /// Does somebody in JavaScript wait for it?
    const fn is_awaited(self) -> bool {
        matches!(self, Self::Answer | Self::Failed | Self::Piece)
    }
}

/// Hands the queue's events to JavaScript.
type Deliver = ThreadsafeFunction<(), (), FnArgs<(Delivery,)>, Status, false, true, 0>;

/// The function in JavaScript that takes them.
pub(crate) type Receive<'a> = Function<'a, FnArgs<(Array<'static>,)>, ()>;

/// The queue of one environment.
pub(crate) struct Queue {
    events: Mutex<Vec<Event>>,
    /// JavaScript is told of the events, or will be.
    told: AtomicBool,
    /// How many events somebody waits for. Only the JavaScript thread changes it.
    expected: AtomicU32,
    deliver: Deliver,
}

impl Queue {
    /// A queue whose events `receive` gets, in a flat array.
    pub(crate) fn new(receive: &Receive<'_>) -> Result<Arc<Self>> {
        let place: Arc<Mutex<Weak<Self>>> = Arc::default();
        let queue = Arc::clone(&place);
        let deliver = receive
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .build_callback(move |_| Ok(FnArgs::from((Delivery(lock(&queue).upgrade()),))))?;
        let made = Arc::new(Self {
            events: Mutex::default(),
            told: AtomicBool::new(false),
            expected: AtomicU32::new(0),
            deliver,
        });
        *lock(&place) = Arc::downgrade(&made);
        Ok(made)
    }

    /// Hands an event over as soon as JavaScript has time.
    pub(crate) fn push(self: &Arc<Self>, event: Event) {
        let waiting = {
            let mut events = lock(&self.events);
            events.push(event);
            events.len()
        };
        if !self.told.swap(true, Ordering::AcqRel) {
            runtime::tell_soon(self);
        } else if waiting.is_multiple_of(MANY) {
            self.tell();
        }
    }

    /// Asks JavaScript to take the events.
    pub(crate) fn tell(&self) {
        // An environment that has gone is not told, and nobody waits there.
        let _status = self.deliver.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }

    /// Keeps the process alive until one more event has been delivered. On the JavaScript thread.
    pub(crate) fn expect(&self, env: &Env) {
        if self.expected.fetch_add(1, Ordering::Relaxed) == 0 {
            // SAFETY: this is the thread of `env`, and the thread-safe function lives as long as `self`.
            unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.deliver.raw()) };
        }
    }

    /// So many events came, or will not come. On the JavaScript thread.
    pub(crate) fn settled(&self, env: &Env, events: u32) {
        if events > 0 && self.expected.fetch_sub(events, Ordering::Relaxed) == events {
            // SAFETY: as in `expect`.
            unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.deliver.raw()) };
        }
    }
}

/// All events that are there, as one flat array.
pub(crate) struct Delivery(Option<Arc<Queue>>);

impl ToNapiValue for Delivery {
    // SAFETY: `env` is the environment that napi calls this in; it is handed on and not kept.
    unsafe fn to_napi_value(env: sys::napi_env, delivery: Self) -> Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let mut events = Vec::new();
        if let Some(queue) = &delivery.0 {
            // Before taking: what is pushed from here on is told of again.
            queue.told.store(false, Ordering::Release);
            events = mem::take(&mut *lock(&queue.events));
            let awaited = events.iter().filter(|event| event.kind.is_awaited()).count();
            queue.settled(&env, u32::try_from(awaited).unwrap_or(u32::MAX));
        }
        let length = u32::try_from(events.len()).unwrap_or(u32::MAX).saturating_mul(STRIDE);
        let mut array = env.create_array(length)?;
        let mut place = 0;
        for event in events {
            array.set(place, event.kind as u32)?;
            array.set(place + 1, event.id)?;
            array.set(place + 2, event.number)?;
            array.set(place + 3, event.body)?;
            array.set(place + 4, event.text)?;
            place += STRIDE;
        }
        Ok(array.raw())
    }
}

/// What a lock guards is whole even where a thread panicked under it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
