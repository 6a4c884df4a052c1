//! Where asynchronous calls run: one thread of this process, which never attaches to the interpreter. It is started by the first call, and anew in a forked
//! child.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use waypost::Error;
use waypost::drive::pulse::Pulse;

use crate::exit;

/// Locked only while attached, as in `process`.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The thread.
pub(crate) struct Running {
    process: u32,
    handle: Handle,
    pulse: Arc<Pulse>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// The runtime of this process, for a call that is about to begin. A thread that is left over when the interpreter ends waits for the end, as one does
/// whose call ends then: what it would be told is nobody's mistake, and would be printed.
pub(crate) fn handle(py: Python<'_>) -> Result<Handle, Error> {
    if exit::is_shut() {
        exit::detached(py, || ());
        return Err(Error::config("the interpreter is ending; no further asynchronous call can be made"));
    }
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let process = crate::process::id();
    if let Some(running) = running.as_ref().filter(|running| running.process == process) {
        running.pulse.call();
        return Ok(running.handle.clone());
    }
    let pulse = Arc::new(Pulse::default());
    pulse.call();
    let (handle, stop, thread) = start(&pulse).map_err(|error| {
        Error::config(format!("the thread for asynchronous calls cannot be started: {error}"))
    })?;
    // A parent's thread does not exist here, and its sockets are not ours to close.
    std::mem::forget(running.replace(Running { process, handle: handle.clone(), pulse, stop, thread }));
    Ok(handle)
}

/// Takes it out, to stop it.
pub(crate) fn take() -> Option<Running> {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    if running.process == crate::process::id() {
        return Some(running);
    }
    std::mem::forget(running);
    None
}

fn start(pulse: &Arc<Pulse>) -> std::io::Result<(Handle, oneshot::Sender<()>, JoinHandle<()>)> {
    let pulse = Arc::clone(pulse);
    let runtime = Builder::new_current_thread().enable_all().thread_name("waypost").build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("waypost".to_owned()).spawn(move || {
        runtime.spawn(async move { pulse.beat().await });
        // A sender that is dropped stops it as well.
        let _stopped = runtime.block_on(stopped);
        runtime.shutdown_timeout(Duration::from_millis(100));
    })?;
    Ok((handle, stop, thread))
}

impl Running {
    /// Ends every call, and waits for it until then.
    pub(crate) fn stop(self, until: Instant) {
        drop(self.stop);
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
