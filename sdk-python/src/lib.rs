//! The native half of the Python package: the engine behind a module of a few classes, which `python/waypost/_native.pyi` documents.
//!
//! Promises: threads of the engine never attach to the interpreter, so nothing of it can hold up or crash an interpreter that ends; a call waits without the
//! GIL; a forked process begins with fresh connections; a panic becomes an exception that says where to report it.
//!
//! What decides anything about a call is in the engine. Here is only the crossing.

mod answer;
mod client;
mod events;
mod exit;
mod failed;
mod hooks;
mod process;
mod pure;
mod queue;
mod runtime;
mod scripted;
mod stream;

use pyo3::prelude::*;

/// See `_native.pyi`. It asks a free-threaded interpreter for its GIL: what is kept across a fork is guarded by it.
#[pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_export]
    use crate::answer::Answer;
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::events::Events;
    #[pymodule_export]
    use crate::exit::shutdown;
    #[pymodule_export]
    use crate::failed::{Failed, refusal};
    #[pymodule_export]
    use crate::hooks::{Exchange, Hook};
    #[pymodule_export]
    use crate::pure::{
        Pager, define, describe, is_secret_name, operations, policy, redact_header, redact_text, redact_url,
        webhook_sign, webhook_verify,
    };
    #[pymodule_export]
    use crate::queue::Queue;
    #[pymodule_export]
    use crate::scripted::{Attempted, Reply, Scripted};
    #[pymodule_export]
    use crate::stream::{AsyncStream, Stream};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", waypost::binding::VERSION)?;
        module.add("VARIABLES", PyTuple::new(module.py(), waypost::binding::VARIABLES)?)
    }
}
