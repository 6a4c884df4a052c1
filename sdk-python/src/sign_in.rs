//! A sign-in's steps. Sending and waiting are the package's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use waypost::binding;

use crate::failed::failed;

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct SignInSteps {
    steps: Mutex<binding::SignInSteps>,
}

#[pymethods]
impl SignInSteps {
    #[new]
    #[pyo3(signature = (settings, /))]
    fn new(py: Python<'_>, settings: &[u8]) -> PyResult<Self> {
        let steps = binding::SignInSteps::begin(settings).map_err(|error| failed(py, &error))?;
        Ok(Self { steps: Mutex::new(steps) })
    }

    #[pyo3(signature = (event, unix_s, /))]
    fn next<'py>(&self, py: Python<'py>, event: &[u8], unix_s: f64) -> PyResult<Bound<'py, PyBytes>> {
        let unix = Duration::try_from_secs_f64(unix_s).unwrap_or_default();
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let step = steps.next(event, unix).map_err(|error| failed(py, &error))?;
        Ok(PyBytes::new(py, step.to_string().as_bytes()))
    }
}
