//! The addon under the package `waypost` for Node: the engine of `sdk-core`, on the border that `ts/backend.ts` describes and `ts/backends/native.ts` speaks.
//! It is private to the package; a JavaScript program never sees it.
//!
//! # The border
//!
//! JavaScript calls a method with an id that it chose and forgets about it; what comes of it comes back as an event of that id, through one queue for an
//! environment, as many at once as there are. No promise, no thread-safe function and no object is made for a call here. The queue's one thread-safe function
//! is weak, and held only while an event is awaited: that is what lets an idle process end and keeps one with a call alive.
//!
//! What was measured before this was chosen: 50 calls at once, 1 KB answers, `JSON.parse` included, contenders taking turns on a busy machine of two cores,
//! two runs each:
//!
//! | border | runtime | calls a second | CPU µs a call |
//! | --- | --- | --- | --- |
//! | queue | one thread, tokio's current-thread | 13,226 and 11,050 | 94 and 86 |
//! | napi's `async fn` that returns a string | two workers | 7,242 and 7,989 | 114 and 111 |
//! | queue | two workers | 7,311 and 6,925 | 106 and 119 |
//! | queue | one worker | 4,922 and 5,813 | 155 and 144 |
//! | (`undici.request`) | | 5,676 and 6,587 | 152 and 147 |
//!
//! So the border matters little and the runtime much. The queue stays because napi's promises run on napi's own runtime of workers, and because it says when
//! the process may end. `benches/run` measures the package as a whole beside its peers.
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

/// A call is some fifty allocations, among them a few of kilobytes, for which the C libraries' allocators take their long way.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
