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
//! Measured by turns, 1 KB answers, `JSON.parse` included, the median of three runs on two cores that the server shared (calls a second, CPU µs a call):
//!
//! | calls at once | both threads | the engine's thread alone | `undici.request` |
//! | --- | --- | --- | --- |
//! | 1 | 18,774 and 39 | 8,835 and 93 | 9,175 and 94 |
//! | 8 | 25,518 and 34 | 23,080 and 40 | 18,366 and 48 |
//! | 50 | 27,823 and 41 | 26,338 and 34 | 18,785 and 48 |
//!
//! A socket of Node's own that sends bytes made beforehand and knows nothing of HTTP (`net.connect`, `JSON.parse`) does 39,000 at 50. Of the
//! processor time of a call of ours there, a third is `writev`.
//!
//! `benches/run` measures the package as a whole beside its peers.
#![allow(unsafe_code)] // Turning values into JavaScript's, and saying whether the process is to stay alive. Each place says why it is sound.

mod calls;
pub mod client;
pub mod engine;
mod here;
mod questions;
mod queue;
mod runtime;
mod store;
mod told;
pub mod value;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod watch;
