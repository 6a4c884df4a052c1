//! The addon under the package `waypost` for Node: the engine of `sdk-core`, on the border that `ts/backend.ts` describes and `ts/backends/native.ts` speaks.
//! It is private to the package; a JavaScript program never sees it.
//!
//! # The border
//!
//! JavaScript calls a method with an id that it chose and forgets about it; what comes of it comes back as an event of that id, through one queue for an
//! environment, as many at once as there are. No promise, no thread-safe function and no object is made for a call here.
//!
//! # The threads
//!
//! On Linux, Node's loop watches a descriptor of ours (`watch`), and the first calls at once are made on the JavaScript thread itself (`here`): a request is written
//! before `call` returns, its answer read when the loop says so. Of more than that the engine's thread makes the rest (`runtime`): each thread then has half of the
//! work. Where the loop is another (Windows, macOS, Bun) the engine's thread makes all of them, and tells of them by one weak thread-safe function. Either handle
//! is held only while an event is awaited: that lets an idle process end and keeps one with a call alive.
//!
//! TABLE
//! `benches/run` measures the package as a whole beside its peers.
#![allow(unsafe_code)] // Turning values into JavaScript's, and saying whether the process is to stay alive. Each place says why it is sound.

mod calls;
pub mod client;
pub mod engine;
mod here;
mod questions;
mod queue;
mod runtime;
mod told;
pub mod value;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod watch;
