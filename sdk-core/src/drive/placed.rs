//! The async driver for calls whose connections live at a [`Place`]: an event loop that is not tokio's. Each client has connections of its own there, which go
//! when it is closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::native;
use crate::client::{Client, Identity};
use crate::engine::Plan;
use crate::engine::arguments::Arguments;
use crate::engine::envelope::Envelope;
use crate::engine::error::Error;
use crate::engine::operation::Operation;
use crate::engine::options::CallOptions;
use crate::transport::{Place, Transport};

/// By whose client.
type Transports = Vec<(Arc<Identity>, Arc<dyn Transport>)>;

/// The connections at one place.
#[derive(Debug)]
pub struct Placed {
    place: Arc<dyn Place>,
    transports: Mutex<Transports>,
}

impl Placed {
    /// None yet.
    pub fn new(place: Arc<dyn Place>) -> Arc<Self> {
        Arc::new(Self { place, transports: Mutex::default() })
    }

    /// Calls an operation. The future is to be polled where the place is.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call(
        self: &Arc<Self>,
        client: &Client,
        operation: &'static Operation,
        arguments: &Arguments,
        options: &CallOptions,
    ) -> Result<Envelope, Error> {
        let plan = Plan::new(operation, arguments, client.options(), options, super::seed()?)?;
        // Made first: a client that is closed between the two is seen by one of them.
        let closed = client.closed();
        let transport = self.transport(client)?;
        Ok(native::over(client, &*transport, plan, closed).await?.envelope)
    }

    /// Closes every connection that no call uses.
    pub fn clear(&self) {
        let transports = std::mem::take(&mut *self.transports());
        drop(transports);
    }

    fn transport(self: &Arc<Self>, client: &Client) -> Result<Arc<dyn Transport>, Error> {
        let whole = client.transport()?;
        let identity = client.identity();
        let mut transports = self.transports();
        if let Some((_, known)) = transports.iter().find(|(owner, _)| Arc::ptr_eq(owner, identity)) {
            return Ok(Arc::clone(known));
        }
        // One that has no connections of its own is everywhere.
        let Some(made) = whole.placed(Arc::clone(&self.place)) else { return Ok(whole) };
        transports.push((Arc::clone(identity), Arc::clone(&made)));
        drop(transports);
        let (placed, identity) = (Arc::downgrade(self), Arc::clone(identity));
        self.place.spawn(Box::pin(async move {
            let closed = identity.closed();
            if !identity.is_over() {
                closed.await;
            }
            if let Some(placed) = placed.upgrade() {
                placed.forget(&identity);
            }
        }));
        Ok(made)
    }

    fn forget(&self, identity: &Arc<Identity>) {
        let mut transports = self.transports();
        let place = transports.iter().position(|(owner, _)| Arc::ptr_eq(owner, identity));
        let gone = place.map(|place| transports.swap_remove(place));
        drop(transports);
        drop(gone);
    }

    fn transports(&self) -> MutexGuard<'_, Transports> {
        self.transports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
