//! The proxy on real sockets.

mod faults;
mod normal;
mod support;
mod swap;
mod wire;
