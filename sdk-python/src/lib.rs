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
mod sign_in;
mod store;
mod stream;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Classes and queues are kept once a process, so they can belong to one interpreter only. Python refuses by itself from 3.12 on.
#[allow(unsafe_code, reason = "pyo3 has no name for the running interpreter")]
fn only_in_the_main_interpreter() -> PyResult<()> {
    // SAFETY: a module is initialised with the interpreter attached, so there is a present one, and both functions only read it.
    let interpreter = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if interpreter == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "waypost cannot be loaded in a sub-interpreter; use it in the main one, or in a process of its own",
    ))
}

/// See `_native.pyi`. It asks a free-threaded interpreter for its GIL: what is kept across a fork is guarded by it.
#[pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;
    use pyo3::types::{IntoPyDict as _, PyTuple};

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
    use crate::process::forked;
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
    use crate::sign_in::SignInSteps;
    #[pymodule_export]
    use crate::store::token_file;
    #[pymodule_export]
    use crate::stream::{AsyncStream, Stream};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::only_in_the_main_interpreter()?;
        // However the interpreter ends, it ends without us.
        module.py().import("atexit")?.call_method1("register", (module.getattr("shutdown")?,))?;
        // A child begins anew.
        let os = module.py().import("os")?;
        if os.hasattr("register_at_fork")? {
            let hooks = [("after_in_child", module.getattr("forked")?)].into_py_dict(module.py())?;
            os.call_method("register_at_fork", (), Some(&hooks))?;
        }
        module.add("__version__", waypost::binding::VERSION)?;
        module.add("VARIABLES", PyTuple::new(module.py(), waypost::binding::VARIABLES)?)
    }
}
