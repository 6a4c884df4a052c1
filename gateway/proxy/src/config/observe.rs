//! What is seen of requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientTls, Time};

/// Metrics, logs, traces and analytics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Observe {
    /// One line a request.
    pub access_log: AccessLog,
    /// Spans that are sent to a collector.
    pub traces: Option<Traces>,
    /// Who calls what, how often and how fast.
    pub analytics: Analytics,
}

/// One line a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessLog {
    /// None.
    #[default]
    Off,
    /// One that people read.
    Text,
    /// A JSON object.
    Json,
}

/// Spans (OTLP over HTTP).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The collector's base URL: `http://127.0.0.1:4318`, `https://collector.example`.
    pub endpoint: String,
    /// TLS to a collector whose URL is `https`.
    #[serde(default)]
    pub tls: ClientTls,
    /// Which part of the traces that begin here is kept, 0 to 1. A trace that came is kept as its `traceparent` says.
    #[serde(default = "tenth")]
    pub sample: f64,
}

const fn tenth() -> f64 {
    0.1
}

/// Counts by minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Analytics {
    /// Whether there are any.
    pub enabled: bool,
    /// What one step of a series is long.
    pub step: Time,
    /// How many steps are kept in memory.
    pub steps: u32,
    /// Callers and endpoints that are told apart within a step; the rest is counted as `other`.
    pub max_names: u32,
}

impl Default for Analytics {
    fn default() -> Self {
        Self { enabled: true, step: Time::s(60), steps: 1440, max_names: 1000 }
    }
}
