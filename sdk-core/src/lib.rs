//! The Waypost SDK for Rust, and the engine under the Python, Node and browser SDKs.

pub mod engine;
