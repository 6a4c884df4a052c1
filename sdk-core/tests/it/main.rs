//! The SDK against real sockets: every fault a network has, on both transports; the client's own surface; and the parity of its two typed clients.

mod answers;
mod behaviour;
mod connections;
mod faults;
mod parity;
mod progenitor;
mod properties;
mod secure;
mod support;
mod surface;
mod vectors;
