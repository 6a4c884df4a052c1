//! The addon under the package `waypost` for Node: the engine of `sdk-core`, on the border that `ts/backend.ts` describes and `ts/backends/native.ts` speaks.
//! It is private to the package; a JavaScript program never sees it.
//!
//! # The border
//!
//! JavaScript calls a method with an id that it chose and forgets about it; what comes of it comes back as an event of that id, through one queue for an
//! environment, as many at once as there are. No promise, no thread-safe function and no object is made for a call.
#![allow(unsafe_code)] // Turning values into JavaScript's, and saying whether the process is to stay alive. Each place says why it is sound.

mod calls;
pub mod client;
pub mod engine;
mod questions;
mod queue;
mod runtime;
mod told;
pub mod value;
