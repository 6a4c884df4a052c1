//! The one exception of this module: a report, from which the package makes its typed errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use waypost::binding;

create_exception!(
    waypost._native,
    Failed,
    PyException,
    "A call, or the making of a client, failed; `args[0]` is the report."
);

/// The exception of an error of the engine.
pub(crate) fn failed(py: Python<'_>, error: &waypost::Error) -> PyErr {
    reported(py, &binding::report(error))
}

/// The exception of a report.
pub(crate) fn reported(py: Python<'_>, report: &[u8]) -> PyErr {
    Failed::new_err(PyBytes::new(py, report).unbind())
}

/// The error of a set-up that cannot work, for the package's own checks.
#[pyfunction]
#[pyo3(signature = (message, hint, /))]
pub(crate) fn refusal<'py>(py: Python<'py>, message: &str, hint: &str) -> Bound<'py, PyAny> {
    let failure = waypost::Failure::new(message).advise(hint);
    failed(py, &waypost::Error::Config(Box::new(failure))).into_value(py).into_bound(py).into_any()
}

/// Runs `work`; a panic in it becomes a report of a mistake of ours.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Vec<u8>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(&*panic))
}

/// As [`caught`], for work that is attached and raises.
pub(crate) fn guarded<T>(py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    caught(work).unwrap_or_else(|report| Err(reported(py, &report)))
}

/// The report of a panic.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Vec<u8> {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    binding::internal(what)
}
