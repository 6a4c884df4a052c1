//! Prometheus. What a request counts are handles made with the snapshot; what has a state of its own (breakers, targets, limits, the cache) is read when the
//! metrics are asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Finished;
use crate::breaker::{self, State};
use crate::limit::LinkStatus;
use crate::upstream::ServiceStatus;

/// Upper bounds of latencies in seconds: half a millisecond to a minute.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Targets that are shown one by one, at most: a service with more shows its sums.
const TARGETS: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    route: String,
    service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfClass {
    route: String,
    service: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCache {
    route: String,
    cache: &'static str,
}

const OUTCOMES: [&str; 4] = ["hit", "stale", "miss", "bypass"];

/// What one route, and the service behind it, count with.
#[derive(Debug, Clone)]
pub struct Handles {
    pub(super) route: Arc<str>,
    pub(super) service: Option<Arc<str>>,
    by_class: [Counter; 5],
    by_cache: [Counter; 4],
    limited: Counter,
    refused: Counter,
    took: Histogram,
    upstream: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl Handles {
    /// The route's name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The name of the service behind it.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    pub(super) fn count(&self, finished: &Finished<'_>) {
        let class = usize::from(finished.status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.by_class.get(class) {
            counter.inc();
        }
        self.took.observe(finished.took.as_secs_f64());
        if let Some(upstream) = finished.upstream {
            self.upstream.observe(upstream.as_secs_f64());
        }
        self.bytes_in.inc_by(finished.bytes_in);
        self.bytes_out.inc_by(finished.bytes_out);
        if let Some(cache) = finished.cache
            && let Some((_, counter)) = OUTCOMES.iter().zip(&self.by_cache).find(|(name, _)| **name == cache)
        {
            counter.inc();
        }
        match finished.code {
            Some("rate_limited") => self.limited.inc(),
            Some("circuit_open") => self.refused.inc(),
            _ => 0,
        };
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

type Seconds = Family<Of, Histogram, fn() -> Histogram>;

#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<OfClass, Counter>,
    cache: Family<OfCache, Counter>,
    limited: Family<Of, Counter>,
    refused: Family<Of, Counter>,
    took: Seconds,
    upstream: Seconds,
    bytes_in: Family<Of, Counter>,
    bytes_out: Family<Of, Counter>,
    /// Those that handles were made for.
    known: Mutex<BTreeSet<(String, String)>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("waypost_proxy");
        let (requests, cache, limited, refused) =
            (Family::default(), Family::default(), Family::default(), Family::default());
        let (took, upstream): (Seconds, Seconds) =
            (Family::new_with_constructor(histogram), Family::new_with_constructor(histogram));
        let (bytes_in, bytes_out) = (Family::default(), Family::default());
        registry.register(
            "requests",
            "Requests that ended, by route, service and class of status",
            Clone::clone(&requests),
        );
        registry.register(
            "cache_requests",
            "Requests to routes that keep answers, by what the cache had",
            Clone::clone(&cache),
        );
        registry.register("rate_limited", "Requests over a limit", Clone::clone(&limited));
        registry.register("circuit_refused", "Requests that an open breaker refused", Clone::clone(&refused));
        registry.register("request_seconds", "From a request's head to its answer's last byte", took.clone());
        registry.register("upstream_seconds", "From asking a target to its answer's head", upstream.clone());
        registry.register("request_bytes", "Bytes of requests' bodies", Clone::clone(&bytes_in));
        registry.register("response_bytes", "Bytes of answers' bodies", Clone::clone(&bytes_out));
        Self {
            registry,
            requests,
            cache,
            limited,
            refused,
            took,
            upstream,
            bytes_in,
            bytes_out,
            known: Mutex::default(),
        }
    }
}

impl Metrics {
    pub(super) fn handles(&self, route: &str, service: Option<&str>) -> Handles {
        let of = Of { route: route.to_owned(), service: service.unwrap_or_default().to_owned() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((of.route.clone(), of.service.clone()));
        drop(known);
        let class = |status| OfClass { route: of.route.clone(), service: of.service.clone(), status };
        let cache = |cache| OfCache { route: of.route.clone(), cache };
        Handles {
            route: Arc::from(route),
            service: service.map(Arc::from),
            by_class: CLASSES.map(|status| self.requests.get_or_create_owned(&class(status))),
            by_cache: OUTCOMES.map(|outcome| self.cache.get_or_create_owned(&cache(outcome))),
            limited: self.limited.get_or_create_owned(&of),
            refused: self.refused.get_or_create_owned(&of),
            took: self.took.get_or_create_owned(&of),
            upstream: self.upstream.get_or_create_owned(&of),
            bytes_in: self.bytes_in.get_or_create_owned(&of),
            bytes_out: self.bytes_out.get_or_create_owned(&of),
        }
    }

    pub(super) fn keep(&self, routes: &BTreeSet<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(route, service)| {
            let kept = routes.contains(route);
            if !kept {
                let of = Of { route: route.clone(), service: service.clone() };
                for status in CLASSES {
                    self.requests.remove(&OfClass { route: route.clone(), service: service.clone(), status });
                }
                for cache in OUTCOMES {
                    self.cache.remove(&OfCache { route: route.clone(), cache });
                }
                self.limited.remove(&of);
                self.refused.remove(&of);
                self.took.remove(&of);
                self.upstream.remove(&of);
                self.bytes_in.remove(&of);
                self.bytes_out.remove(&of);
            }
            kept
        });
    }

    pub(super) fn text(&self, seen: &Seen, dropped: u64) -> String {
        let mut text = String::new();
        let _ = encode_registry(&mut text, &self.registry);
        seen.write(&mut text);
        family(
            &mut text,
            "events_dropped",
            "counter",
            "Requests whose log line, span and analytics were dropped",
        );
        let _ = writeln!(text, "waypost_proxy_events_dropped_total {dropped}");
        let _ = encode_eof(&mut text);
        text
    }
}

/// What has a state of its own, as it is now.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Services and their targets.
    pub services: Vec<ServiceStatus>,
    /// Breakers.
    pub breakers: Vec<breaker::Status>,
    /// Keys that the limiter counts.
    pub limit_keys: usize,
    /// The limiter's way to Redis, where there is one.
    pub limit_link: Option<LinkStatus>,
    /// Answers in the cache, and their bytes.
    pub cache: (u64, u64),
    /// Connections of clients, and those kept to targets.
    pub connections: (u64, u64),
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP waypost_proxy_{name} {help}.\n# TYPE waypost_proxy_{name} {kind}");
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Seen {
    fn write(&self, text: &mut String) {
        let targets = || {
            let all = self
                .services
                .iter()
                .flat_map(|service| service.targets.iter().map(move |one| (service, one)));
            all.take(TARGETS)
        };
        family(text, "service_available", "gauge", "Whether any target of a service can take requests");
        for service in &self.services {
            let (name, up) = (escaped(&service.name), u8::from(service.available));
            let _ = writeln!(text, "waypost_proxy_service_available{{service=\"{name}\"}} {up}");
        }
        let mut each =
            |name: &str, kind: &str, help: &str, value: &dyn Fn(&crate::upstream::TargetStatus) -> f64| {
                family(text, name, kind, help);
                let suffix = if kind == "counter" { "_total" } else { "" };
                for (service, target) in targets() {
                    let _ = writeln!(
                        text,
                        "waypost_proxy_{name}{suffix}{{service=\"{}\",target=\"{}\"}} {}",
                        escaped(&service.name),
                        escaped(&target.url),
                        value(target)
                    );
                }
            };
        #[expect(clippy::cast_precision_loss, reason = "Prometheus has nothing but floats")]
        {
            each("target_healthy", "gauge", "Whether a target answers our own questions", &|one| {
                f64::from(u8::from(one.healthy))
            });
            each(
                "target_ejected",
                "gauge",
                "Whether a target is left out because it failed clients",
                &|one| f64::from(u8::from(one.ejected_seconds.is_some())),
            );
            each("target_in_flight", "gauge", "Requests that a target has now", &|one| {
                f64::from(one.in_flight)
            });
            each("target_requests", "counter", "Requests that a target had", &|one| one.requests as f64);
            each("target_failures", "counter", "Requests that a target failed", &|one| one.failures as f64);
        }
        family(text, "circuit_state", "gauge", "The state of a breaker: 1 for the one that it is in");
        for breaker in &self.breakers {
            for state in [State::Closed, State::Open, State::HalfOpen] {
                let (name, on) = (escaped(&breaker.name), u8::from(breaker.state == state));
                let _ = writeln!(
                    text,
                    "waypost_proxy_circuit_state{{circuit=\"{name}\",state=\"{}\"}} {on}",
                    state.name()
                );
            }
        }
        family(text, "circuit_openings", "counter", "How often a breaker opened");
        for breaker in &self.breakers {
            let _ = writeln!(
                text,
                "waypost_proxy_circuit_openings_total{{circuit=\"{}\"}} {}",
                escaped(&breaker.name),
                breaker.openings
            );
        }
        let mut one = |name: &str, help: &str, value: u64| {
            family(text, name, "gauge", help);
            let _ = writeln!(text, "waypost_proxy_{name} {value}");
        };
        one("limit_keys", "Keys that the limiter counts", self.limit_keys as u64);
        if let Some(link) = self.limit_link {
            one("limit_shared", "Whether counters are shared over Redis now", u64::from(link.connected));
        }
        one("cache_answers", "Answers in the cache", self.cache.0);
        one("cache_bytes", "Bytes of answers in the cache", self.cache.1);
        one("client_connections", "Connections of clients", self.connections.0);
        one("idle_connections", "Connections to targets that are kept idle", self.connections.1);
    }
}
