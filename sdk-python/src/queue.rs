//! What is finished for one event loop. The engine's thread puts outcomes in and makes a descriptor readable; the loop's thread takes all of them out at once.
//! Nothing in it belongs to Python until then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use waypost::engine::Envelope;

use crate::answer::Answer;
use crate::exit;
use crate::failed::{panicked, reported};
use crate::hooks::{Asked, Hook};
use crate::stream::AsyncStream;

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Queue {
    inner: Arc<Inner>,
}

/// What became of a call.
pub(crate) enum Outcome {
    Answer(Envelope),
    Stream(AsyncStream),
    Piece(Option<Bytes>),
    Failed(Vec<u8>),
    /// Nothing yet: its middleware is wanted.
    Asked(Asked),
}

/// The half that the engine's thread knows.
pub(crate) struct Inner {
    process: u32,
    done: Mutex<Vec<(u64, Outcome)>>,
    filled: Condvar,
    /// Somebody waits for `filled`: telling nobody would cost a system call each time.
    awaited: AtomicBool,
    wake: Wake,
    next: AtomicU64,
    tasks: Mutex<HashMap<u64, AbortHandle>>,
    closed: AtomicBool,
}

tokio::task_local! {
    /// The call that the present task makes.
    pub(crate) static CALL: (u64, Arc<Inner>);
}

impl Inner {
    /// Runs `work`, whose outcome will be found under the number that this answers.
    pub(crate) fn run(
        self: &Arc<Self>,
        runtime: &Handle,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> u64 {
        let id = self.number();
        let inner = Arc::clone(self);
        let work = CALL.scope((id, Arc::clone(self)), async move {
            let outcome = std::panic::AssertUnwindSafe(work).catch_unwind().await;
            inner.finish(id, outcome.unwrap_or_else(|panic| Outcome::Failed(panicked(&*panic))));
        });
        // Held over the beginning, or a task that is done at once would leave its handle behind.
        let mut tasks = lock(&self.tasks);
        tasks.insert(id, runtime.spawn(work).abort_handle());
        id
    }

    /// An outcome that is there already.
    pub(crate) fn at_once(&self, outcome: Outcome) -> u64 {
        let id = self.number();
        self.put(id, outcome);
        id
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn finish(&self, id: u64, outcome: Outcome) {
        // One that was cancelled meanwhile is wanted by nobody.
        if lock(&self.tasks).remove(&id).is_some() {
            self.put(id, outcome);
        }
    }

    pub(crate) fn put(&self, id: u64, outcome: Outcome) {
        let mut done = lock(&self.done);
        let first = done.is_empty();
        done.push((id, outcome));
        drop(done);
        if first {
            self.wake.up();
            if self.awaited.load(Ordering::SeqCst) {
                self.filled.notify_all();
            }
        }
    }

    /// Is it of this process? In a forked child the tasks are the parent's, and locks may be held by threads that do not exist.
    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if !self.is_ours() {
            return;
        }
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks.into_values() {
            task.abort();
        }
        lock(&self.done).clear();
        self.filled.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub(crate) const fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

#[pymethods]
impl Queue {
    #[new]
    fn new() -> PyResult<Self> {
        let inner = Inner {
            process: std::process::id(),
            done: Mutex::default(),
            filled: Condvar::new(),
            awaited: AtomicBool::new(false),
            wake: Wake::new()?,
            next: AtomicU64::new(1),
            tasks: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    #[getter]
    fn fd(&self) -> i32 {
        self.inner.wake.fd()
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.inner.wake.clear();
        let done = std::mem::take(&mut *lock(&self.inner.done));
        let list = PyList::empty(py);
        for (id, outcome) in done {
            list.append((id, outcome.into_python(py)?))?;
        }
        Ok(list)
    }

    fn wait(&self, py: Python<'_>) -> bool {
        exit::detached(py, || {
            let inner = &self.inner;
            let closed = || inner.closed.load(Ordering::SeqCst);
            // Under the lock, so that what is put in after this is told of.
            let done = lock(&inner.done);
            inner.awaited.store(true, Ordering::SeqCst);
            let waited =
                inner.filled.wait_while(done, |done| done.is_empty() && !closed() && !exit::is_shut());
            drop(waited);
            !closed() && !exit::is_shut()
        })
    }

    #[pyo3(signature = (id, /))]
    fn cancel(&self, id: u64) {
        if !self.inner.is_ours() {
            return;
        }
        let task = lock(&self.inner.tasks).remove(&id);
        if let Some(task) = task {
            task.abort();
        }
    }

    fn close(&self) {
        self.inner.close();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.inner.close();
        if !self.inner.is_ours() {
            std::mem::forget(Arc::clone(&self.inner));
        }
    }
}

impl Outcome {
    /// A call's success or failure.
    pub(crate) fn of(result: Result<Self, waypost::Error>) -> Self {
        result.unwrap_or_else(|error| Self::Failed(waypost::binding::report(&error)))
    }

    fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Answer(envelope) => Bound::new(py, Answer::new(envelope))?.into_any(),
            Self::Stream(stream) => Bound::new(py, stream)?.into_any(),
            Self::Piece(Some(piece)) => PyBytes::new(py, &piece).into_any(),
            Self::Piece(None) => py.None().into_bound(py),
            Self::Failed(report) => reported(py, &report).into_value(py).into_bound(py).into_any(),
            Self::Asked(asked) => Bound::new(py, Hook::new(asked))?.into_any(),
        })
    }
}

/// Makes a descriptor readable.
#[cfg(any(target_os = "linux", target_os = "android"))]
struct Wake(std::os::fd::OwnedFd);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Wake {
    fn new() -> std::io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.0)
    }

    fn up(&self) {
        // A counter that is full is readable as well.
        let _full = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _empty = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// As an eventfd, with a pipe.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
struct Wake {
    read: std::os::fd::OwnedFd,
    write: std::os::fd::OwnedFd,
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
impl Wake {
    fn new() -> std::io::Result<Self> {
        use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            fcntl_setfd(end, FdFlags::CLOEXEC)?;
            ioctl_fionbio(end, true)?;
        }
        Ok(Self { read, write })
    }

    fn fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.read)
    }

    fn up(&self) {
        // A pipe that is full is readable as well.
        let _full = rustix::io::write(&self.write, &[1]);
    }

    fn clear(&self) {
        let _empty = rustix::io::read(&self.read, &mut [0; 64]);
    }
}

/// Where no loop watches descriptors, a thread waits in `Queue.wait`.
#[cfg(not(unix))]
struct Wake;

#[cfg(not(unix))]
impl Wake {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    fn fd(&self) -> i32 {
        -1
    }

    fn up(&self) {}

    fn clear(&self) {}
}
