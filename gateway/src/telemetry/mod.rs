//! What the gateway tells about itself: the log and the metrics. Neither ever shows a secret.

mod access;
mod log;
mod metrics;
mod redact;

pub(crate) use access::request;
pub(crate) use log::check_filter;
pub use log::init;
pub(crate) use metrics::to_prometheus;
pub use metrics::{InFlight, Metrics, Snapshot};
pub use redact::redact;
