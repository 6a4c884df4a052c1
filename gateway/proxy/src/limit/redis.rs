//! Counters that several nodes share, in Redis or Redis Cluster.
//!
//! A key's counters are one hash: for each window `index:now:before`. What a node counted since the last exchange is added by one script a key, all of them in
//! one pipeline; the answer is what all nodes counted together. While Redis is gone nothing is taken from the store, so what was counted meanwhile is told
//! afterwards, as far as its windows are not over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Script};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::store::Delta;
use super::window::WINDOWS;
use super::{Decision, Key, Limiter};
use crate::config::{Fault, RedisLimits};

/// Counters outlive their last change by so much: two of the longest window.
const KEPT: u64 = 2 * 86_400_000;

/// Keys of one pipeline, at most.
const BATCH: usize = 2_000;

/// How long Redis may take for a request that it decides; after that the node decides.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long it may take for anything else.
const ANSWER: Duration = Duration::from_secs(1);

/// The part that both scripts begin with: `load(field, index)` is the count of a window, gone on to `index`.
const LOAD: &str = r"
local function load(field, index)
  local at, now, before = index, 0, 0
  local held = redis.call('HGET', KEYS[1], field)
  if held then
    local a, b, c = string.match(held, '(%d+):(%d+):(%d+)')
    at, now, before = tonumber(a), tonumber(b), tonumber(c)
  end
  if at < index then
    if at == index - 1 then before = now else before = 0 end
    at, now = index, 0
  end
  return at, now, before
end
local function save(field, at, now, before)
  redis.call('HSET', KEYS[1], field, string.format('%d:%d:%d', at, math.max(now, 0), math.max(before, 0)))
end
";

/// `ARGV`: how long to keep, then of each window field, index, requests of it and of the one before. Answers index, requests and those before of each.
static ADD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{LOAD}{}",
        r"
local totals = {}
for i = 2, #ARGV, 4 do
  local field, index = ARGV[i], tonumber(ARGV[i + 1])
  local at, now, before = load(field, index)
  if at == index then
    now, before = now + tonumber(ARGV[i + 2]), before + tonumber(ARGV[i + 3])
  elseif at == index + 1 then
    before = before + tonumber(ARGV[i + 2])
  end
  save(field, at, now, before)
  totals[#totals + 1] = at
  totals[#totals + 1] = now
  totals[#totals + 1] = before
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return totals
"
    ))
});

/// `ARGV`: how long to keep, the time, the cost, then of each window field, length and limit (0 for none). Answers 1 or 0, then as above.
static DECIDE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{LOAD}{}",
        r"
local time, cost, fits, rows = tonumber(ARGV[2]), tonumber(ARGV[3]), 1, {}
for i = 4, #ARGV, 3 do
  local field, length, limit = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local at, now, before = load(field, math.floor(time / length))
  local left = math.min(math.max(length - (time - at * length), 0), length)
  local used = math.ceil(before * left / length) + now
  if limit > 0 and used + cost > limit then fits = 0 end
  rows[#rows + 1] = {field, at, now, before, limit}
end
local answer = {fits}
for _, row in ipairs(rows) do
  if fits == 1 and row[5] > 0 then
    row[3] = row[3] + cost
    save(row[1], row[2], row[3], row[4])
  end
  answer[#answer + 1] = row[2]
  answer[#answer + 1] = row[3]
  answer[#answer + 1] = row[4]
end
if fits == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return answer
"
    ))
});

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The way to Redis. Made once; connections come and go by themselves.
pub struct Link {
    config: RedisLimits,
    connection: RwLock<Option<Connection>>,
    gone: AtomicBool,
    exchanges: AtomicU64,
    failures: AtomicU64,
}

/// What metrics and the API show of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LinkStatus {
    /// Whether Redis answers.
    pub connected: bool,
    /// Exchanges that were made, ever.
    pub exchanges: u64,
    /// And those that failed.
    pub failures: u64,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Link").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Link {
    /// From what was written; nothing is connected yet.
    ///
    /// # Errors
    /// A URL that is none of Redis.
    pub fn new(config: &RedisLimits) -> Result<Self, Fault> {
        for (index, url) in config.urls.iter().enumerate() {
            if redis::parse_redis_url(url).is_none() {
                let message = "is no URL of Redis; write redis://127.0.0.1:6379";
                return Err(Fault::at(index, message).under("urls"));
            }
        }
        if config.urls.is_empty() {
            return Err(Fault::at("urls", "is empty; write redis://127.0.0.1:6379"));
        }
        Ok(Self {
            config: config.clone(),
            connection: RwLock::new(None),
            gone: AtomicBool::new(true),
            exchanges: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Whether Redis decides each request.
    pub const fn is_exact(&self) -> bool {
        self.config.exact
    }

    /// How it stands.
    pub fn status(&self) -> LinkStatus {
        LinkStatus {
            connected: !self.gone.load(Relaxed),
            exchanges: self.exchanges.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }

    fn connected(&self) -> Option<Connection> {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, connection: Option<Connection>) {
        *self.connection.write().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    async fn connect(&self) -> RedisResult<Connection> {
        if let [url] = self.config.urls.as_slice() {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(ANSWER))
                .set_response_timeout(Some(ANSWER));
            let client = Client::open(url.as_str())?;
            Ok(Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?))
        } else {
            let client = ClusterClientBuilder::new(self.config.urls.iter().map(String::as_str))
                .connection_timeout(ANSWER)
                .response_timeout(ANSWER)
                .retries(1)
                .build()?;
            Ok(Connection::Cluster(client.get_async_connection().await?))
        }
    }

    /// Exchanges counters again and again.
    pub(super) async fn run(&self, limiter: &Limiter) {
        let pause = self.config.sync.0.max(Duration::from_millis(1));
        loop {
            sleep(pause).await;
            match timeout(ANSWER * 3, self.exchange(limiter)).await {
                Ok(Ok(())) => {
                    self.exchanges.fetch_add(1, Relaxed);
                    if self.gone.swap(false, Relaxed) {
                        tracing::info!("limits are shared over Redis");
                    }
                }
                outcome => {
                    self.failures.fetch_add(1, Relaxed);
                    self.keep(None);
                    if !self.gone.swap(true, Relaxed) || self.failures.load(Relaxed) == 1 {
                        let error = outcome.map_or_else(
                            |_| "no answer in time".to_owned(),
                            |outcome| format!("{outcome:?}"),
                        );
                        tracing::warn!(error, "Redis is gone; this node limits by itself until it is back");
                    }
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    async fn exchange(&self, limiter: &Limiter) -> RedisResult<()> {
        let mut connection = match self.connected() {
            Some(connection) => connection,
            None => {
                let connection = self.connect().await?;
                self.keep(Some(connection.clone()));
                connection
            }
        };
        loop {
            let batch = Batch { limiter, deltas: limiter.store.take_unsent(BATCH) };
            let full = batch.deltas.len() == BATCH;
            if batch.deltas.is_empty() {
                // An idle node would notice a Redis that is gone with the first request only.
                return match &mut connection {
                    Connection::One(one) => redis::cmd("PING").query_async::<()>(one).await,
                    Connection::Cluster(_) => Ok(()),
                };
            }
            match &mut connection {
                Connection::One(one) => self.pipeline(one, batch).await?,
                Connection::Cluster(cluster) => self.spread(cluster, batch).await?,
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// All keys in one pipeline.
    async fn pipeline(
        &self,
        connection: &mut MultiplexedConnection,
        mut batch: Batch<'_>,
    ) -> RedisResult<()> {
        let mut again = true;
        loop {
            let mut pipe = redis::pipe();
            for delta in &batch.deltas {
                pipe.cmd("EVALSHA").arg(ADD.get_hash()).arg(1).arg(self.name(delta.id));
                for argument in arguments(delta) {
                    pipe.arg(argument);
                }
            }
            match pipe.query_async::<Vec<Vec<u64>>>(connection).await {
                Ok(totals) => {
                    for (delta, totals) in batch.deltas.drain(..).zip(totals) {
                        merge(batch.limiter, delta.id, &totals, false);
                    }
                    return Ok(());
                }
                // A Redis that began anew does not know the script. Commands of the pipeline fail alike, so nothing was added.
                Err(error) if again && error.to_string().to_uppercase().contains("NOSCRIPT") => {
                    again = false;
                    ADD.load_async(connection).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A cluster has a node for each key: as many at once as its connections take. A node that is gone takes its own keys with it, and no other's.
    async fn spread(&self, connection: &ClusterConnection, mut batch: Batch<'_>) -> RedisResult<()> {
        let limiter = batch.limiter;
        // Each on its own, so that what is under way when this ends early goes back as well.
        let told: Vec<_> = batch
            .deltas
            .drain(..)
            .map(|delta| self.tell(connection.clone(), Batch { limiter, deltas: vec![delta] }))
            .collect();
        let mut answers = futures_util::stream::iter(told).buffer_unordered(256);
        let mut failed = None;
        while let Some(answer) = answers.next().await {
            failed = answer.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    async fn tell(&self, mut connection: ClusterConnection, mut single: Batch<'_>) -> RedisResult<()> {
        let Some(delta) = single.deltas.first() else { return Ok(()) };
        let mut invocation = ADD.key(self.name(delta.id));
        for argument in arguments(delta) {
            invocation.arg(argument);
        }
        let totals = invocation.invoke_async::<Vec<u64>>(&mut connection).await?;
        for delta in single.deltas.drain(..) {
            merge(single.limiter, delta.id, &totals, false);
        }
        Ok(())
    }

    /// Decided by Redis, key after key: what the first ones counted is taken back where a later one refuses. A burst is added to the limit of a second. Where
    /// Redis does not answer in time, the node decides.
    pub(super) async fn check(
        &self,
        limiter: &Limiter,
        now: Instant,
        keys: &[Key<'_>],
        cost: u32,
    ) -> Decision {
        let at = limiter.at(now);
        let Some(connection) = self.connected().filter(|_| self.config.exact) else {
            return limiter.store.check(at, keys, cost, true);
        };
        // The store shall know the keys that the answers are merged into.
        let _ = limiter.store.check(at, keys, 0, false);
        let mut counted = Vec::new();
        for key in keys {
            match timeout(PATIENCE, self.decide(connection.clone(), key, at, cost)).await {
                Ok(Ok((fits, totals))) => {
                    merge(limiter, key.id, &totals, true);
                    if !fits {
                        self.take_back(limiter, connection, &counted, at, cost).await;
                        let mut refused = limiter.store.check(at, keys, cost, false);
                        refused.allowed = false;
                        return refused;
                    }
                    counted.push(*key);
                }
                _ => {
                    self.failures.fetch_add(1, Relaxed);
                    self.take_back(limiter, connection, &counted, at, cost).await;
                    return limiter.store.check(at, keys, cost, true);
                }
            }
        }
        let mut passed = limiter.store.check(at, keys, 0, false);
        passed.allowed = true;
        passed
    }

    async fn decide(
        &self,
        connection: Connection,
        key: &Key<'_>,
        at: u64,
        cost: u32,
    ) -> RedisResult<(bool, Vec<u64>)> {
        let quota = &key.quota.0;
        let mut invocation = DECIDE.key(self.name(key.id));
        invocation.arg(KEPT).arg(at).arg(cost);
        for (place, ((window, length), limit)) in WINDOWS.iter().zip(quota.limits).enumerate() {
            let burst = if place == 0 { quota.burst } else { 0 };
            invocation.arg(*window).arg(*length).arg(limit.map_or(0, |limit| limit.saturating_add(burst)));
        }
        let mut answer: Vec<u64> = match connection {
            Connection::One(mut one) => invocation.invoke_async(&mut one).await?,
            Connection::Cluster(mut cluster) => invocation.invoke_async(&mut cluster).await?,
        };
        let totals = answer.split_off(answer.len().min(1));
        Ok((answer.first() == Some(&1), totals))
    }

    async fn take_back(
        &self,
        limiter: &Limiter,
        connection: Connection,
        keys: &[Key<'_>],
        at: u64,
        cost: u32,
    ) {
        for key in keys {
            let mut invocation = ADD.key(self.name(key.id));
            invocation.arg(KEPT);
            for ((window, length), limit) in WINDOWS.iter().zip(key.quota.0.limits) {
                let counted = if limit.is_some() { -i64::from(cost) } else { 0 };
                invocation.arg(*window).arg(at / length).arg(counted).arg(0);
            }
            let answer = match &connection {
                Connection::One(one) => {
                    timeout(PATIENCE, invocation.invoke_async::<Vec<u64>>(&mut one.clone())).await
                }
                Connection::Cluster(cluster) => {
                    timeout(PATIENCE, invocation.invoke_async::<Vec<u64>>(&mut cluster.clone())).await
                }
            };
            if let Ok(Ok(totals)) = answer {
                merge(limiter, key.id, &totals, true);
            }
        }
    }

    fn name(&self, id: u128) -> String {
        format!("{}{id:032x}", self.config.prefix)
    }
}

/// What is on its way. It goes back to the store if it does not arrive, whatever the reason; so some may be counted twice, and none is lost.
struct Batch<'a> {
    limiter: &'a Limiter,
    deltas: Vec<Delta>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for delta in &self.deltas {
            self.limiter.store.give_back(delta);
        }
    }
}

fn arguments(delta: &Delta) -> impl Iterator<Item = String> {
    let windows = WINDOWS.iter().zip(delta.counts).flat_map(|((window, _), (index, now, before))| {
        [(*window).to_owned(), index.to_string(), now.to_string(), before.to_string()]
    });
    std::iter::once(KEPT.to_string()).chain(windows)
}

fn merge(limiter: &Limiter, id: u128, totals: &[u64], exact: bool) {
    let few = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let (windows, _) = totals.as_chunks::<3>();
    let windows: Vec<_> =
        windows.iter().map(|[index, now, before]| (*index, few(*now), few(*before))).collect();
    limiter.store.merge(id, &windows, exact);
}
