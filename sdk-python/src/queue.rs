//! What is finished for one event loop. Whoever finishes it puts an outcome in and makes a descriptor readable; the loop's thread takes all of them out at
//! once. Nothing in it belongs to Python until then. Calls run on the loop's thread as well, where it can be had (`waypost::drive::turn`), else on the engine's.

use std::collections::HashMap;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
#[cfg(any(target_os = "linux", target_os = "android"))]
use waypost::drive::placed::Placed;
#[cfg(any(target_os = "linux", target_os = "android"))]
use waypost::drive::turn::{Here, Task, Turns};
use waypost::engine::Envelope;

use crate::answer::Answer;
use crate::client::Prepared;
use crate::exit;
use crate::failed::{panicked, reported};
use crate::hooks::{Asked, Hook};
use crate::process;
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
    tasks: Mutex<HashMap<u64, Running>>,
    closed: AtomicBool,
}

/// So many calls at once are made on the loop's thread. Of more the engine's thread does its half for many at a time, beside the loop, and the wake-ups that
/// it costs are shared among them: 50 at once take a fifth less processor time there.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FEW: usize = 4;

/// A call that is under way.
enum Running {
    /// On the engine's thread.
    There(AbortHandle),
    /// On the loop's.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Here(Arc<Task>),
}

impl Running {
    fn end(self) {
        match self {
            Self::There(task) => task.abort(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Here(task) => task.end(),
        }
    }
}

tokio::task_local! {
    /// The call that the present task makes.
    pub(crate) static CALL: (u64, Arc<Inner>);
}

impl Inner {
    /// Makes a call: on the loop's thread if that is ours to use and has few, and then what can be written at once is written when this returns.
    pub(crate) fn call(self: &Arc<Self>, py: Python<'_>, runtime: &Handle, prepared: Prepared) -> u64 {
        let Prepared { client, operation, arguments, options } = prepared;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.is_ours()
            && let Some(placed) = self.wake.placed(runtime)
            && lock(&self.tasks).len() < FEW
        {
            let id = self.number();
            let work = self.finishing(id, async move {
                Outcome::of(placed.call(&client, operation, &arguments, &options).await.map(Outcome::Answer))
            });
            lock(&self.tasks).insert(id, Running::Here(self.wake.turns.start(Box::pin(work))));
            self.turn(py, false);
            return id;
        }
        let _in_place = py;
        self.run(runtime, async move {
            Outcome::of(client.call(operation, &arguments, &options).await.map(Outcome::Answer))
        })
    }

    /// Runs what can go on of the calls on the loop's thread. Without `look` it has not been asked for what is done.
    fn turn(&self, py: Python<'_>, look: bool) {
        if self.is_ours() && !exit::is_shut() {
            self.wake.turn(py, look);
            if !look && !lock(&self.done).is_empty() {
                self.wake.up();
            }
        }
    }

    /// `work`, with its outcome put in.
    fn finishing(
        self: &Arc<Self>,
        id: u64,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(self);
        CALL.scope((id, Arc::clone(self)), async move {
            let outcome = std::panic::AssertUnwindSafe(work).catch_unwind().await;
            inner.finish(id, outcome.unwrap_or_else(|panic| Outcome::Failed(panicked(&*panic))));
        })
    }

    /// Runs `work` on the engine's thread, whose outcome will be found under the number that this answers.
    pub(crate) fn run(
        self: &Arc<Self>,
        runtime: &Handle,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> u64 {
        let id = self.number();
        let work = self.finishing(id, work);
        // Held over the beginning, or a task that is done at once would leave its handle behind.
        let mut tasks = lock(&self.tasks);
        tasks.insert(id, Running::There(runtime.spawn(work).abort_handle()));
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
        self.process == process::id()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        if !self.is_ours() {
            return;
        }
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks.into_values() {
            task.end();
        }
        self.wake.close();
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
            process: process::id(),
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

    fn watched(&self) {
        self.inner.wake.watched();
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.inner.turn(py, true);
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
    fn cancel(&self, py: Python<'_>, id: u64) {
        if !self.inner.is_ours() {
            return;
        }
        let task = lock(&self.inner.tasks).remove(&id);
        if let Some(task) = task {
            task.end();
            // Its connection learns of it.
            self.inner.turn(py, false);
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

/// The loop's thread: makes the descriptor readable that it watches, and runs calls.
#[cfg(any(target_os = "linux", target_os = "android"))]
struct Wake {
    turns: Arc<Turns>,
    placed: Arc<Placed>,
    watched: AtomicBool,
    /// What timers and the opening of connections need.
    runtime: OnceLock<Handle>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Wake {
    fn new() -> std::io::Result<Self> {
        let turns = Turns::new()?;
        let placed = Placed::new(Arc::new(Here(Arc::clone(&turns))));
        Ok(Self { turns, placed, watched: AtomicBool::new(false), runtime: OnceLock::new() })
    }

    fn fd(&self) -> i32 {
        self.turns.fd()
    }

    fn up(&self) {
        self.turns.wake();
    }

    /// From now on the loop's thread comes when the descriptor is readable.
    fn watched(&self) {
        self.watched.store(true, Ordering::SeqCst);
    }

    /// Where calls are made, if the loop's thread comes.
    fn placed(&self, runtime: &Handle) -> Option<Arc<Placed>> {
        self.runtime.get_or_init(|| runtime.clone());
        self.watched.load(Ordering::SeqCst).then(|| Arc::clone(&self.placed))
    }

    fn turn(&self, py: Python<'_>, look: bool) {
        if let Some(runtime) = self.runtime.get().filter(|_| self.watched.load(Ordering::SeqCst)) {
            exit::detached(py, || exit::running(|| self.turns.turn(runtime, look)));
        } else if look {
            self.turns.look();
        }
    }

    fn close(&self) {
        // Connections that calls give back go with the pools, and what those leave behind after them.
        self.turns.clear();
        self.placed.clear();
        self.turns.clear();
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

    fn turn(&self, _py: Python<'_>, look: bool) {
        if look {
            let _empty = rustix::io::read(&self.read, &mut [0; 64]);
        }
    }

    fn watched(&self) {}

    fn close(&self) {}
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

    fn turn(&self, _py: Python<'_>, _look: bool) {}

    fn watched(&self) {}

    fn close(&self) {}
}
