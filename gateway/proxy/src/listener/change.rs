//! Listeners that a new configuration adds or takes away. The addresses of new ones are taken before the configuration holds: one that cannot be taken is a
//! fault of it, and nothing changes. Those that are gone stop as on shutdown: what is under way ends. One that is written otherwise than before takes over the
//! sockets of the one that was there, with the connections that wait in them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Bound, bind_one, written};
use crate::Config;
use crate::config::{Fault, Listener};

/// What a configuration changes.
#[derive(Debug)]
pub(crate) struct Change {
    pub(super) added: Vec<Bound>,
    pub(super) gone: Vec<Listener>,
}

/// The way to whoever serves, if somebody does.
#[derive(Debug, Default)]
pub(crate) struct Changes(Mutex<Option<UnboundedSender<Change>>>);

impl Changes {
    /// From now on changes come here.
    pub(super) fn take(&self) -> UnboundedReceiver<Change> {
        let (sender, receiver) = unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Takes the addresses of what is new; nothing is accepted yet.
    pub(crate) fn prepare(&self, before: &Config, after: &Config) -> Result<Option<Change>, Vec<Fault>> {
        let served =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|to| !to.is_closed());
        if !served || before.listeners == after.listeners {
            return Ok(None);
        }
        let mut gone = written(before);
        let new: Vec<_> = written(after)
            .into_iter()
            .enumerate()
            .filter(|(_, listener)| match gone.iter().position(|known| known == listener) {
                Some(stays) => {
                    gone.swap_remove(stays);
                    false
                }
                None => true,
            })
            .collect();
        let (mut added, mut faults) = (Vec::new(), Vec::new());
        for (index, listener) in new {
            let succeeds = gone.iter().any(|old| old.address == listener.address);
            let bound = if succeeds { Bound::successor(listener) } else { bind_one(listener) };
            match bound {
                Ok(bound) => added.push(bound),
                Err(error) => {
                    let fault = Fault::new(format!("this cannot be listened on: {error}"));
                    faults.push(fault.under(index).under("listeners"));
                }
            }
        }
        if faults.is_empty() { Ok(Some(Change { added, gone })) } else { Err(faults) }
    }

    /// Has it carried out.
    pub(crate) fn carry_out(&self, change: Change) {
        if let Some(to) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // Whoever served may just have ended; then nobody listens anyway.
            let _ = to.send(change);
        }
    }
}
