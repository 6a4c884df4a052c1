//! How often callers may call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Time;

/// The limits of all callers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Whether callers are counted at all.
    pub enabled: bool,
    /// Tiers by name; a caller's identity names its tier. `free` is the tier of one that names none, `anonymous` that of an address without credentials.
    pub tiers: BTreeMap<String, Rates>,
    /// Counters that several nodes share.
    pub redis: Option<RedisLimits>,
}

/// How many requests in each window. All windows hold at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// A second.
    pub per_second: Option<u32>,
    /// A minute.
    pub per_minute: Option<u32>,
    /// An hour.
    pub per_hour: Option<u32>,
    /// A day.
    pub per_day: Option<u32>,
    /// Beyond the limit of a second, as often as the caller did not use it before.
    pub burst: u32,
}

/// The limits of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteLimit {
    /// What one request counts, against tier and route.
    pub cost: u32,
    /// How often one caller may use this route.
    pub each: Option<Rates>,
    /// How often all callers together may.
    pub all: Option<Rates>,
    /// Nobody is counted here.
    pub exempt: bool,
}

impl Default for RouteLimit {
    fn default() -> Self {
        Self { cost: 1, each: None, all: None, exempt: false }
    }
}

/// Counters in Redis or Redis Cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisLimits {
    /// `redis://…` or `rediss://…`, several for a cluster.
    pub urls: Vec<String>,
    /// What keys begin with.
    pub prefix: String,
    /// Each node decides by itself and tells the others this often what it counted. While Redis is gone it goes on so.
    pub sync: Time,
    /// Ask Redis for each request instead: exact over all nodes, and slower.
    pub exact: bool,
}

impl Default for RedisLimits {
    fn default() -> Self {
        Self { urls: Vec::new(), prefix: "waypost:limit:".to_owned(), sync: Time::ms(100), exact: false }
    }
}
