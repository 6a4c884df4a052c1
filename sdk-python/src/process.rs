//! The engine's client, as this process may use it. A forked child shares sockets and locks with its parent, so it lets its parent's client be, without even
//! dropping it, and makes one of its own from the same settings.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use waypost::Error;
use waypost::binding::{Interceptor, Settings};

/// The process's id, or 0: to ask the system several times a call would show.
static ID: AtomicU32 = AtomicU32::new(0);

/// The process that this is.
pub(crate) fn id() -> u32 {
    match ID.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            ID.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// The interpreter calls this first thing in a forked child.
#[pyfunction]
pub(crate) fn forked() {
    ID.store(0, Ordering::Relaxed);
}

/// A client and how to make it again.
pub(crate) struct Origin {
    made_of: Made,
    /// Locked only while attached, so that no other thread can hold it in the moment of a fork.
    present: Mutex<Present>,
}

enum Made {
    Root { settings: Settings, interceptor: Option<Arc<dyn Interceptor>>, closed: AtomicBool },
    Derived { parent: Arc<Origin>, settings: Settings },
}

struct Present {
    process: u32,
    client: Option<waypost::Client>,
}

impl Origin {
    pub(crate) fn root(
        settings: Settings,
        interceptor: Option<Arc<dyn Interceptor>>,
    ) -> Result<Arc<Self>, Error> {
        Self::new(Made::Root { settings, interceptor, closed: AtomicBool::new(false) })
    }

    pub(crate) fn derive(parent: &Arc<Self>, settings: Settings) -> Result<Arc<Self>, Error> {
        Self::new(Made::Derived { parent: Arc::clone(parent), settings })
    }

    /// Makes the client at once: a mistake in its settings is told when it is made.
    fn new(made_of: Made) -> Result<Arc<Self>, Error> {
        let origin = Self { made_of, present: Mutex::new(Present { process: 0, client: None }) };
        origin.client()?;
        Ok(Arc::new(origin))
    }

    /// This process's client.
    pub(crate) fn client(&self) -> Result<waypost::Client, Error> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let process = id();
        if present.process == process
            && let Some(client) = &present.client
        {
            return Ok(client.clone());
        }
        let client = match &self.made_of {
            Made::Root { settings, interceptor, .. } => settings.client(interceptor.clone())?,
            Made::Derived { parent, settings } => settings.derive(&parent.client()?)?,
        };
        if self.is_closed() {
            client.close();
        }
        std::mem::forget(present.client.replace(client.clone()));
        present.process = process;
        Ok(client)
    }

    /// Closes it, and whatever shares its connections.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.closed().store(true, Ordering::SeqCst);
        self.client()?.close();
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed().load(Ordering::SeqCst)
    }

    fn closed(&self) -> &AtomicBool {
        match &self.made_of {
            Made::Root { closed, .. } => closed,
            Made::Derived { parent, .. } => parent.closed(),
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let present = self.present.get_mut().unwrap_or_else(PoisonError::into_inner);
        if present.process != id() {
            std::mem::forget(present.client.take());
        }
    }
}
