//! A server that is a Python function, for the tests of the package's users: the engine's driver on virtual time asks it for each attempt.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use waypost::drive::scripted::{self, Play, ScriptedStream, VirtualTime, script_error};
use waypost::engine::{Envelope, FailureKind, Headers, Request, ResponseHead, Seed, TransportFailure};

use crate::answer::headers;
use crate::client::{Prepared, bytes};
use crate::failed::failed;
use crate::hooks::{raise, raised};

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Scripted {
    answer: Py<PyAny>,
    seed: Option<[u8; 32]>,
    unix: Duration,
    state: Mutex<State>,
}

struct State {
    time: VirtualTime,
    waits: Vec<Duration>,
    cancel_after: Option<Duration>,
    calls: u64,
}

/// A success.
pub(crate) struct Played {
    pub(crate) envelope: Envelope,
    pub(crate) stream: Option<ScriptedStream>,
}

impl Scripted {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays a call; raises its error.
    pub(crate) fn play(this: &Bound<'_, Self>, call: &Prepared) -> PyResult<Played> {
        Self::played(this, call)?.map_err(|error| failed(this.py(), &error))
    }

    /// Plays a call. The outer error is what Python code raised.
    pub(crate) fn played(
        this: &Bound<'_, Self>,
        call: &Prepared,
    ) -> PyResult<Result<Played, waypost::Error>> {
        let (py, script) = (this.py(), this.get());
        // The lock is not held while Python runs: it may ask for the time.
        let (mut time, play) = {
            let mut state = script.state();
            state.calls += 1;
            let play = Play { seed: script.seed_of(state.calls), cancel_after: state.cancel_after.take() };
            (state.time, play)
        };
        let played = scripted::call(
            &call.client,
            &mut time,
            call.operation,
            &call.arguments,
            &call.options,
            play,
            &mut |attempted| {
                script.state().time.catch_up(attempted.now.elapsed);
                let asked = Attempted {
                    operation: attempted.operation.id,
                    attempt: attempted.attempt,
                    request: attempted.request.clone(),
                    timeout: attempted.timeout,
                    elapsed: attempted.now.elapsed,
                };
                let reply = script.answer.bind(py).call1((asked,)).and_then(|reply| {
                    Ok(reply.cast_into::<Reply>().map_err(PyErr::from)?.get().reply.clone())
                });
                reply.map_err(|error| {
                    let _told = raise(error);
                    script_error("the script raised an exception")
                })
            },
        );
        let mut state = script.state();
        state.time.catch_up(time.now().elapsed);
        state.waits = played.waits;
        drop(state);
        if let Some(error) = raised() {
            return Err(error);
        }
        Ok(played.outcome.map(|envelope| Played { envelope, stream: played.stream }))
    }

    /// Each call's own, or all would have the same idempotency key.
    fn seed_of(&self, call: u64) -> Option<Seed> {
        let mut seed = self.seed?;
        for half in [0, 16] {
            for (place, byte) in seed.iter_mut().skip(half).zip(call.to_be_bytes()) {
                *place ^= byte;
            }
        }
        Some(Seed(seed))
    }
}

fn millis(value: f64, what: &str) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value / 1000.0).map_err(|_| {
        PyValueError::new_err(format!("{what} is a number of milliseconds from 0 on, not {value}"))
    })
}

fn in_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[pymethods]
impl Scripted {
    #[new]
    #[pyo3(signature = (answer, /, seed = None, unix_s = 1_700_000_000.0))]
    fn new(answer: Py<PyAny>, seed: Option<&[u8]>, unix_s: f64) -> PyResult<Self> {
        let seed = seed
            .map(|seed| {
                <[u8; 32]>::try_from(seed)
                    .map_err(|_| PyValueError::new_err(format!("seed has {} bytes; give it 32", seed.len())))
            })
            .transpose()?;
        let unix = millis(unix_s * 1000.0, "unix_s")?;
        let state = State { time: VirtualTime::new(unix), waits: Vec::new(), cancel_after: None, calls: 0 };
        Ok(Self { answer, seed, unix, state: Mutex::new(state) })
    }

    #[getter]
    fn elapsed_ms(&self) -> f64 {
        in_millis(self.state().time.now().elapsed)
    }

    #[getter]
    fn unix_s(&self) -> f64 {
        (self.unix + self.state().time.now().elapsed).as_secs_f64()
    }

    #[getter]
    fn waits_ms(&self) -> Vec<f64> {
        self.state().waits.iter().copied().map(in_millis).collect()
    }

    #[pyo3(signature = (ms, /))]
    fn advance(&self, ms: f64) -> PyResult<()> {
        self.state().time.advance(millis(ms, "a time to let pass")?);
        Ok(())
    }

    #[pyo3(signature = (ms, /))]
    fn cancel_after(&self, ms: Option<f64>) -> PyResult<()> {
        self.state().cancel_after = ms.map(|ms| millis(ms, "a time to give up after")).transpose()?;
        Ok(())
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Attempted {
    operation: &'static str,
    attempt: u32,
    request: Request,
    timeout: Duration,
    elapsed: Duration,
}

#[pymethods]
impl Attempted {
    #[getter]
    const fn operation(&self) -> &'static str {
        self.operation
    }

    #[getter]
    const fn attempt(&self) -> u32 {
        self.attempt
    }

    #[getter]
    const fn method(&self) -> &'static str {
        self.request.method
    }

    #[getter]
    fn url(&self) -> &str {
        &self.request.url
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        headers(py, &self.request.headers)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.request.body)
    }

    #[getter]
    fn timeout_ms(&self) -> f64 {
        in_millis(self.timeout)
    }

    #[getter]
    fn elapsed_ms(&self) -> f64 {
        in_millis(self.elapsed)
    }

    fn __repr__(&self) -> String {
        format!("<Attempted {:?}, attempt {}>", self.request, self.attempt)
    }
}

/// See `_native.pyi`.
#[pyclass(frozen, module = "waypost._native")]
pub(crate) struct Reply {
    reply: scripted::Reply,
}

#[pymethods]
impl Reply {
    #[new]
    #[pyo3(signature = (
        status = 200, headers = Vec::new(), body = None, *, after_ms = 0.0, body_after_ms = 0.0, failure = None, bytes_sent = true,
        message = None, body_failure = None
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        status: u16,
        #[pyo3(from_py_with = pairs)] headers: Vec<(String, String)>,
        body: Option<&Bound<'_, PyAny>>,
        after_ms: f64,
        body_after_ms: f64,
        failure: Option<&str>,
        bytes_sent: bool,
        message: Option<&str>,
        body_failure: Option<&str>,
    ) -> PyResult<Self> {
        let failed = |word: &str| match FailureKind::parse(word) {
            Some(kind) => {
                Ok(TransportFailure::new(kind, bytes_sent, message.unwrap_or("as the script has it")))
            }
            None => Err(PyValueError::new_err(format!(
                "there is no failure {word:?}; it is one of connect, tls, reset, interrupted, timeout, protocol, request"
            ))),
        };
        let headers: Headers = headers.into_iter().collect();
        let head = match failure {
            Some(word) => Err(failed(word)?),
            None => Ok(ResponseHead { status, headers }),
        };
        let body = match (body_failure, body) {
            (Some(word), _) => Err(failed(word)?),
            (None, Some(body)) => Ok(bytes(body)?),
            (None, None) => Ok(Bytes::new()),
        };
        let after = millis(after_ms, "after_ms")?;
        let body_after = millis(body_after_ms, "body_after_ms")?;
        Ok(Self { reply: scripted::Reply { after, head, body_after, body } })
    }
}

fn pairs(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    value.try_iter()?.map(|pair| pair?.extract()).collect()
}
