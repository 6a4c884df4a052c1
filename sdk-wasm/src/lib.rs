//! The engine as a wasm module: it plans, JavaScript makes the requests. One message goes in, one comes out, and between the two runs nothing but the
//! attempt loop of the crate `waypost`: no `fetch`, no timer, no clock and no randomness is imported, so the module imports nothing at all. Time and random
//! bytes come with the messages.
//!
//! ```text
//! JavaScript: room(length) -> where to write the message -> one of client, start, next, close, define -> length of the answer, at answer()
//! ```
//!
//! Why there is no wasm-bindgen: the border is these eight functions of numbers. Written by hand it has a quarter of the glue, needs no tool of a very version
//! (minutes of building on every machine that builds this), and the module loads the same way in a page, a worker, an edge runtime and Node.

// An exported name is the module's border to JavaScript, which has no types for Rust to check: that is the "unsafe" of it. There is no other.
#![allow(unsafe_code)]

mod answer;
mod engine;
mod operation;
mod settings;
mod value;

use std::cell::RefCell;

use engine::Engine;
use value::{Value, Writer};

// SAFETY: the module is built without threads, so no two of them can allocate at once.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::AssumeSingleThreaded<lol_alloc::FreeListAllocator> =
    unsafe { lol_alloc::AssumeSingleThreaded::new(lol_alloc::FreeListAllocator::new()) };

#[derive(Default)]
struct Border {
    engine: Engine,
    /// JavaScript writes here.
    message: Vec<u8>,
    /// And reads here.
    writer: Writer,
}

// A wasm module has one thread, so this is its one state.
thread_local! {
    static BORDER: RefCell<Border> = RefCell::default();
}

/// Hands a message to the engine. The length of its answer.
fn exchange(handle: fn(&mut Engine, &Value<'_>, &mut Writer)) -> usize {
    BORDER.with_borrow_mut(|border| {
        let Border { engine, message, writer } = border;
        writer.message.clear();
        handle(engine, &Value::read(message).unwrap_or(Value::Null), writer);
        writer.message.len()
    })
}

/// Makes room for a message of this many bytes, to be written there before the next exchange.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    BORDER.with_borrow_mut(|border| {
        border.message.clear();
        border.message.resize(length, 0);
        border.message.as_mut_ptr()
    })
}

/// Where the last answer lies, until the next exchange.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    BORDER.with_borrow(|border| border.writer.message.as_ptr())
}

/// The version, as a message.
#[unsafe(no_mangle)]
pub extern "C" fn version() -> usize {
    exchange(|_, _, writer| writer.text(env!("CARGO_PKG_VERSION")))
}

/// Makes a client.
#[unsafe(no_mangle)]
pub extern "C" fn client() -> usize {
    exchange(Engine::client)
}

/// Forgets a client.
#[unsafe(no_mangle)]
pub extern "C" fn close() -> usize {
    exchange(Engine::close)
}

/// Begins a call.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> usize {
    exchange(Engine::start)
}

/// Tells a call what happened.
#[unsafe(no_mangle)]
pub extern "C" fn next() -> usize {
    exchange(Engine::next)
}

/// Describes an operation that is not in the table.
#[unsafe(no_mangle)]
pub extern "C" fn define() -> usize {
    exchange(Engine::define)
}
