//! The metrics of `/metrics`. The handles of every operation are made beforehand, so that counting a request is a look-up in a
//! small table and a few atomic additions.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The classes of statuses, as the label `status` has them.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds of the latency histogram in seconds: half a millisecond to ten seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What a request that matched no operation is counted under.
const UNMATCHED: &str = "unmatched";

/// Every metric of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    operations: HashMap<&'static str, OperationMetrics>,
    unmatched: OperationMetrics,
    in_flight: Gauge,
    database_connections: Gauge,
    database_idle: Gauge,
    ledger_entries: Gauge,
    uptime: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone)]
struct OperationMetrics {
    by_class: [Counter; CLASSES.len()],
    seconds: Histogram,
    rate_limited: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

type Requests = Family<RequestLabels, Counter>;
type Limited = Family<OperationLabels, Counter>;
type Seconds = Family<OperationLabels, Histogram, fn() -> Histogram>;

/// What is read at the moment of the scrape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Snapshot {
    /// Connections of the database's readers.
    pub database_connections: u32,
    /// Those of them that nobody uses.
    pub database_idle: usize,
    /// Entries of the ledger.
    pub ledger_entries: i64,
    /// Since the start.
    pub uptime: Duration,
}

impl Metrics {
    /// All at zero, for the operations with these ids.
    pub fn new(operations: impl IntoIterator<Item = &'static str>) -> Self {
        let mut registry = Registry::with_prefix("waypost");
        let requests = Requests::default();
        let seconds = Seconds::new_with_constructor(|| Histogram::new(BUCKETS));
        let limited = Limited::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_seconds",
            "Time from a request's head to its answer's head",
            seconds.clone(),
        );
        registry.register("http_rate_limited", "Requests refused by a rate limit", limited.clone());
        let handles = |operation| OperationMetrics {
            by_class: CLASSES
                .map(|status| requests.get_or_create_owned(&RequestLabels { operation, status })),
            seconds: seconds.get_or_create_owned(&OperationLabels { operation }),
            rate_limited: limited.get_or_create_owned(&OperationLabels { operation }),
        };
        let mut gauge = |name: &str, help: &str| {
            let gauge: Gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let in_flight = gauge("http_requests_in_flight", "Requests being answered");
        let database_connections = gauge("database_connections", "Connections of the database's readers");
        let database_idle = gauge("database_connections_idle", "Reader connections that nobody uses");
        let ledger_entries = gauge("ledger_entries", "Entries of the ledger");
        let uptime: Gauge<f64, AtomicU64> = Gauge::default();
        registry.register("uptime_seconds", "Time since the start", uptime.clone());
        registry.register(
            "build",
            "The running version",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS)]),
        );
        Self {
            operations: operations.into_iter().map(|id| (id, handles(id))).collect(),
            unmatched: handles(UNMATCHED),
            registry,
            in_flight,
            database_connections,
            database_idle,
            ledger_entries,
            uptime,
        }
    }

    fn operation(&self, id: Option<&str>) -> &OperationMetrics {
        id.and_then(|id| self.operations.get(id)).unwrap_or(&self.unmatched)
    }

    /// Counts a request as in flight for as long as the answer is held.
    pub fn request_started(&self) -> InFlight {
        InFlight::new(&self.in_flight)
    }

    /// Counts an answer. `operation` is `None` where the request matched none.
    pub fn request_finished(&self, operation: Option<&str>, status: u16, elapsed: Duration) {
        let metrics = self.operation(operation);
        if let Some(counter) = metrics.by_class.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.inc();
        }
        metrics.seconds.observe(elapsed.as_secs_f64());
    }

    /// Counts a request that a rate limit refused (beside its 429).
    pub fn rate_limited(&self, operation: Option<&str>) {
        self.operation(operation).rate_limited.inc();
    }

    /// Requests being answered now.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Everything in the Prometheus text format 0.0.4.
    pub fn render(&self, snapshot: &Snapshot) -> Result<String, std::fmt::Error> {
        self.database_connections.set(snapshot.database_connections.into());
        self.database_idle.set(i64::try_from(snapshot.database_idle).unwrap_or(i64::MAX));
        self.ledger_entries.set(snapshot.ledger_entries);
        self.uptime.set(snapshot.uptime.as_secs_f64());
        let mut text = String::new();
        prometheus_client::encoding::text::encode_registry(&mut text, &self.registry)?;
        Ok(to_prometheus(&text))
    }
}

/// Counts one in a gauge until it is dropped.
#[derive(Debug)]
pub struct InFlight {
    gauge: Gauge,
}

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self { gauge: gauge.clone() }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// OpenMetrics names a counter without `_total` in its `HELP` and `TYPE`, and knows the type `info`; the older format, which every
/// scraper reads, wants the name of the sample and knows neither `info` nor an end.
pub(crate) fn to_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 256);
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            continue;
        }
        let mut described = None;
        if let Some(rest) = line.strip_prefix("# HELP ")
            && let Some((name, help)) = rest.split_once(' ')
        {
            let kind = lines
                .peek()
                .and_then(|next| next.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '));
            let suffix = match kind {
                Some("counter") => Some(("_total", "counter")),
                Some("info") => Some(("_info", "gauge")),
                _ => None,
            };
            described = suffix
                .map(|(suffix, kind)| format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}"));
        }
        if described.is_some() {
            lines.next();
        }
        text.push_str(described.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_class() {
        let metrics = Metrics::new(["wallets_create"]);
        let guard = metrics.request_started();
        metrics.request_finished(Some("wallets_create"), 201, Duration::from_millis(3));
        metrics.request_finished(Some("wallets_create"), 422, Duration::from_millis(1));
        metrics.request_finished(None, 404, Duration::ZERO);
        metrics.rate_limited(Some("wallets_create"));
        assert_eq!(metrics.in_flight(), 1);
        drop(guard);
        let text = metrics.render(&Snapshot { ledger_entries: 7, ..Snapshot::default() }).unwrap();
        for line in [
            "# TYPE waypost_http_requests_total counter",
            "waypost_http_requests_total{operation=\"wallets_create\",status=\"2xx\"} 1",
            "waypost_http_requests_total{operation=\"wallets_create\",status=\"4xx\"} 1",
            "waypost_http_requests_total{operation=\"wallets_create\",status=\"5xx\"} 0",
            "waypost_http_requests_total{operation=\"unmatched\",status=\"4xx\"} 1",
            "waypost_http_request_seconds_bucket{le=\"0.005\",operation=\"wallets_create\"} 2",
            "waypost_http_rate_limited_total{operation=\"wallets_create\"} 1",
            "waypost_http_requests_in_flight 0",
            "waypost_ledger_entries 7",
            "# TYPE waypost_build_info gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "no line `{line}` in:\n{text}");
        }
        assert!(!text.contains("# EOF"));
    }
}
