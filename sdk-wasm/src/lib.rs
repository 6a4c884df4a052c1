//! The engine as a wasm module: it plans, JavaScript makes the requests. Between the two runs nothing but what must be one behaviour in every language:
//! the reading of an operation's row, the writing of requests, and the course of a call. The rows themselves come with the resources that name them, so
//! that the module does not grow with the contract. The module imports nothing: time and random bytes come with the calls, and
//! what every runtime has already (a URL parser, a JSON reader), and what is only said (the texts of errors), is JavaScript's.
//!
//! ```text
//! JavaScript: room(bytes) -> where to write texts -> one of define, client, start, next, close -> numbers(), text()
//! ```
//!
//! Numbers cross as arguments, texts as UTF-8 at `room`, each ended by a byte that UTF-8 has not. What comes back is a number, four more of them at
//! `numbers`, the last of which is the length of the text at `text`.
//!
//! Why there is no wasm-bindgen: the border is these functions of numbers. Written by hand it has a quarter of the glue, needs no tool of a very version
//! (minutes of building on every machine that builds this), and the module loads the same way in a page, a worker, an edge runtime and Node.

// An exported name is the module's border to JavaScript, which has no types for Rust to check: that is the "unsafe" of it. There is no other.
#![allow(unsafe_code)]

mod engine;
mod slab;
mod texts;

use std::cell::RefCell;

use engine::Engine;
use texts::Texts;

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
    answer: Answer,
}

/// What an exchange gives back besides its number.
#[derive(Debug, Default)]
struct Answer {
    numbers: [f64; 4],
    text: String,
}

// A wasm module has one thread, so this is its one state.
thread_local! {
    static BORDER: RefCell<Border> = RefCell::default();
}

fn exchange(length: usize, handle: impl FnOnce(&mut Engine, Texts<'_>, &mut Answer) -> i32) -> i32 {
    BORDER.with_borrow_mut(|border| {
        let Border { engine, message, answer } = border;
        answer.text.clear();
        let told = handle(engine, Texts::of(message.get(..length).unwrap_or_default()), answer);
        let [.., length] = &mut answer.numbers;
        *length = answer.text.len() as f64;
        told
    })
}

/// Room for texts of this many bytes, to be written there before the next exchange.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    BORDER.with_borrow_mut(|border| {
        if border.message.len() < length {
            border.message.resize(length, 0);
        }
        border.message.as_mut_ptr()
    })
}

/// Where the numbers of the last exchange lie.
#[unsafe(no_mangle)]
pub extern "C" fn numbers() -> *const f64 {
    BORDER.with_borrow(|border| border.answer.numbers.as_ptr())
}

/// Where its text lies, until the next exchange.
#[unsafe(no_mangle)]
pub extern "C" fn text() -> *const u8 {
    BORDER.with_borrow(|border| border.answer.text.as_ptr())
}

/// The version, as the text.
#[unsafe(no_mangle)]
pub extern "C" fn version() -> i32 {
    exchange(0, |_, _, answer| {
        answer.text.push_str(env!("CARGO_PKG_VERSION"));
        0
    })
}

/// Describes an operation by its row of the operation table: its number. Its properties are the first number, its method is the text.
#[unsafe(no_mangle)]
pub extern "C" fn define(length: usize) -> i32 {
    exchange(length, |engine, texts, answer| engine.define(texts, answer))
}

/// Makes a client of its settings, which begin with numbers: see [`Engine::client`]. Its number; -1 where a header cannot be sent, with the reasons as the
/// text.
#[unsafe(no_mangle)]
pub extern "C" fn client(length: usize) -> i32 {
    exchange(length, |engine, texts, answer| engine.client(texts, answer))
}

/// Forgets a client.
#[unsafe(no_mangle)]
pub extern "C" fn close(client: usize) {
    exchange(0, |engine, _, _| {
        engine.close(client);
        0
    });
}

/// Begins a call: the first step, and the call's number as the third number. The texts are the seed's 32 bytes and then: idempotency key, media type,
/// trace parent, the names and values of so many `headers`, and those of the arguments.
#[unsafe(no_mangle)]
#[allow(
    clippy::too_many_arguments,
    reason = "an argument costs a page less than a message that is taken apart"
)]
pub extern "C" fn start(
    length: usize,
    client: usize,
    operation: usize,
    body: u32,
    headers: usize,
    timeout: f64,
    deadline: f64,
    retries: f64,
    elapsed: f64,
) -> i32 {
    let begin = engine::Begin { client, operation, body, headers, timeout, deadline, retries, elapsed };
    exchange(length, |engine, texts, answer| engine.start(texts, &begin, answer))
}

/// Tells the tokens of a client what happened: the next step to a token. See [`Engine::token`].
#[unsafe(no_mangle)]
pub extern "C" fn token(client: usize, event: u32, first: f64, second: f64, unix: f64) -> i32 {
    exchange(0, |engine, _, answer| {
        engine.token(client, engine::Told { event, first, second, elapsed: 0.0, unix }, answer)
    })
}

/// Begins a token request of a client, as [`start`] begins a call; it goes on with [`next`]. `draw` is any random number, of jitter.
#[unsafe(no_mangle)]
pub extern "C" fn ask(client: usize, refresh: u32, elapsed: f64, draw: f64) -> i32 {
    exchange(0, |engine, _, answer| engine.ask(client, refresh != 0, elapsed, draw, answer))
}

/// Tells a call what happened: the next step.
#[unsafe(no_mangle)]
pub extern "C" fn next(
    length: usize,
    call: usize,
    event: u32,
    first: f64,
    second: f64,
    elapsed: f64,
    unix: f64,
) -> i32 {
    exchange(length, |engine, texts, answer| {
        engine.next(texts, call, engine::Told { event, first, second, elapsed, unix }, answer)
    })
}
