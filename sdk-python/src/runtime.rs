//! Where asynchronous calls run: one thread of this process, which never attaches to the interpreter. It is started by the first call, and anew in a forked
//! child.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use waypost::Error;

/// Locked only while attached, as in `process`.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The thread.
pub(crate) struct Running {
    process: u32,
    handle: Handle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// The runtime of this process.
pub(crate) fn handle() -> Result<Handle, Error> {
    if crate::exit::is_shut() {
        return Err(Error::config("the interpreter is ending; no further asynchronous call can be made"));
    }
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(running) = running.as_ref().filter(|running| running.process == process) {
        return Ok(running.handle.clone());
    }
    let (handle, stop, thread) = start().map_err(|error| {
        Error::config(format!("the thread for asynchronous calls cannot be started: {error}"))
    })?;
    // A parent's thread does not exist here, and its sockets are not ours to close.
    std::mem::forget(running.replace(Running { process, handle: handle.clone(), stop, thread }));
    Ok(handle)
}

/// Takes it out, to stop it.
pub(crate) fn take() -> Option<Running> {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    if running.process == std::process::id() {
        return Some(running);
    }
    std::mem::forget(running);
    None
}

fn start() -> std::io::Result<(Handle, oneshot::Sender<()>, JoinHandle<()>)> {
    let runtime = Builder::new_current_thread().enable_all().thread_name("waypost").build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("waypost".to_owned()).spawn(move || {
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
