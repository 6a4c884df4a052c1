//! A request at the program around the proxy: what the pipeline knows of it, what the program tells of it, and the pipeline's limits, which wait until the
//! program has found out who calls.

use std::sync::{Arc, Mutex, PoisonError};

use crate::limit::{Decision, Quota};
use crate::proxy::Shared;
use crate::snapshot::Snapshot;
use crate::{Caller, Exchange, Refusal};

/// A request at the program. A clone is the same request.
#[derive(Debug, Clone)]
pub struct Visit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    exchange: Exchange,
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    route: usize,
    told: Mutex<Told>,
}

/// What the program found out.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) code: Option<&'static str>,
    pub(crate) limited: Option<Decision>,
}

impl Visit {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        snapshot: &Arc<Snapshot>,
        route: usize,
        exchange: &Exchange,
    ) -> Self {
        let (shared, snapshot) = (Arc::clone(shared), Arc::clone(snapshot));
        Self(Arc::new(Inner { exchange: exchange.clone(), shared, snapshot, route, told: Mutex::default() }))
    }

    /// The request as the pipeline knows it.
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// Which of the program's endpoints it asks for. Logs and analytics show it, so there must be a bounded number of them.
    pub fn asks_for(&self, endpoint: &Arc<str>) {
        self.tell(|told| told.endpoint = Some(Arc::clone(endpoint)));
    }

    /// The code of the problem that is answered.
    pub fn refused(&self, code: &'static str) {
        self.tell(|told| told.code = Some(code));
    }

    /// Counts the call for who makes it, by their tier and by the route's own limits; nobody is counted by address. It costs `cost` times what the route says,
    /// but no more than the tier's smallest window allows, so that a dear call is possible at all. The answer's headers will say what is left.
    ///
    /// # Errors
    /// 429 where a limit is used up.
    pub async fn count(&self, caller: Option<Arc<Caller>>, cost: u32) -> Result<(), Refusal> {
        let Inner { exchange, shared, snapshot, route, .. } = &*self.0;
        let Some(route) = snapshot.route(*route) else { return Ok(()) };
        self.tell(|told| told.caller.clone_from(&caller));
        if cost == 0 {
            return Ok(());
        }
        let most = snapshot.tiers.of(caller.as_deref()).map_or(u32::MAX, Quota::smallest);
        let policy = route.edge.limit.times(cost, most);
        let counted = Exchange { caller, ..Exchange::from(exchange.client, exchange.at) };
        match shared.admit(snapshot, &policy, &counted).await {
            Some(decision) if decision.allowed() => self.tell(|told| told.limited = Some(decision)),
            Some(decision) => return Err(decision.refusal()),
            None => {}
        }
        Ok(())
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut self.0.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the program told; it is taken.
    pub(crate) fn told(&self) -> Told {
        std::mem::take(&mut self.0.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
