//! The vectors of `openapi/vectors`, compiled to wasm by `.ci/wasm-build` and run by `run.mjs` with nothing but `WebAssembly.instantiate`: the module imports
//! nothing, which proves that the engine asks no clock, no random source and no runtime for anything.

// The symbols are this module's border to JavaScript, which has no types for Rust to check: that is the "unsafe" of an exported name. There is no other.
#![allow(unsafe_code)]

#[path = "../../it/vectors/mod.rs"]
mod vectors;

use std::sync::OnceLock;

static REPORT: OnceLock<(usize, usize, String)> = OnceLock::new();

fn report() -> &'static (usize, usize, String) {
    REPORT.get_or_init(|| {
        let report = vectors::run();
        (report.cases, report.failures.len(), report.failures.join("\n"))
    })
}

/// Runs every vector; how many there are.
#[unsafe(no_mangle)]
pub extern "C" fn cases() -> usize {
    report().0
}

/// How many did not hold.
#[unsafe(no_mangle)]
pub extern "C" fn failures() -> usize {
    report().1
}

/// Where the text that tells of the failures begins in the module's memory.
#[unsafe(no_mangle)]
pub extern "C" fn text() -> *const u8 {
    report().2.as_ptr()
}

/// How many bytes it has.
#[unsafe(no_mangle)]
pub extern "C" fn text_length() -> usize {
    report().2.len()
}
