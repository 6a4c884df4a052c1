//! WebSockets: a tenant's events and what is broadcast, pushed to whoever is connected.
//!
//! A socket is one task that owns its connection ([`socket`]). Sockets of a tenant share a [`room`]: one task reads the tenant's events behind the bus,
//! writes each once, and every socket takes the same bytes. [`hub`] holds the rooms and what is the same for all: limits, the end, broadcasts of other nodes.
//! [`upgrade`] is how a request becomes a socket, [`credential`] who is behind one and for how long.
//!
//! What does not live here: events themselves and who may see which (`events`), the pipeline that a request walks before (`http`, `waypost-proxy`).

mod credential;
mod end;
mod handler;
mod hub;
mod room;
mod session;
mod socket;
mod storage;
pub(crate) mod upgrade;

pub(crate) use hub::Hub;
