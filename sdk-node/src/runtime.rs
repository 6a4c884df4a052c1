//! The one runtime of the process: tokio's current-thread runtime on a thread of its own, which the main thread and all workers share.
//!
//! One thread, because a call hops between tasks (the caller's, the connection's) some five times, and on one thread a hop is a push onto a list: with two
//! workers each hop may wake the other. The thread is detached: it holds nothing that must be let go when the process exits.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock, mpsc};
use std::{io, mem, thread};

use tokio::runtime::{Builder, Handle};
use waypost::drive::pulse::Pulse;

use crate::queue::Queue;

static RUNTIME: LazyLock<Result<Handle, String>> =
    LazyLock::new(|| start().map_err(|error| error.to_string()));

static PULSE: LazyLock<Pulse> = LazyLock::new(Pulse::default);

thread_local! {
    /// This is the runtime's thread.
    static HERE: Cell<bool> = const { Cell::new(false) };
    /// Queues that have events which JavaScript has not been told of.
    static UNTOLD: RefCell<Vec<Arc<Queue>>> = const { RefCell::new(Vec::new()) };
}

/// The runtime; the first call starts it.
pub(crate) fn handle() -> Result<&'static Handle, String> {
    RUNTIME.as_ref().map_err(|error| format!("the engine's thread cannot be started: {error}"))
}

/// As [`handle`], before a call that is made elsewhere and has its timers here.
pub(crate) fn called() -> Result<&'static Handle, String> {
    PULSE.call();
    handle()
}

fn start() -> io::Result<Handle> {
    let (send, receive) = mpsc::sync_channel(1);
    thread::Builder::new().name("waypost".to_owned()).spawn(move || {
        HERE.set(true);
        match Builder::new_current_thread().enable_all().on_thread_park(tell).build() {
            Ok(runtime) => {
                let _receiver_waits = send.send(Ok(runtime.handle().clone()));
                runtime.block_on(PULSE.beat());
            }
            Err(error) => {
                let _receiver_waits = send.send(Err(error));
            }
        }
    })?;
    receive.recv().map_err(|_| io::Error::other("it ended at once"))?
}

/// Tells JavaScript of the queue's events: on the runtime's thread when everything that was ready has been run, so that what ends together is told
/// together (a wake-up costs as much as a tenth of a call), elsewhere at once.
pub(crate) fn tell_soon(queue: &Arc<Queue>) {
    if HERE.get() {
        UNTOLD.with_borrow_mut(|untold| untold.push(Arc::clone(queue)));
    } else {
        queue.tell();
    }
}

fn tell() {
    for queue in UNTOLD.with_borrow_mut(mem::take) {
        queue.tell();
    }
}
