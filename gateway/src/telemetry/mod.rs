//! What the gateway tells about itself: the log and the metrics.

mod metrics;

pub use metrics::Metrics;
