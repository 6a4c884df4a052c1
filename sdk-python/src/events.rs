//! Server-sent events, read from pieces.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use waypost::engine::{ErrorKind, Failure};
use waypost::sse::{Event, Parser};

use crate::failed::failed;

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Events {
    parser: Mutex<Parser>,
}

type Row = (String, String, Option<String>, Option<u64>);

#[pymethods]
impl Events {
    #[new]
    #[pyo3(signature = (limit = 64 * 1024 * 1024, /))]
    fn new(limit: usize) -> Self {
        Self { parser: Mutex::new(Parser::new(limit)) }
    }

    #[pyo3(signature = (piece, /))]
    fn push(&self, py: Python<'_>, piece: &[u8]) -> PyResult<Vec<Row>> {
        let mut parser = self.parser.lock().unwrap_or_else(PoisonError::into_inner);
        parser.push(piece);
        let mut events = Vec::new();
        loop {
            match parser.next() {
                Ok(Some(Event { event, data, id, retry })) => events.push((event, data, id, retry)),
                Ok(None) => return Ok(events),
                Err(error) => {
                    let error = waypost::Error::new(ErrorKind::Decode, Failure::new(error.to_string()));
                    return Err(failed(py, &error));
                }
            }
        }
    }
}
