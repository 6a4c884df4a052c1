//! The metrics of `/metrics`. Handles are made beforehand, so that counting a request is a few atomic additions.

/// Every metric of the gateway.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        Self::default()
    }
}
