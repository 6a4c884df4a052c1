//! A successful answer. What of it nobody asks for is never made into a Python object.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use waypost::binding;
use waypost::engine::{Body, Envelope, Headers};

use crate::failed::failed;

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Answer {
    envelope: Envelope,
}

impl Answer {
    pub(crate) const fn new(envelope: Envelope) -> Self {
        Self { envelope }
    }
}

#[pymethods]
impl Answer {
    #[getter]
    const fn status(&self) -> u16 {
        self.envelope.status
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        match &self.envelope.body {
            Body::Bytes(bytes) => PyBytes::new(py, bytes),
            Body::Stream => PyBytes::new(py, &[]),
        }
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        headers(py, &self.envelope.headers)
    }

    #[pyo3(signature = (name, /))]
    fn header(&self, name: &str) -> Option<&str> {
        self.envelope.headers.get(name)
    }

    #[getter]
    fn request_id(&self) -> Option<&str> {
        self.envelope.request_id.as_deref()
    }

    #[getter(from_cache)]
    const fn is_from_cache(&self) -> bool {
        self.envelope.from_cache
    }

    #[getter]
    fn attempts<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &binding::attempts(&self.envelope.attempts))
    }

    #[getter]
    const fn retried(&self) -> bool {
        self.envelope.attempts.len() > 1
    }

    #[getter]
    const fn operation(&self) -> &'static str {
        self.envelope.operation.id
    }

    #[getter]
    const fn method(&self) -> &'static str {
        self.envelope.operation.method
    }

    #[getter]
    fn url(&self) -> String {
        binding::url(&self.envelope).to_owned()
    }

    #[pyo3(signature = (message, /))]
    fn undecodable<'py>(&self, py: Python<'py>, message: &str) -> Bound<'py, PyAny> {
        let error = binding::undecodable(&self.envelope, message);
        failed(py, &error).into_value(py).into_bound(py).into_any()
    }

    fn __repr__(&self) -> String {
        format!("<Answer {} {}>", self.envelope.operation.id, self.envelope.status)
    }
}

/// Headers as a list of pairs. Their names are few, and so are interned.
pub(crate) fn headers<'py>(py: Python<'py>, headers: &Headers) -> PyResult<Bound<'py, PyList>> {
    PyList::new(
        py,
        headers.iter().map(|(name, value)| (PyString::intern(py, name), value)).collect::<Vec<_>>(),
    )
}
