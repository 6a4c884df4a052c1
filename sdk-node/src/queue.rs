//! What goes to JavaScript: one queue for each environment (the main thread, each worker). Whatever piles up while JavaScript is busy is handed over in one
//! crossing: by the environment's loop where it watches a descriptor of ours, else by a thread-safe function.
//!
//! Promises: pushing never blocks and never fails; what is pushed after the environment has gone is dropped; the process is kept alive only while an
//! event is awaited ([`Queue::expect`]).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{mem, ptr};

use napi::bindgen_prelude::{
    Function, FunctionRef, JsValue as _, JsValuesTupleIntoVec, Result, ToNapiValue as _, sys,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};

use crate::here::Here;
use crate::runtime;
use crate::value::Value;

/// How many values tell of one event.
const STRIDE: usize = 5;

/// So many events are handed over together at most: arguments of a function are on its stack.
const TOGETHER: usize = 256;

/// So many events are not held back for more to come.
const MANY: usize = 32;

/// An event, as JavaScript gets it.
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
    /// A question to the token store: what to do, as JSON.
    Store = 6,
}

impl Kind {
    /// Does somebody in JavaScript wait for it?
    const fn is_awaited(self) -> bool {
        matches!(self, Self::Answer | Self::Failed | Self::Piece)
    }
}

/// The function in JavaScript that takes events: five arguments for each.
pub(crate) type Receive<'a> = Function<'a, Delivery, ()>;

/// Has JavaScript take the queue's events.
type Deliver = ThreadsafeFunction<(), (), Delivery, Status, false, true, 0>;

/// The queue of one environment.
pub(crate) struct Queue {
    events: Mutex<Vec<Event>>,
    /// JavaScript is told of the events, or will be.
    told: AtomicBool,
    /// How many events somebody waits for. Only the JavaScript thread changes it.
    expected: AtomicU32,
    way: Way,
}

/// How JavaScript is told.
enum Way {
    /// Its loop watches a descriptor of ours.
    Here(Arc<Here>),
    /// By a thread-safe function, which is weak: it keeps no process alive by itself.
    There(Deliver),
}

impl Queue {
    /// A queue whose events are handed over on the JavaScript thread when it has been told: by [`Queue::deliver`].
    pub(crate) fn here(here: Arc<Here>) -> Arc<Self> {
        Arc::new(Self::over(Way::Here(here)))
    }

    /// A queue whose events `receive` gets through a thread-safe function.
    pub(crate) fn there(receive: &Receive<'_>) -> Result<Arc<Self>> {
        let place: Arc<Mutex<Weak<Self>>> = Arc::default();
        let queue = Arc::clone(&place);
        let deliver =
            receive.build_threadsafe_function::<()>().weak::<true>().build_callback(move |context| {
                let queue = lock(&queue).upgrade();
                Ok(Delivery(queue.map_or_else(Vec::new, |queue| queue.take(&context.env))))
            })?;
        let made = Arc::new(Self::over(Way::There(deliver)));
        *lock(&place) = Arc::downgrade(&made);
        Ok(made)
    }

    fn over(way: Way) -> Self {
        Self { events: Mutex::default(), told: AtomicBool::new(false), expected: AtomicU32::new(0), way }
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

    /// Asks JavaScript to take the events, if there are any still.
    pub(crate) fn tell(&self) {
        if lock(&self.events).is_empty() {
            return;
        }
        match &self.way {
            Way::Here(here) => here.wake(),
            // An environment that has gone is not told, and nobody waits there.
            Way::There(deliver) => {
                let _status = deliver.call((), ThreadsafeFunctionCallMode::NonBlocking);
            }
        }
    }

    /// Keeps the process alive until one more event has been delivered. On the JavaScript thread.
    pub(crate) fn expect(&self, env: &Env) {
        if self.expected.fetch_add(1, Ordering::Relaxed) == 0 {
            match &self.way {
                Way::Here(here) => here.hold(env),
                // SAFETY: this is the thread of `env`, and the thread-safe function lives as long as `self`.
                Way::There(deliver) => unsafe {
                    sys::napi_ref_threadsafe_function(env.raw(), deliver.raw());
                },
            }
        }
    }

    /// So many events came, or will not come. On the JavaScript thread.
    pub(crate) fn settled(&self, env: &Env, events: u32) {
        if events > 0 && self.expected.fetch_sub(events, Ordering::Relaxed) == events {
            match &self.way {
                Way::Here(here) => here.release(env),
                // SAFETY: as in `expect`.
                Way::There(deliver) => unsafe {
                    sys::napi_unref_threadsafe_function(env.raw(), deliver.raw());
                },
            }
        }
    }

    /// The events that are to be handed over together.
    fn take(&self, env: &Env) -> Vec<Event> {
        // Before taking: what is pushed from here on is told of again.
        self.told.store(false, Ordering::Release);
        let mut events = lock(&self.events);
        let taken = if events.len() > TOGETHER {
            let rest = events.split_off(TOGETHER);
            mem::replace(&mut *events, rest)
        } else {
            mem::take(&mut *events)
        };
        let more = !events.is_empty();
        drop(events);
        if more {
            self.tell();
        }
        let awaited = taken.iter().filter(|event| event.kind.is_awaited()).count();
        self.settled(env, u32::try_from(awaited).unwrap_or(u32::MAX));
        taken
    }

    /// Hands over what there is. On the JavaScript thread, with no JavaScript running: what waits for the events is run before this returns.
    pub(crate) fn deliver(&self, env: &Env, receive: &FunctionRef<Delivery, ()>) {
        if lock(&self.events).is_empty() {
            return;
        }
        let delivery = Delivery(self.take(env));
        let mut scope = ptr::null_mut();
        // SAFETY: this is the thread of `env`; the scope is closed below, after the last value of it.
        if unsafe { sys::napi_open_handle_scope(env.raw(), &raw mut scope) } != sys::Status::napi_ok {
            return;
        }
        // What an environment refuses that is about to end is nobody's any more.
        let _refused = handed_over(env, receive, delivery);
        // SAFETY: as above.
        unsafe { sys::napi_close_handle_scope(env.raw(), scope) };
    }
}

fn handed_over(env: &Env, receive: &FunctionRef<Delivery, ()>, delivery: Delivery) -> Result<()> {
    let receive = receive.borrow_back(env)?;
    let values = delivery.into_vec(env.raw())?;
    let global = env.get_global()?.raw();
    let mut thrown = ptr::null_mut();
    // SAFETY: all values are of `env` and of the scope that is open.
    unsafe {
        let status = sys::napi_make_callback(
            env.raw(),
            ptr::null_mut(),
            global,
            receive.raw(),
            values.len(),
            values.as_ptr(),
            ptr::null_mut(),
        );
        // It throws nothing but what is a mistake of ours, and that is not to be hidden.
        if status == sys::Status::napi_pending_exception
            && sys::napi_get_and_clear_last_exception(env.raw(), &raw mut thrown) == sys::Status::napi_ok
        {
            sys::napi_fatal_exception(env.raw(), thrown);
        }
    }
    Ok(())
}

/// Events on their way to JavaScript.
pub struct Delivery(Vec<Event>);

impl JsValuesTupleIntoVec for Delivery {
    fn into_vec(self, env: sys::napi_env) -> Result<Vec<sys::napi_value>> {
        let mut values = Vec::with_capacity(self.0.len() * STRIDE);
        for event in self.0 {
            // SAFETY: napi hands `env` in, or `deliver`, which is on its thread; it is handed on and not kept.
            unsafe {
                values.extend([
                    u32::to_napi_value(env, event.kind as u32)?,
                    u32::to_napi_value(env, event.id)?,
                    u32::to_napi_value(env, event.number)?,
                    Value::to_napi_value(env, event.body)?,
                    Value::to_napi_value(env, event.text)?,
                ]);
            }
        }
        Ok(values)
    }
}

/// What a lock guards is whole even where a thread panicked under it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
