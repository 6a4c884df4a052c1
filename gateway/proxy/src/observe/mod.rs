//! What is counted, logged, traced and analysed of requests.
//!
//! Promises:
//! - A request pays for its own numbers only: some atomics in handles that were made with the snapshot, and one push into a queue. What takes longer (writing,
//!   sending, adding up) happens in [`Recorder::run`].
//! - Queues are bounded. What does not fit is dropped and counted; a request never waits for its log line.
//! - Names are bounded: routes and services are those of the configuration, callers beyond `max_names` in a step are `other`.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `metrics` | Prometheus |
//! | `log` | the access log's lines |
//! | `trace` | W3C trace context |
//! | `otlp` | spans to a collector |
//! | `analytics` | who calls what, how often and how fast, by step |

pub mod analytics;
mod log;
mod metrics;
mod otlp;
mod trace;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_queue::ArrayQueue;
use http::{Method, StatusCode};

pub use analytics::Analytics;
pub use metrics::{Handles, Seen};
pub use otlp::Exporter;
pub use trace::Trace;
pub(crate) use trace::hexadecimal;

use crate::Caller;
use crate::config::{self, AccessLog, Fault};

/// Requests that may wait to be added up: a tenth of a second of a very busy node.
const WAITING: usize = 1 << 14;

/// How often what waits is taken.
const EVERY: Duration = Duration::from_millis(50);

/// A request that has ended.
#[derive(Debug)]
pub struct Finished<'a> {
    /// Of its route and service.
    pub handles: &'a Handles,
    /// Which endpoint of the program around the proxy it asked for.
    pub endpoint: Option<&'a Arc<str>>,
    /// `X-Request-Id`.
    pub request_id: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// The host that was asked for.
    pub host: &'a str,
    /// Its path.
    pub path: &'a str,
    /// The client's address.
    pub client: IpAddr,
    /// Who called.
    pub caller: Option<&'a Arc<Caller>>,
    /// What was answered.
    pub status: StatusCode,
    /// The code of a refusal of ours.
    pub code: Option<&'static str>,
    /// The target that answered.
    pub target: Option<&'a Arc<str>>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// From the request's head to the answer's last byte.
    pub took: Duration,
    /// From asking the target to its answer's head.
    pub upstream: Option<Duration>,
    /// What the cache had: `hit`, `stale`, `miss`, `bypass`.
    pub cache: Option<&'static str>,
    /// Its place in a trace.
    pub trace: Option<&'a Trace>,
}

/// What waits to be added up.
#[derive(Debug)]
struct Event {
    /// The route's name, or the endpoint's of the program around the proxy.
    route: Arc<str>,
    service: Option<Arc<str>>,
    caller: Option<Arc<Caller>>,
    status: u16,
    micros: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// Milliseconds of the Unix time at its end; 0 where no line or span needs it.
    at: u64,
    detail: Option<Box<Detail>>,
}

/// What only lines and spans need.
#[derive(Debug)]
struct Detail {
    request_id: String,
    method: Method,
    host: String,
    path: String,
    client: IpAddr,
    code: Option<&'static str>,
    target: Option<Arc<str>>,
    upstream: Option<Duration>,
    cache: Option<&'static str>,
    trace: Option<Trace>,
}

/// Takes what is seen of requests. It outlives snapshots.
#[derive(Debug)]
pub struct Recorder {
    metrics: metrics::Metrics,
    queue: ArrayQueue<Event>,
    dropped: AtomicU64,
    settings: RwLock<Settings>,
    analytics: Mutex<Analytics>,
}

#[derive(Debug, Clone)]
struct Settings {
    log: AccessLog,
    analytics: bool,
    sample: f64,
    exporter: Option<Arc<Exporter>>,
}

impl Default for Recorder {
    fn default() -> Self {
        let config = config::Analytics::default();
        Self {
            metrics: metrics::Metrics::default(),
            queue: ArrayQueue::new(WAITING),
            dropped: AtomicU64::new(0),
            settings: RwLock::new(Settings {
                log: AccessLog::Off,
                analytics: config.enabled,
                sample: 0.0,
                exporter: None,
            }),
            analytics: Mutex::new(Analytics::new(&config)),
        }
    }
}

/// What was written of observation, checked.
#[derive(Debug, Clone)]
pub struct Policy {
    config: config::Observe,
    exporter: Option<Arc<Exporter>>,
}

impl Policy {
    /// From what was written.
    ///
    /// # Errors
    /// All of: a collector that is no URL, a sample outside of 0 to 1, a step of none.
    pub fn new(config: &config::Observe) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let exporter = config.traces.as_ref().map(Exporter::new).transpose().unwrap_or_else(|found| {
            faults.extend(found.into_iter().map(|fault| fault.under("traces")));
            None
        });
        if config.analytics.step.0 < Duration::from_secs(1) {
            faults.push(Fault::at("step", "is less than a second; write 60s").under("analytics"));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { config: config.clone(), exporter: exporter.map(Arc::new) })
    }
}

impl Recorder {
    /// Another configuration.
    pub fn apply(&self, policy: &Policy) {
        let config = &policy.config;
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.log = config.access_log;
        settings.analytics = config.analytics.enabled;
        settings.sample = config.traces.as_ref().map_or(0.0, |traces| traces.sample);
        let goes_on = match (&settings.exporter, &policy.exporter) {
            (Some(old), Some(new)) => old.is_like(new),
            _ => false,
        };
        if !goes_on {
            settings.exporter.clone_from(&policy.exporter);
        }
        drop(settings);
        self.analytics().configure(&config.analytics);
    }

    /// The handles of a route, and of the service behind it where there is one: made with a snapshot.
    pub fn handles(&self, route: &str, service: Option<&str>) -> Handles {
        self.metrics.handles(route, service)
    }

    /// Forgets the handles of routes that no configuration names any more.
    pub fn keep(&self, routes: &std::collections::BTreeSet<String>) {
        self.metrics.keep(routes);
    }

    /// Which part of the traces that begin here is kept.
    pub fn sample(&self) -> f64 {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).sample
    }

    /// A request has ended.
    pub fn record(&self, finished: &Finished<'_>) {
        finished.handles.count(finished);
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        let traced = settings.exporter.is_some() && finished.trace.is_some_and(|trace| trace.sampled);
        let logged = settings.log != AccessLog::Off;
        if !(logged || traced || settings.analytics) {
            return;
        }
        drop(settings);
        let detail = (logged || traced).then(|| {
            Box::new(Detail {
                request_id: finished.request_id.to_owned(),
                method: finished.method.clone(),
                host: finished.host.to_owned(),
                path: finished.path.to_owned(),
                client: finished.client,
                code: finished.code,
                target: finished.target.cloned(),
                upstream: finished.upstream,
                cache: finished.cache,
                trace: finished.trace.filter(|_| traced).cloned(),
            })
        });
        let event = Event {
            route: Arc::clone(finished.endpoint.unwrap_or(&finished.handles.route)),
            service: finished.handles.service.clone(),
            caller: finished.caller.cloned(),
            status: finished.status.as_u16(),
            micros: u64::try_from(finished.took.as_micros()).unwrap_or(u64::MAX),
            bytes_in: finished.bytes_in,
            bytes_out: finished.bytes_out,
            at: if detail.is_some() { unix_ms() } else { 0 },
            detail,
        };
        if self.queue.push(event).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Requests whose line, span and place in the analytics were dropped, because too many waited.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Adds up, writes and sends what waits, until the future is dropped. Lines go to standard output.
    pub async fn run(self: Arc<Self>) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let lines = self.take();
            if !lines.is_empty() {
                use tokio::io::AsyncWriteExt as _;
                let mut out = tokio::io::stdout();
                if out.write_all(lines.as_bytes()).await.is_err() || out.flush().await.is_err() {
                    self.dropped.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Adds up and writes what waits now, for a process that ends.
    pub fn settle(&self) {
        let lines = self.take();
        // Whoever closed standard output does not want the lines any more.
        let _closed = std::io::Write::write_all(&mut std::io::stdout().lock(), lines.as_bytes());
    }

    /// Takes what waits now: adds it up, hands spans to the exporter and gives the log's lines.
    fn take(&self) -> String {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut lines = String::new();
        let mut analytics = self.analytics();
        // Nothing waited for longer than `EVERY`: of steps of a minute it ended now.
        analytics.turn(unix_ms());
        let mut alike = analytics::Alike::default();
        for _ in 0..WAITING {
            let Some(event) = self.queue.pop() else { break };
            if settings.analytics && !alike.take(&event) {
                analytics.add(&event);
            }
            if let Some(detail) = &event.detail {
                log::line(&mut lines, settings.log, &event, detail);
                if let (Some(exporter), Some(trace)) = (&settings.exporter, &detail.trace) {
                    exporter.push(otlp::span(&event, detail, trace));
                }
            }
        }
        analytics.add_all(alike);
        drop(analytics);
        if let Some(exporter) = &settings.exporter {
            exporter.send_soon();
        }
        lines
    }

    /// The analytics, to be asked.
    pub fn analytics(&self) -> std::sync::MutexGuard<'_, Analytics> {
        self.analytics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything for Prometheus, in its text format (OpenMetrics).
    pub fn text(&self, seen: &Seen) -> String {
        self.metrics.text(seen, self.dropped())
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
