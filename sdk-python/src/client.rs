//! The client: what a call needs is taken out of Python objects here, the engine makes the call, and its outcome goes back.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use waypost::Error;
use waypost::binding::{self, Settings};
use waypost::drive::blocking;
use waypost::engine::{Arguments, CallOptions, Operation, redact};

use crate::answer::Answer;
use crate::exit::{attached, detached};
use crate::failed::{caught, failed, guarded, reported};
use crate::hooks::{Hooks, raised};
use crate::process::Origin;
use crate::queue::{Outcome, Queue};
use crate::runtime;
use crate::scripted::Scripted;
use crate::store::Store;
use crate::stream::{AsyncStream, Stream};

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Client {
    origin: Arc<Origin>,
    scripted: Option<Py<Scripted>>,
    hooked: bool,
}

/// A call that can be made.
pub(crate) struct Prepared {
    pub(crate) client: waypost::Client,
    pub(crate) operation: &'static Operation,
    pub(crate) arguments: Arguments,
    pub(crate) options: CallOptions,
}

impl Client {
    /// The outer error is a mistake at the border, the inner one a mistake in the call.
    fn prepare(
        &self,
        operation: &str,
        parameters: &Bound<'_, PyTuple>,
        body: Option<&Bound<'_, PyAny>>,
        options: Option<&[u8]>,
    ) -> PyResult<Result<Prepared, Error>> {
        let mut pairs = Vec::with_capacity(parameters.len());
        for pair in parameters.iter_borrowed() {
            let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair.extract()?;
            pairs.push((name, value));
        }
        let mut texts = Vec::with_capacity(pairs.len());
        for (name, value) in &pairs {
            texts.push((name.to_str()?, value.to_str()?));
        }
        let body = body.map(bytes).transpose()?;
        Ok(self.origin.client().and_then(|client| {
            let operation = binding::find(operation)?;
            let arguments = binding::arguments(operation, texts, body);
            Ok(Prepared { client, operation, arguments, options: binding::options(options)? })
        }))
    }

    fn scripted<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, Scripted>> {
        self.scripted.as_ref().map(|scripted| scripted.bind(py))
    }
}

/// A body, copied: the engine reads it when the interpreter may change or free it.
pub(crate) fn bytes(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Bytes::copy_from_slice(text.to_str()?.as_bytes()));
    }
    Err(PyTypeError::new_err(format!("a body is bytes or str, not {}", value.get_type())))
}

/// Waits for `work` without the GIL, and asks now and then whether a signal came.
pub(crate) fn waited<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(blocking::Interrupted<'_>) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let (outcome, signal) = detached(py, || {
        let mut signal = None;
        let outcome = caught(|| {
            work(&mut || {
                signal = attached(|py| py.check_signals().err());
                signal.is_some()
            })
        });
        (outcome, signal)
    });
    if let Some(error) = raised().or(signal) {
        return Err(error);
    }
    outcome.map_err(|report| reported(py, &report))?.map_err(|error| failed(py, &error))
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (settings, /, before = None, after = None, scripted = None, store = None))]
    fn new(
        py: Python<'_>,
        settings: &[u8],
        before: Option<Py<PyAny>>,
        after: Option<Py<PyAny>>,
        scripted: Option<Py<Scripted>>,
        store: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let hooked = before.is_some() || after.is_some() || store.is_some();
        let interceptor = Hooks::interceptor(before, after);
        let settings = Settings::parse(settings).map(|settings| match store {
            Some(store) => settings.with_token_store(Store::of(store)),
            None => settings,
        });
        let origin = settings.and_then(|settings| Origin::root(settings, interceptor));
        Ok(Self { origin: origin.map_err(|error| failed(py, &error))?, scripted, hooked })
    }

    #[pyo3(signature = (settings, /))]
    fn derive(&self, py: Python<'_>, settings: &[u8]) -> PyResult<Self> {
        let origin = Settings::parse(settings).and_then(|settings| Origin::derive(&self.origin, settings));
        let origin = origin.map_err(|error| failed(py, &error))?;
        let scripted = self.scripted.as_ref().map(|scripted| scripted.clone_ref(py));
        Ok(Self { origin, scripted, hooked: self.hooked })
    }

    #[pyo3(signature = (operation, parameters, body, options, /))]
    fn call(
        &self,
        py: Python<'_>,
        operation: &str,
        parameters: &Bound<'_, PyTuple>,
        body: Option<&Bound<'_, PyAny>>,
        options: Option<&[u8]>,
    ) -> PyResult<Answer> {
        guarded(py, || {
            let prepared =
                self.prepare(operation, parameters, body, options)?.map_err(|error| failed(py, &error))?;
            if let Some(scripted) = self.scripted(py) {
                return Ok(Answer::new(Scripted::play(scripted, &prepared)?.envelope));
            }
            let Prepared { client, operation, arguments, options } = prepared;
            let envelope = waited(py, |interrupted| {
                blocking::call(&client, operation, &arguments, &options, interrupted)
            })?;
            Ok(Answer::new(envelope))
        })
    }

    #[pyo3(signature = (operation, parameters, body, options, /))]
    fn open(
        &self,
        py: Python<'_>,
        operation: &str,
        parameters: &Bound<'_, PyTuple>,
        body: Option<&Bound<'_, PyAny>>,
        options: Option<&[u8]>,
    ) -> PyResult<Stream> {
        guarded(py, || {
            let prepared =
                self.prepare(operation, parameters, body, options)?.map_err(|error| failed(py, &error))?;
            if let Some(scripted) = self.scripted(py) {
                return Ok(Stream::scripted(Scripted::play(scripted, &prepared)?));
            }
            let Prepared { client, operation, arguments, options } = prepared;
            let stream = waited(py, |interrupted| {
                blocking::open(&client, operation, &arguments, &options, interrupted)
            })?;
            Ok(Stream::blocking(stream))
        })
    }

    #[pyo3(signature = (queue, operation, parameters, body, options, /))]
    fn submit(
        &self,
        py: Python<'_>,
        queue: &Bound<'_, Queue>,
        operation: &str,
        parameters: &Bound<'_, PyTuple>,
        body: Option<&Bound<'_, PyAny>>,
        options: Option<&[u8]>,
    ) -> PyResult<u64> {
        guarded(py, || {
            let prepared = self.prepare(operation, parameters, body, options)?;
            let inner = queue.get().inner();
            if let (Some(scripted), Ok(prepared)) = (self.scripted(py), &prepared) {
                let played = Scripted::played(scripted, prepared)?;
                return Ok(inner.at_once(Outcome::of(played.map(|played| Outcome::Answer(played.envelope)))));
            }
            Ok(match prepared.and_then(|prepared| Ok((prepared, runtime::handle(py)?))) {
                Ok((prepared, runtime)) => inner.call(py, &runtime, prepared),
                Err(error) => inner.at_once(Outcome::of(Err(error))),
            })
        })
    }

    #[pyo3(signature = (queue, operation, parameters, body, options, /))]
    fn submit_open(
        &self,
        py: Python<'_>,
        queue: &Bound<'_, Queue>,
        operation: &str,
        parameters: &Bound<'_, PyTuple>,
        body: Option<&Bound<'_, PyAny>>,
        options: Option<&[u8]>,
    ) -> PyResult<u64> {
        guarded(py, || {
            let prepared = self.prepare(operation, parameters, body, options)?;
            let inner = queue.get().inner();
            if let (Some(scripted), Ok(prepared)) = (self.scripted(py), &prepared) {
                let played = Scripted::played(scripted, prepared)?;
                return Ok(inner.at_once(Outcome::of(
                    played.map(|played| Outcome::Stream(AsyncStream::scripted(played))),
                )));
            }
            Ok(match prepared.and_then(|prepared| Ok((prepared, runtime::handle(py)?))) {
                Ok((Prepared { client, operation, arguments, options }, runtime)) => {
                    inner.run(&runtime, async move {
                        let opened = binding::open(&client, operation, &arguments, &options).await;
                        Outcome::of(opened.map(|opened| Outcome::Stream(AsyncStream::live(opened))))
                    })
                }
                Err(error) => inner.at_once(Outcome::of(Err(error))),
            })
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.origin.close().map_err(|error| failed(py, &error))
    }

    #[getter]
    fn closed(&self) -> bool {
        self.origin.is_closed()
    }

    #[getter]
    const fn hooked(&self) -> bool {
        self.hooked
    }

    #[getter]
    fn base_url(&self, py: Python<'_>) -> PyResult<String> {
        let client = self.origin.client().map_err(|error| failed(py, &error))?;
        Ok(redact::url(&client.options().base_url).into_owned())
    }

    fn __repr__(&self) -> String {
        match self.origin.client() {
            Ok(client) => {
                let options = client.options();
                format!("<Client {} {:?}>", redact::url(&options.base_url), options.credentials)
            }
            Err(_) => "<Client>".to_owned(),
        }
    }
}
