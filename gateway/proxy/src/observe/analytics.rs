//! Who calls what, how often and how fast: added up in memory by step (a minute), for as many steps as are kept. Names within a step are bounded, and so is
//! what all steps take together: the oldest make way.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Event;
use crate::{Caller, config};

/// What is beyond the names that are told apart.
pub const OTHER: &str = "other";

/// Bytes that finished steps may take together, about.
const BYTES: usize = 32 << 20;

/// Latencies by size: four buckets for each doubling of microseconds, so a percentile is off by an eighth at most. Only those that are not empty are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies(BTreeMap<u8, u32>);

impl Latencies {
    fn add(&mut self, micros: u64) {
        let count = self.0.entry(bucket(micros)).or_insert(0);
        *count = count.saturating_add(1);
    }

    fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            let held = self.0.entry(*bucket).or_insert(0);
            *held = held.saturating_add(*count);
        }
    }

    /// The latency, in milliseconds, that such a part of requests (0 to 1) did not exceed. 0 where there were none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts"
    )]
    pub fn percentile(&self, part: f64) -> f64 {
        let all: u64 = self.0.values().map(|count| u64::from(*count)).sum();
        let wanted = ((all as f64 * part).ceil() as u64).clamp(1, all.max(1));
        let mut seen = 0;
        for (bucket, count) in &self.0 {
            seen += u64::from(*count);
            if seen >= wanted {
                return middle(*bucket) / 1_000.0;
            }
        }
        0.0
    }
}

/// Below 4 µs each has its own; then the two bits below the highest one tell four apart.
fn bucket(micros: u64) -> u8 {
    if micros < 4 {
        return u8::try_from(micros).unwrap_or(0);
    }
    let high = micros.ilog2();
    let below = (micros >> (high - 2)) & 3;
    u8::try_from(u64::from(high - 1) * 4 + below).unwrap_or(u8::MAX)
}

/// The middle of a bucket, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "the middle of a range")]
fn middle(bucket: u8) -> f64 {
    if bucket < 4 {
        return f64::from(bucket);
    }
    let (high, below) = (u32::from(bucket / 4) + 1, u64::from(bucket % 4));
    let low = (4 + below) << (high - 2).min(60);
    low as f64 + (1_u64 << (high - 2).min(60)) as f64 / 2.0
}

/// The sums of some requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Requests.
    pub requests: u64,
    /// Of them, with 4xx.
    pub client_errors: u64,
    /// Of them, with 5xx.
    pub server_errors: u64,
    /// Bytes of their bodies.
    pub bytes_in: u64,
    /// Bytes of the answers' bodies.
    pub bytes_out: u64,
    /// The sum of their latencies in microseconds.
    pub micros: u64,
    /// Their latencies.
    pub latencies: Latencies,
}

impl Sums {
    fn add(&mut self, event: &Event, latencies: bool) {
        self.requests += 1;
        self.client_errors += u64::from((400..500).contains(&event.status));
        self.server_errors += u64::from(event.status >= 500);
        self.bytes_in = self.bytes_in.saturating_add(event.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(event.bytes_out);
        self.micros = self.micros.saturating_add(event.micros);
        if latencies {
            self.latencies.add(event.micros);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count(other);
        self.latencies.merge(&other.latencies);
    }

    /// The same without latencies.
    const fn count(&mut self, other: &Self) {
        self.requests += other.requests;
        self.client_errors += other.client_errors;
        self.server_errors += other.server_errors;
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.micros = self.micros.saturating_add(other.micros);
    }

    /// The average latency in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "an average")]
    pub fn mean_ms(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.micros as f64 / self.requests as f64 / 1_000.0 }
    }
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When it begins, milliseconds of the Unix time.
    pub at: u64,
    /// How long it is, in milliseconds.
    pub length: u64,
    /// All requests.
    pub total: Sums,
    /// By route.
    pub endpoints: HashMap<Box<str>, Sums>,
    /// By caller; `anonymous` without. Without latencies.
    pub consumers: HashMap<Box<str>, Sums>,
    /// 4xx and 5xx by route and status.
    pub errors: HashMap<Box<str>, BTreeMap<u16, u64>>,
}

impl Step {
    /// Bytes that it takes, about.
    fn size(&self) -> usize {
        let latencies = |sums: &Sums| 96 + sums.latencies.0.len() * 10;
        let named = |names: &HashMap<Box<str>, Sums>| -> usize {
            names.iter().map(|(name, sums)| 64 + name.len() + latencies(sums)).sum()
        };
        let errors: usize = self.errors.values().map(|statuses| 128 + statuses.len() * 16).sum();
        256 + latencies(&self.total) + named(&self.endpoints) + named(&self.consumers) + errors
    }

    /// Adds what another step, of whatever time, counted. A name that was told apart in one of them is told apart in the sum.
    pub fn merge(&mut self, other: &Self) {
        let names = |into: &mut HashMap<Box<str>, Sums>, from: &HashMap<Box<str>, Sums>| {
            for (name, sums) in from {
                match into.get_mut(name) {
                    Some(held) => held.merge(sums),
                    None => drop(into.insert(name.clone(), sums.clone())),
                }
            }
        };
        self.total.merge(&other.total);
        names(&mut self.endpoints, &other.endpoints);
        names(&mut self.consumers, &other.consumers);
        for (route, statuses) in &other.errors {
            let held = self.errors.entry(route.clone()).or_default();
            for (status, count) in statuses {
                *held.entry(*status).or_insert(0) += count;
            }
        }
    }

    /// All of its requests.
    pub fn overview(&self) -> Named {
        Named::new("all".to_owned(), &self.total, self.total.requests)
    }

    /// The routes with the most requests.
    pub fn top_endpoints(&self, most: usize) -> Vec<Named> {
        self.top(&self.endpoints, most)
    }

    /// The callers with the most requests.
    pub fn top_consumers(&self, most: usize) -> Vec<Named> {
        self.top(&self.consumers, most)
    }

    fn top(&self, names: &HashMap<Box<str>, Sums>, most: usize) -> Vec<Named> {
        let mut top: Vec<_> = names
            .iter()
            .map(|(name, sums)| Named::new(name.to_string(), sums, self.total.requests))
            .collect();
        top.sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.name.cmp(&other.name)));
        top.truncate(most);
        top
    }

    /// The most frequent errors.
    pub fn top_errors(&self, most: usize) -> Vec<Errors> {
        let each = self.errors.iter().flat_map(|(route, statuses)| {
            statuses.iter().map(|(status, count)| Errors {
                route: route.to_string(),
                status: *status,
                count: *count,
            })
        });
        let mut top: Vec<_> = each.collect();
        top.sort_by(|one, other| {
            other
                .count
                .cmp(&one.count)
                .then_with(|| (&one.route, one.status).cmp(&(&other.route, other.status)))
        });
        top.truncate(most);
        top
    }

    /// It as a point of a series, of all requests or of one route; none where the route had no requests.
    pub fn point(&self, route: Option<&str>) -> Option<Point> {
        let sums = route.map_or(Some(&self.total), |route| self.endpoints.get(route))?;
        let name = route.unwrap_or("all").to_owned();
        Some(Point { at: self.at, sums: Named::new(name, sums, self.total.requests) })
    }

    fn add_sums(&mut self, route: &str, caller: Option<&Caller>, sums: &Sums, most: usize) {
        self.total.merge(sums);
        if let Some(route) = slot(&mut self.endpoints, route, most) {
            route.merge(sums);
        }
        if let Some(held) = slot(&mut self.consumers, name(caller), most) {
            held.count(sums);
        }
    }

    fn add(&mut self, event: &Event, most: usize) {
        self.total.add(event, true);
        if let Some(route) = slot(&mut self.endpoints, &event.route, most) {
            route.add(event, true);
        }
        if let Some(caller) = slot(&mut self.consumers, name(event.caller.as_deref()), most) {
            caller.add(event, false);
        }
        if event.status >= 400 {
            let known = self.errors.contains_key(&*event.route) || self.errors.len() < most;
            let name = if known { Box::from(&*event.route) } else { Box::from(OTHER) };
            *self.errors.entry(name).or_default().entry(event.status).or_insert(0) += 1;
        }
    }
}

/// What a caller is called here.
fn name(caller: Option<&Caller>) -> &str {
    caller.map_or("anonymous", |caller| &caller.name)
}

/// Requests without an error that were alike, of those that waited: they are found by where their names are, and each name is looked up once for all of them.
#[derive(Debug, Default)]
pub(super) struct Alike(Vec<(Arc<str>, Option<Arc<Caller>>, Sums)>);

/// Kinds of them that are told apart.
const KINDS: usize = 16;

impl Alike {
    /// Takes a request, if there is room for it.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        if event.status >= 400 {
            return false;
        }
        let place = |caller: &Option<Arc<Caller>>| caller.as_ref().map(Arc::as_ptr);
        let is_alike = |(route, caller, _): &&mut (Arc<str>, Option<Arc<Caller>>, Sums)| {
            Arc::ptr_eq(route, &event.route) && place(caller) == place(&event.caller)
        };
        if let Some((_, _, sums)) = self.0.iter_mut().find(is_alike) {
            sums.add(event, true);
            return true;
        }
        let room = self.0.len() < KINDS;
        if room {
            let mut sums = Sums::default();
            sums.add(event, true);
            self.0.push((Arc::clone(&event.route), event.caller.clone(), sums));
        }
        room
    }
}

/// The sums of a name; of `other` where there are too many names.
fn slot<'a>(names: &'a mut HashMap<Box<str>, Sums>, name: &str, most: usize) -> Option<&'a mut Sums> {
    if names.contains_key(name) {
        return names.get_mut(name);
    }
    let name = if names.len() < most { name } else { OTHER };
    Some(names.entry(Box::from(name)).or_default())
}

/// All steps that are kept.
#[derive(Debug)]
pub struct Analytics {
    length: u64,
    steps: usize,
    names: usize,
    current: Step,
    finished: VecDeque<(Step, usize)>,
    bytes: usize,
    /// Finished ones that nobody took for storage yet, from the newest.
    untaken: usize,
}

/// A sum with its name and what is worth showing of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// A route's or a caller's name; of a series, when the step begins.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Which part of all requests that is.
    pub share: f64,
    /// Of them, with 4xx.
    pub client_errors: u64,
    /// Of them, with 5xx.
    pub server_errors: u64,
    /// The average latency in milliseconds.
    pub mean_ms: f64,
    /// What half of them did not exceed, in milliseconds; 0 for callers.
    pub p50_ms: f64,
    /// What 95 % did not exceed.
    pub p95_ms: f64,
    /// What 99 % did not exceed.
    pub p99_ms: f64,
    /// Bytes of the requests' bodies.
    pub bytes_in: u64,
    /// Bytes of the answers' bodies.
    pub bytes_out: u64,
}

impl Named {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn new(name: String, sums: &Sums, all: u64) -> Self {
        Self {
            name,
            requests: sums.requests,
            share: if all == 0 { 0.0 } else { sums.requests as f64 / all as f64 },
            client_errors: sums.client_errors,
            server_errors: sums.server_errors,
            mean_ms: sums.mean_ms(),
            p50_ms: sums.latencies.percentile(0.5),
            p95_ms: sums.latencies.percentile(0.95),
            p99_ms: sums.latencies.percentile(0.99),
            bytes_in: sums.bytes_in,
            bytes_out: sums.bytes_out,
        }
    }
}

/// Errors of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// The route.
    pub route: String,
    /// The status.
    pub status: u16,
    /// How often.
    pub count: u64,
}

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// When the step begins, milliseconds of the Unix time.
    pub at: u64,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Named,
}

impl Analytics {
    pub(super) fn new(config: &config::Analytics) -> Self {
        let mut analytics = Self {
            length: 60_000,
            steps: 0,
            names: 0,
            current: Step::default(),
            finished: VecDeque::new(),
            bytes: 0,
            untaken: 0,
        };
        analytics.configure(config);
        analytics
    }

    pub(super) fn configure(&mut self, config: &config::Analytics) {
        self.length = u64::try_from(config.step.0.as_millis()).unwrap_or(60_000).max(1_000);
        self.steps = usize::try_from(config.steps).unwrap_or(usize::MAX).max(1);
        self.names = usize::try_from(config.max_names).unwrap_or(usize::MAX).max(1);
        self.shrink();
    }

    pub(super) fn add(&mut self, event: &Event) {
        self.current.add(event, self.names);
    }

    /// Adds what was taken together.
    pub(super) fn add_all(&mut self, alike: Alike) {
        for (route, caller, sums) in alike.0 {
            self.current.add_sums(&route, caller.as_deref(), &sums, self.names);
        }
    }

    /// Ends the step if it is over.
    pub(super) fn turn(&mut self, now: u64) {
        let over = now >= self.current.at.saturating_add(self.current.length.max(1));
        if !over {
            return;
        }
        let at = now - now.checked_rem(self.length).unwrap_or(0);
        let ended = std::mem::replace(&mut self.current, Step { at, length: self.length, ..Step::default() });
        if ended.total.requests > 0 {
            let size = ended.size();
            self.bytes += size;
            self.finished.push_back((ended, size));
            self.untaken += 1;
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        while self.finished.len() > self.steps || (self.bytes > BYTES && !self.finished.is_empty()) {
            if let Some((_, size)) = self.finished.pop_front() {
                self.bytes -= size;
            }
        }
        self.untaken = self.untaken.min(self.finished.len());
    }

    /// Finished steps for storage, each once, the oldest first.
    pub fn flush(&mut self) -> Vec<Step> {
        let first = self.finished.len() - self.untaken;
        self.untaken = 0;
        self.finished.iter().skip(first).map(|(step, _)| step.clone()).collect()
    }

    /// What [`Self::flush`] did not give yet: finished steps, and the one under way as it is now.
    pub fn unflushed(&self) -> Vec<Step> {
        let first = self.finished.len() - self.untaken;
        let finished = self.finished.iter().skip(first).map(|(step, _)| step);
        let all = finished.chain(std::iter::once(&self.current));
        all.filter(|step| step.total.requests > 0).cloned().collect()
    }

    /// Ends the step under way before its time, so that [`Self::flush`] gives it too: for a process that ends.
    pub fn end(&mut self) {
        let now = self.current.at.saturating_add(self.current.length.max(1));
        self.turn(now);
    }

    /// Steps that begin from `from` to before `to`, the one under way among them.
    fn within(&self, from: u64, to: u64) -> impl Iterator<Item = &Step> {
        let all = self.finished.iter().map(|(step, _)| step).chain(std::iter::once(&self.current));
        all.filter(move |step| step.total.requests > 0 && (from..to).contains(&step.at))
    }

    /// The sum of a time (milliseconds of the Unix time, from and to) that is still in memory.
    pub fn sum(&self, from: u64, to: u64) -> Step {
        let mut sum = Step::default();
        self.within(from, to).for_each(|step| sum.merge(step));
        sum
    }

    /// All requests of a time.
    pub fn overview(&self, from: u64, to: u64) -> Named {
        self.sum(from, to).overview()
    }

    /// The routes with the most requests.
    pub fn endpoints(&self, from: u64, to: u64, most: usize) -> Vec<Named> {
        self.sum(from, to).top_endpoints(most)
    }

    /// The callers with the most requests.
    pub fn consumers(&self, from: u64, to: u64, most: usize) -> Vec<Named> {
        self.sum(from, to).top_consumers(most)
    }

    /// The most frequent errors.
    pub fn errors(&self, from: u64, to: u64, most: usize) -> Vec<Errors> {
        self.sum(from, to).top_errors(most)
    }

    /// Step by step, of all requests or of one route.
    pub fn series(&self, from: u64, to: u64, route: Option<&str>) -> Vec<Point> {
        self.within(from, to).filter_map(|step| step.point(route)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentile_is_off_by_an_eighth_at_most(mut micros in prop::collection::vec(0_u64..60_000_000, 1..300), part in 0.0_f64..=1.0) {
            let mut latencies = Latencies::default();
            micros.iter().for_each(|micros| latencies.add(*micros));
            micros.sort_unstable();
            let rank = ((micros.len() as f64 * part).ceil() as usize).clamp(1, micros.len());
            let exact = micros[rank - 1] as f64 / 1_000.0;
            let shown = latencies.percentile(part);
            prop_assert!((shown - exact).abs() <= exact / 8.0 + 0.001, "{shown} for {exact}");
        }
    }

    #[test]
    fn buckets_follow_one_another() {
        let mut last = 0;
        for micros in 0..100_000 {
            let bucket = bucket(micros);
            assert!(bucket == last || bucket == last + 1, "{micros}");
            last = bucket;
        }
        assert!(bucket(u64::MAX) < u8::MAX);
    }
}
