//! Leaving: a thread that comes back to an interpreter which is being taken down is ended by it in the middle of our frames, and that would abort the
//! process. So every return to the interpreter goes through a gate; the gate is shut before the interpreter goes, and who comes later sleeps until the
//! process is gone. It wakes up again only where the end takes long, which may be because somebody waits for this very thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::runtime;

/// How long the end of the process may be held up.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a thread sleeps that comes to the shut gate.
const SLEEP: Duration = Duration::from_secs(2);

static SHUT: AtomicBool = AtomicBool::new(false);
/// Threads that are through the gate and not yet attached.
static ENTERING: AtomicUsize = AtomicUsize::new(0);
/// Threads that run calls on the runtime. It is not stopped under them: a timer without one panics.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// Whoever ends the interpreter may still make calls.
static LEAVING: OnceLock<ThreadId> = OnceLock::new();

/// Runs `work` without the GIL.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let outcome = py.detach(|| {
        let outcome = work();
        enter();
        outcome
    });
    entered();
    outcome
}

/// Runs `work` with the GIL, from a thread that let go of it.
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    enter();
    Python::attach(|py| {
        entered();
        work(py)
    })
}

/// Runs `work`, which needs the runtime, unless that is being stopped.
pub(crate) fn running(work: impl FnOnce()) {
    struct Ended;
    impl Drop for Ended {
        fn drop(&mut self) {
            RUNNING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    RUNNING.fetch_add(1, Ordering::SeqCst);
    let _ended = Ended;
    if !is_shut() {
        work();
    }
}

fn enter() {
    ENTERING.fetch_add(1, Ordering::SeqCst);
    if SHUT.load(Ordering::SeqCst) && LEAVING.get() != Some(&std::thread::current().id()) {
        entered();
        std::thread::sleep(SLEEP);
        ENTERING.fetch_add(1, Ordering::SeqCst);
    }
}

fn entered() {
    ENTERING.fetch_sub(1, Ordering::SeqCst);
}

/// Ends what runs in the background, within half a second.
#[pyfunction]
pub(crate) fn shutdown(py: Python<'_>) {
    let _first = LEAVING.set(std::thread::current().id());
    SHUT.store(true, Ordering::SeqCst);
    let running = runtime::take();
    py.detach(|| {
        let until = Instant::now() + PATIENCE;
        while RUNNING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(running) = running {
            running.stop(until);
        }
        while ENTERING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Is the interpreter being taken down?
pub(crate) fn is_shut() -> bool {
    SHUT.load(Ordering::SeqCst)
}
