//! What needs no client: operations, vectors, webhooks, redaction, paging.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use waypost::binding::{self, Refusal};
use waypost::engine::redact;

use crate::failed::failed;

#[pyfunction]
#[pyo3(signature = (operation, /))]
pub(crate) fn define(py: Python<'_>, operation: &[u8]) -> PyResult<String> {
    binding::define(operation).map_err(|error| failed(py, &error))
}

#[pyfunction]
pub(crate) fn operations() -> Vec<&'static str> {
    waypost::operations::OPERATIONS.iter().map(|operation| operation.id).collect()
}

#[pyfunction]
#[pyo3(signature = (operation, /))]
pub(crate) fn describe<'py>(py: Python<'py>, operation: &str) -> Option<Bound<'py, PyBytes>> {
    let operation = binding::find(operation).ok()?;
    Some(PyBytes::new(py, binding::describe(operation).to_string().as_bytes()))
}

#[pyfunction]
#[pyo3(signature = (runner, input, /))]
pub(crate) fn policy<'py>(py: Python<'py>, runner: &str, input: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let input = serde_json::from_slice(input)
        .map_err(|error| PyValueError::new_err(format!("the input of {runner} is not JSON: {error}")))?;
    let outcome = binding::policy(runner, &input)
        .ok_or_else(|| PyValueError::new_err(format!("there is no pure runner {runner:?}")))?;
    Ok(PyBytes::new(py, outcome.to_string().as_bytes()))
}

fn refused(refusal: Refusal) -> PyErr {
    PyValueError::new_err((refusal.word, refusal.message))
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[pyfunction]
#[pyo3(signature = (secrets, id, timestamp, body, /))]
pub(crate) fn webhook_sign(secrets: Vec<String>, id: &str, timestamp: u64, body: &[u8]) -> PyResult<String> {
    binding::sign(&texts(&secrets), id, timestamp, body).map_err(refused)
}

#[pyfunction]
#[pyo3(signature = (secrets, id, timestamp, signature, body, now, tolerance_s, /))]
pub(crate) fn webhook_verify(
    secrets: Vec<String>,
    id: Option<&str>,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: u64,
    tolerance_s: u64,
) -> PyResult<(String, u64)> {
    let (now, tolerance) = (Duration::from_secs(now), Duration::from_secs(tolerance_s));
    binding::verify(&texts(&secrets), [id, timestamp, signature], body, now, tolerance)
        .map(|delivery| (delivery.id, delivery.timestamp))
        .map_err(refused)
}

#[pyfunction]
#[pyo3(signature = (url, /))]
pub(crate) fn redact_url(url: &str) -> String {
    redact::url(url).into_owned()
}

#[pyfunction]
#[pyo3(signature = (name, value, /))]
pub(crate) fn redact_header(name: &str, value: &str) -> String {
    redact::header(name, value).to_owned()
}

#[pyfunction]
#[pyo3(signature = (text, secrets, /))]
pub(crate) fn redact_text(text: &str, secrets: Vec<String>) -> String {
    redact::scrub(text, &texts(&secrets))
}

#[pyfunction]
#[pyo3(signature = (name, /))]
pub(crate) fn is_secret_name(name: &str) -> bool {
    redact::is_secret_name(name)
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Pager {
    pager: Mutex<waypost::engine::Pager>,
}

impl Pager {
    fn pager(&self) -> MutexGuard<'_, waypost::engine::Pager> {
        self.pager.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Pager {
    #[new]
    #[pyo3(signature = (cursor = None, /))]
    fn new(cursor: Option<String>) -> Self {
        Self { pager: Mutex::new(waypost::engine::Pager::new(cursor)) }
    }

    #[getter]
    fn finished(&self) -> bool {
        self.pager().next().is_none()
    }

    #[getter]
    fn cursor(&self) -> Option<String> {
        self.pager().next().flatten().map(str::to_owned)
    }

    #[pyo3(signature = (next_cursor, has_more, /))]
    fn advance(&self, py: Python<'_>, next_cursor: Option<&str>, has_more: bool) -> PyResult<()> {
        self.pager().advance(next_cursor, has_more).map_err(|error| failed(py, &error))
    }
}
