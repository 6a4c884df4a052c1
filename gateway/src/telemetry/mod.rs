//! What the gateway tells about itself: the log and the metrics. Neither ever shows a secret.

mod log;
mod metrics;
mod redact;

pub(crate) use log::check_filter;
pub use log::init;
pub use metrics::{InFlight, Metrics, Snapshot};
pub use redact::redact;
