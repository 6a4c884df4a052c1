//! Answers that are read piece by piece. Nothing is read ahead: a piece is asked for when the caller wants it, and until then the server waits.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::Notify;
use waypost::Error;
use waypost::binding::Opened;
use waypost::drive::blocking::BlockingStream;
use waypost::drive::scripted::ScriptedStream;
use waypost::engine::Envelope;

use crate::answer::Answer;
use crate::client::waited;
use crate::failed::failed;
use crate::process;
use crate::queue::{Outcome, Queue};
use crate::runtime;
use crate::scripted::Played;

fn closed() -> Error {
    Error::config("the stream is closed")
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Stream {
    envelope: Envelope,
    source: Mutex<Option<Source>>,
    closed: AtomicBool,
}

enum Source {
    Blocking(Here<BlockingStream>),
    Scripted(ScriptedStream),
}

impl Stream {
    pub(crate) fn blocking(stream: BlockingStream) -> Self {
        Self::new(stream.envelope().clone(), Some(Source::Blocking(Here::new(stream))))
    }

    pub(crate) fn scripted(played: Played) -> Self {
        Self::new(played.envelope, played.stream.map(Source::Scripted))
    }

    const fn new(envelope: Envelope, source: Option<Source>) -> Self {
        Self { envelope, source: Mutex::new(source), closed: AtomicBool::new(false) }
    }

    fn source(&self) -> MutexGuard<'_, Option<Source>> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Stream {
    #[getter]
    fn answer(&self) -> Answer {
        Answer::new(self.envelope.clone())
    }

    fn chunk<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let piece = waited(py, |interrupted| {
            let mut source = self.source();
            if self.closed.load(Ordering::SeqCst) {
                return Err(closed());
            }
            let piece = match &mut *source {
                Some(Source::Blocking(stream)) => {
                    stream.get().chunk(&mut || self.closed.load(Ordering::SeqCst) || interrupted())
                }
                Some(Source::Scripted(stream)) => stream.chunk(),
                None => Ok(None),
            };
            if !matches!(piece, Ok(Some(_))) {
                *source = None;
            }
            piece
        })?;
        Ok(piece.map(|piece| PyBytes::new(py, &piece)))
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Whoever reads at the moment sees it soon, and lets go.
        if let Ok(mut source) = self.source.try_lock() {
            *source = None;
        }
    }
}

/// What belongs to this process: a forked child lets its parent's be. A runtime cannot be dropped within another, so it is dropped elsewhere then.
struct Here<T: Send + 'static> {
    process: u32,
    held: ManuallyDrop<T>,
}

impl<T: Send + 'static> Here<T> {
    fn new(held: T) -> Self {
        Self { process: process::id(), held: ManuallyDrop::new(held) }
    }

    fn get(&mut self) -> &mut T {
        &mut self.held
    }
}

impl<T: Send + 'static> Drop for Here<T> {
    #[allow(unsafe_code, reason = "a value that must sometimes not be dropped")]
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        // SAFETY: nothing uses the value after its holder's drop, and it is taken once.
        let held = unsafe { ManuallyDrop::take(&mut self.held) };
        if tokio::runtime::Handle::try_current().is_ok() {
            std::thread::spawn(move || drop(held));
        }
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct AsyncStream {
    process: u32,
    envelope: Envelope,
    shared: Arc<Shared>,
}

/// A stream's half that the engine's thread knows.
pub(crate) struct Shared {
    source: tokio::sync::Mutex<Option<Pieces>>,
    closed: AtomicBool,
    closing: Notify,
}

pub(crate) enum Pieces {
    Live(Opened),
    Scripted(ScriptedStream),
}

impl AsyncStream {
    pub(crate) fn live(opened: Opened) -> Self {
        Self::new(opened.envelope().clone(), Some(Pieces::Live(opened)))
    }

    pub(crate) fn scripted(played: Played) -> Self {
        Self::new(played.envelope, played.stream.map(Pieces::Scripted))
    }

    fn new(envelope: Envelope, source: Option<Pieces>) -> Self {
        let source = tokio::sync::Mutex::new(source);
        Self {
            process: process::id(),
            envelope,
            shared: Arc::new(Shared { source, closed: AtomicBool::new(false), closing: Notify::new() }),
        }
    }
}

impl Shared {
    async fn chunk(&self) -> Result<Outcome, Error> {
        let closing = self.closing.notified();
        let read = async {
            let mut source = self.source.lock().await;
            let piece = match &mut *source {
                Some(Pieces::Live(opened)) => opened.chunk().await,
                Some(Pieces::Scripted(stream)) => stream.chunk(),
                None => Ok(None),
            };
            if !matches!(piece, Ok(Some(_))) {
                *source = None;
            }
            piece
        };
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed());
        }
        let (read, closing) = (std::pin::pin!(read), std::pin::pin!(closing));
        match futures_util::future::select(read, closing).await {
            futures_util::future::Either::Left((piece, _)) => Ok(Outcome::Piece(piece?)),
            futures_util::future::Either::Right(_) => Err(closed()),
        }
    }
}

#[pymethods]
impl AsyncStream {
    #[getter]
    fn answer(&self) -> Answer {
        Answer::new(self.envelope.clone())
    }

    #[pyo3(signature = (queue, /))]
    fn submit_chunk(&self, py: Python<'_>, queue: &Bound<'_, Queue>) -> PyResult<u64> {
        let runtime = runtime::handle(py).map_err(|error| failed(py, &error))?;
        let shared = Arc::clone(&self.shared);
        Ok(queue.get().inner().run(&runtime, async move {
            let piece = shared.chunk().await;
            if shared.closed.load(Ordering::SeqCst) {
                *shared.source.lock().await = None;
            }
            Outcome::of(piece)
        }))
    }

    fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        if self.process != process::id() {
            return;
        }
        self.shared.closing.notify_waiters();
        if let Ok(mut source) = self.shared.source.try_lock() {
            *source = None;
        }
    }
}

impl Drop for AsyncStream {
    fn drop(&mut self) {
        // In a forked child it is the parent's connection that would be closed.
        if self.process != process::id() {
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}
