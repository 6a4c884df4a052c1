//! What the calls of one client share.

use crate::engine::options::ClientOptions;

/// The state that all calls of a client share: retry budget, breakers, pacing, cache. Behind an `Arc` in the client.
#[derive(Debug, Default)]
pub struct Shared {}

impl Shared {
    /// Fresh state, sized by the options.
    pub fn new(options: &ClientOptions) -> Self {
        let _ = options;
        Self {}
    }
}
