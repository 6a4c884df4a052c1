//! Middleware that is Python. A synchronous call runs it on its own thread, with the GIL taken again for as long; an asynchronous one hands it to the thread
//! of its event loop and waits for what it answers, so that the engine's thread stays away from the interpreter.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tokio::sync::oneshot;
use waypost::Error;
use waypost::binding::{Interceptor, Seen};
use waypost::engine::Headers;
use waypost::transport::BoxFuture;

use crate::answer::headers;
use crate::exit::attached;
use crate::queue::{CALL, Outcome};
use crate::store::{Kept, Told, kept};

thread_local! {
    /// What middleware of the call on this thread raised: it is what the call raises.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// What middleware raised since this was asked last.
pub(crate) fn raised() -> Option<PyErr> {
    RAISED.take()
}

/// Lets the call on this thread end with what Python code of it raised.
pub(crate) fn raise(error: PyErr) -> Error {
    RAISED.set(Some(error));
    Error::config("middleware raised an exception")
}

/// A client's functions.
pub(crate) struct Functions {
    before: Option<Py<PyAny>>,
    after: Option<Py<PyAny>>,
}

/// Knows a client's functions.
pub(crate) struct Hooks {
    functions: Arc<Functions>,
}

impl Hooks {
    /// `None` where there is nothing to call.
    pub(crate) fn interceptor(
        before: Option<Py<PyAny>>,
        after: Option<Py<PyAny>>,
    ) -> Option<Arc<dyn Interceptor>> {
        if before.is_none() && after.is_none() {
            return None;
        }
        Some(Arc::new(Self { functions: Arc::new(Functions { before, after }) }))
    }

    async fn ask(&self, seen: Seen) -> Result<Headers, Error> {
        if self.functions.of(&seen).is_none() {
            return Ok(Headers::new());
        }
        let functions = Arc::clone(&self.functions);
        let Ok((id, queue)) = CALL.try_with(Clone::clone) else {
            return attached(|py| {
                let exchange = Exchange { seen };
                functions
                    .run(py, exchange)
                    .and_then(|value| at_once(&value))
                    .and_then(|value| answered(&value))
                    .map_err(raise)
            });
        };
        let (reply, replied) = oneshot::channel();
        let function = Function::Middleware { seen: Box::new(seen), functions, reply };
        queue.put(0, Outcome::Asked(Asked { call: id, function }));
        match replied.await {
            Ok(Some(headers)) => Ok(headers),
            Ok(None) => Err(Error::config("middleware raised an exception")),
            Err(_) => Err(Error::config("middleware was not run: its event loop is gone")),
        }
    }
}

impl Interceptor for Hooks {
    fn before(&self, seen: Seen) -> BoxFuture<'_, Result<Headers, Error>> {
        Box::pin(self.ask(seen))
    }

    fn after(&self, seen: Seen) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // What it raised is kept and raised at the call's end.
            let _raised = self.ask(seen).await;
        })
    }
}

impl Functions {
    fn of(&self, seen: &Seen) -> Option<&Py<PyAny>> {
        if is_before(seen) { self.before.as_ref() } else { self.after.as_ref() }
    }

    fn run<'py>(&self, py: Python<'py>, exchange: Exchange) -> PyResult<Bound<'py, PyAny>> {
        match self.of(&exchange.seen) {
            Some(function) => function.bind(py).call1((Bound::new(py, exchange)?,)),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

const fn is_before(seen: &Seen) -> bool {
    seen.answer.is_none() && seen.failure.is_none()
}

/// What a function of a synchronous client answered. A coroutine is run as far as it goes without waiting, which is all that a script needs.
pub(crate) fn at_once<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !value.hasattr("send")? {
        return Ok(value.clone());
    }
    match value.call_method1("send", (value.py().None(),)) {
        Ok(_waits) => {
            value.call_method0("close")?;
            Err(PyRuntimeError::new_err(
                "this middleware or token store waits for something, which it can do in asynchronous calls to a server only",
            ))
        }
        Err(stop) if stop.is_instance_of::<pyo3::exceptions::PyStopIteration>(value.py()) => {
            stop.value(value.py()).getattr("value")
        }
        Err(error) => Err(error),
    }
}

/// What a function answered: nothing, or pairs of header name and value.
fn answered(value: &Bound<'_, PyAny>) -> PyResult<Headers> {
    if value.is_none() {
        return Ok(Headers::new());
    }
    let wrong = || {
        PyTypeError::new_err(format!(
            "middleware returns None or pairs of header name and value, not {}",
            value.get_type()
        ))
    };
    if value.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    let mut headers = Headers::new();
    for pair in value.try_iter().map_err(|_| wrong())? {
        let (name, value): (String, String) = pair?.extract().map_err(|_| wrong())?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// An asynchronous call that waits for its middleware, or for a token store.
pub(crate) struct Asked {
    pub(crate) call: u64,
    pub(crate) function: Function,
}

/// What is to be run, and who waits for what it answers.
pub(crate) enum Function {
    Middleware { seen: Box<Seen>, functions: Arc<Functions>, reply: oneshot::Sender<Option<Headers>> },
    Store { told: Told, reply: oneshot::Sender<Kept> },
}

/// Runs once.
enum Run {
    Middleware(Seen, Arc<Functions>),
    Store(Told),
}

enum Reply {
    Middleware(oneshot::Sender<Option<Headers>>),
    Store(oneshot::Sender<Kept>),
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Hook {
    call: u64,
    run: Mutex<Option<Run>>,
    reply: Mutex<Option<Reply>>,
}

impl Hook {
    pub(crate) fn new(asked: Asked) -> Self {
        let (run, reply) = match asked.function {
            Function::Middleware { seen, functions, reply } => {
                (Run::Middleware(*seen, functions), Reply::Middleware(reply))
            }
            Function::Store { told, reply } => (Run::Store(told), Reply::Store(reply)),
        };
        Self { call: asked.call, run: Mutex::new(Some(run)), reply: Mutex::new(Some(reply)) }
    }
}

fn take<T>(mutex: &Mutex<Option<T>>) -> Option<T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[pymethods]
impl Hook {
    #[getter]
    const fn id(&self) -> u64 {
        self.call
    }

    fn run<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match take(&self.run) {
            Some(Run::Middleware(seen, functions)) => functions.run(py, Exchange { seen }),
            Some(Run::Store(told)) => told.run(py),
            None => Err(PyRuntimeError::new_err("this hook ran already")),
        }
    }

    #[pyo3(signature = (value, /))]
    fn answer(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // The call may have been cancelled meanwhile. A value that is none of these is raised, and what waits for it is dropped with its call.
        match take(&self.reply) {
            Some(Reply::Middleware(reply)) => {
                let raised = value.is_instance_of::<PyBaseException>();
                let headers = if raised { None } else { Some(answered(value)?) };
                let _gone = reply.send(headers);
            }
            Some(Reply::Store(reply)) => {
                let _gone = reply.send(kept(value)?);
            }
            None => {}
        }
        Ok(())
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Exchange {
    seen: Seen,
}

#[pymethods]
impl Exchange {
    #[getter]
    const fn operation(&self) -> &'static str {
        self.seen.operation.id
    }

    #[getter]
    const fn attempt(&self) -> u32 {
        self.seen.attempt
    }

    #[getter]
    const fn method(&self) -> &'static str {
        self.seen.method
    }

    #[getter]
    fn url(&self) -> &str {
        &self.seen.url
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        headers(py, &self.seen.headers)
    }

    #[getter]
    fn status(&self) -> Option<u16> {
        self.seen.answer.as_ref().map(|head| head.status)
    }

    #[getter]
    fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &self.seen.answer {
            Some(head) => headers(py, &head.headers),
            None => Ok(PyList::empty(py)),
        }
    }

    #[getter]
    fn elapsed_s(&self) -> f64 {
        self.seen.elapsed.as_secs_f64()
    }

    #[getter]
    fn failure(&self) -> Option<&'static str> {
        self.seen.failure.as_ref().map(|failure| failure.kind.as_str())
    }

    #[getter]
    fn message(&self) -> Option<&str> {
        self.seen.failure.as_ref().map(|failure| failure.message.as_str())
    }

    fn __repr__(&self) -> String {
        let url = waypost::engine::redact::url(&self.seen.url);
        format!(
            "<Exchange {} {} {url}, attempt {}>",
            self.seen.operation.id, self.seen.method, self.seen.attempt
        )
    }
}
