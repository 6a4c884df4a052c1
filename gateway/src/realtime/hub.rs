//! What all sockets of a gateway share: rooms, counts, the end, and the broadcasts that any node writes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, broadcast, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::end::End;
use super::room::{Push, Room};
use super::storage::{self, StoredBroadcast};
use crate::Gateway;
use crate::http::Identity;
use crate::secrets::id;
use crate::store::clock::to_rfc3339;
use crate::store::{StoreError, System};

/// How often it looks for changed credentials, and for broadcasts of other nodes.
const LOOK: Duration = Duration::from_secs(1);

/// Broadcasts that are read at once.
const BATCH: i64 = 64;

/// The sockets of one gateway.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Counts changes of credentials: each socket asks again whose its own is.
    pub(super) changes: watch::Sender<u64>,
    pub(super) closing: watch::Sender<bool>,
    /// How many sockets there are.
    open: watch::Sender<usize>,
    /// A broadcast was written by this process.
    written: Notify,
}

#[derive(Default)]
struct State {
    rooms: HashMap<String, Room>,
    addresses: HashMap<IpAddr, u32>,
    following: bool,
}

/// A socket's place at its address; given back when it is dropped.
pub(super) struct Place {
    gateway: Arc<Gateway>,
    address: IpAddr,
}

/// A socket's seat in its tenant's room; given back when it is dropped.
pub(super) struct Seat {
    gateway: Arc<Gateway>,
    tenant_id: String,
    pub(super) receive: broadcast::Receiver<Arc<Push>>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hub").field("open", &*self.open.borrow()).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Told<'a> {
    r#type: &'static str,
    id: &'a str,
    scope: &'static str,
    topic: &'a str,
    time: String,
    data: &'a RawValue,
}

impl Hub {
    /// Nothing is done under this lock that could leave what it guards half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a socket of this address, if it may have one more.
    pub(super) fn place(gateway: &Arc<Gateway>, address: IpAddr) -> Result<Place, End> {
        let most = gateway.config.realtime.sockets_per_address;
        let hub = &gateway.realtime;
        let mut state = hub.state();
        let count = state.addresses.entry(address).or_default();
        if *count >= most {
            return Err(End::TooManySockets);
        }
        *count += 1;
        hub.open.send_modify(|open| *open += 1);
        if !std::mem::replace(&mut state.following, true) {
            let begun = id::first_at("brc", gateway.store.now());
            tokio::spawn(follow(Arc::downgrade(gateway), begun));
        }
        Ok(Place { gateway: Arc::clone(gateway), address })
    }

    /// Takes a seat in the room of the caller's tenant, if it may have one more.
    pub(super) fn enter(gateway: &Arc<Gateway>, identity: &Arc<Identity>) -> Result<Seat, End> {
        let tenant_id = &identity.tenant_id;
        let mut state = gateway.realtime.state();
        if !state.rooms.contains_key(tenant_id) {
            // What the bus has not told of yet, it tells of with the waiter there.
            let after = gateway.events.position();
            let waiter = gateway.events.wait(tenant_id, usize::MAX).ok_or(End::TooManySockets)?;
            state.rooms.insert(tenant_id.clone(), Room::open(gateway, Arc::clone(identity), waiter, after));
        }
        let room = state.rooms.get_mut(tenant_id).ok_or(End::Internal)?;
        if room.sockets >= gateway.config.realtime.sockets_per_tenant {
            return Err(End::TooManySockets);
        }
        room.sockets += 1;
        let receive = room.send.subscribe();
        Ok(Seat { gateway: Arc::clone(gateway), tenant_id: tenant_id.clone(), receive })
    }

    /// Has every node's sockets told of a broadcast that was just written: those of this one at once.
    pub(super) fn written(&self) {
        self.written.notify_one();
    }

    /// Ends all sockets with 1001.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until all sockets have said goodbye, but not for long.
    pub(crate) async fn closed(&self, patience: Duration) {
        let mut open = self.open.subscribe();
        let _gone_or_not = tokio::time::timeout(patience, open.wait_for(|open| *open == 0)).await;
    }

    fn tell(&self, broadcast: &StoredBroadcast) -> Result<(), StoreError> {
        let data: &RawValue = serde_json::from_str(&broadcast.data)?;
        let told = Told {
            r#type: "broadcast",
            id: &broadcast.id,
            scope: if broadcast.tenant_id.is_some() { "tenant" } else { "server" },
            topic: &broadcast.topic,
            time: to_rfc3339(broadcast.created_at),
            data,
        };
        let push = Arc::new(Push::Broadcast(Utf8Bytes::from(serde_json::to_string(&told)?)));
        let state = self.state();
        let rooms: Vec<&Room> = match &broadcast.tenant_id {
            Some(tenant_id) => state.rooms.get(tenant_id).into_iter().collect(),
            None => state.rooms.values().collect(),
        };
        for room in rooms {
            // Nobody may listen at the moment.
            let _sent = room.send.send(Arc::clone(&push));
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let hub = &self.gateway.realtime;
        let mut state = hub.state();
        if let Some(count) = state.addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                state.addresses.remove(&self.address);
            }
        }
        hub.open.send_modify(|open| *open -= 1);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.gateway.realtime.state();
        if let Some(room) = state.rooms.get_mut(&self.tenant_id) {
            room.sockets -= 1;
            if room.sockets == 0 {
                state.rooms.remove(&self.tenant_id);
            }
        }
    }
}

/// From the first socket on, for as long as the gateway is there.
async fn follow(gateway: Weak<Gateway>, mut after: String) {
    loop {
        let Some(gateway) = gateway.upgrade() else { return };
        let hub = &gateway.realtime;
        let changes = gateway.auth.known.changes();
        hub.changes.send_if_modified(|seen| std::mem::replace(seen, changes) != changes);
        if let Err(error) = round(&gateway, &mut after).await {
            tracing::warn!(%error, "broadcasts could not be read; it will be tried again");
        }
        if *hub.closing.borrow() {
            return;
        }
        let _written_or_not = tokio::time::timeout(LOOK, hub.written.notified()).await;
    }
}

/// Tells of the broadcasts that are there.
async fn round(gateway: &Gateway, after: &mut String) -> Result<(), StoreError> {
    let readers = gateway.store.system(System::Events);
    loop {
        let broadcasts = storage::broadcasts(readers, after, BATCH).await?;
        let Some(last) = broadcasts.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for broadcast in &broadcasts {
            gateway.realtime.tell(broadcast)?;
        }
    }
}
