//! Limits over a real Redis and a real Redis Cluster, whose servers are killed and brought back. `.ci/setup` installs them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, OK, Running, Target, simple, until};

/// A server. It is killed where it is dropped.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start(port: u16, more: &[&str]) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is missing: run .ci/setup");
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    /// What a command answers.
    fn ask(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Three servers that share the slots.
struct Cluster {
    folder: tempfile::TempDir,
    ports: Vec<(u16, u16)>,
    nodes: Vec<Option<Redis>>,
}

impl Cluster {
    async fn new() -> Self {
        let ports: Vec<_> = (0..3).map(|_| (free_port(), free_port())).collect();
        let mut cluster = Self { folder: tempfile::tempdir().unwrap(), ports, nodes: Vec::new() };
        for (index, slots) in ["0 5460", "5461 10922", "10923 16383"].iter().enumerate() {
            let node = cluster.node(index);
            let (from, to) = slots.split_once(' ').unwrap();
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]).trim(), "OK");
            assert_eq!(node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).trim(), "OK");
            let (port, bus) = cluster.ports[0];
            node.ask(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string(), &bus.to_string()]);
            cluster.nodes.push(Some(node));
        }
        cluster.whole().await;
        cluster
    }

    fn node(&self, index: usize) -> Redis {
        let folder: PathBuf = self.folder.path().join(index.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let (port, bus) = self.ports[index];
        let text = |path: &Path| path.display().to_string();
        let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--cluster-port"];
        let bus = bus.to_string();
        let folder = text(&folder);
        let more = more.iter().copied().chain([
            bus.as_str(),
            "--dir",
            folder.as_str(),
            "--cluster-require-full-coverage",
            "no",
        ]);
        Redis::start(port, &more.collect::<Vec<_>>())
    }

    /// Waits until every server sees all slots served by servers that are well.
    async fn whole(&self) {
        until("the cluster is whole", || {
            self.nodes.iter().flatten().all(|node| {
                let info = node.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
                    && info.contains("cluster_slots_ok:16384")
                    && info.contains("cluster_known_nodes:3")
            })
        })
        .await;
    }

    fn urls(&self) -> Vec<String> {
        self.nodes.iter().flatten().map(Redis::url).collect()
    }
}

/// A configuration whose callers are addresses that a trusted proxy names.
fn limited(target: &Target, rates: Value, redis: Value) -> Value {
    let mut config = simple(std::slice::from_ref(&target.url));
    config["trusted_proxies"] = json!(["127.0.0.0/8"]);
    config["limits"] = json!({ "enabled": true, "tiers": { "anonymous": rates }, "redis": redis });
    config
}

/// A client of a proxy, on one connection.
struct Client(TcpStream);

impl Client {
    /// The status of a request from an address.
    async fn get(&mut self, address: &str) -> u16 {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let length = |head: &str| -> usize {
            let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            line.unwrap().trim().parse().unwrap()
        };
        loop {
            let mut more = [0; 4096];
            let count = self.0.read(&mut more).await.unwrap();
            assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&more[..count]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= length(&head.to_ascii_lowercase())
            {
                return head[9..12].parse().unwrap();
            }
        }
    }
}

/// How many of so many requests from an address pass; the others are refused, and nothing else.
async fn pass(proxy: &Running, address: &str, count: usize) -> usize {
    let mut client = Client(TcpStream::connect(proxy.address).await.unwrap());
    let mut passed = 0;
    for _ in 0..count {
        match client.get(address).await {
            200 => passed += 1,
            status => assert_eq!(status, 429),
        }
    }
    passed
}

fn exchanges(proxy: &Running) -> u64 {
    proxy.proxy.seen().limit_link.unwrap().exchanges
}

/// Waits until a proxy told Redis what it counted.
async fn told(proxy: &Running) {
    let before = exchanges(proxy);
    until("counts are exchanged", || exchanges(proxy) > before + 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_proxies_share_limits_over_a_cluster_and_go_on_while_a_node_of_it_is_gone() {
    let mut cluster = Cluster::new().await;
    let target = Target::new(Act::Answer(OK)).await;
    let config =
        limited(&target, json!({ "per_day": 20 }), json!({ "urls": cluster.urls(), "sync": "10ms" }));
    let (one, two) = (Running::new(config.clone()), Running::new(config));
    // Addresses enough that each node of the cluster has some of their keys.
    let callers = |net: u8| (1..=12).map(move |last| format!("10.0.{net}.{last}"));

    for caller in callers(0) {
        assert_eq!(pass(&one, &caller, 10).await, 10);
    }
    told(&one).await;
    for caller in callers(0) {
        assert_eq!(pass(&two, &caller, 1).await, 1);
    }
    told(&two).await;
    for caller in callers(0) {
        assert_eq!(pass(&two, &caller, 15).await, 9, "10 passed through the other");
    }

    cluster.nodes[1] = None;
    for caller in callers(0) {
        assert_eq!(pass(&two, &caller, 2).await, 0, "what is known stays");
    }
    for caller in callers(1) {
        assert_eq!((pass(&one, &caller, 8).await, pass(&two, &caller, 8).await), (8, 8));
    }
    for caller in callers(2) {
        let passed = (pass(&one, &caller, 25).await, pass(&two, &caller, 25).await);
        assert!(passed.0 == 20 && passed.1 <= 20, "each limits by itself: {passed:?}");
    }

    cluster.nodes[1] = Some(cluster.node(1));
    cluster.whole().await;
    let connected = |proxy: &Running| proxy.proxy.seen().limit_link.unwrap().connected;
    until("both are connected", || connected(&one) && connected(&two)).await;
    told(&one).await;
    told(&two).await;
    for caller in callers(1) {
        pass(&one, &caller, 1).await;
    }
    told(&one).await;
    for caller in callers(1) {
        let passed = pass(&one, &caller, 20).await;
        assert_eq!(passed, 3, "8, 8 and 1 of 20 had passed");
    }
}

/// Requests that come while Redis is killed and brought back: all of them are answered as if nothing was.
async fn under_load(exact: bool) {
    let port = free_port();
    let mut redis = Some(Redis::start(port, &[]));
    let target = Target::new(Act::Answer(OK)).await;
    let redis_config = json!({ "urls": [redis.as_ref().unwrap().url()], "sync": "10ms", "exact": exact });
    let proxy =
        Running::new(limited(&target, json!({ "per_day": 1_000_000, "per_minute": 900_000 }), redis_config));
    let connected = || proxy.proxy.seen().limit_link.unwrap().connected;
    until("Redis is there", connected).await;
    let sent = Arc::new(AtomicUsize::new(0));
    let address = proxy.address;
    let clients: Vec<_> = (0..8)
        .map(|caller| {
            let sent = Arc::clone(&sent);
            tokio::spawn(async move {
                let mut client = Client(TcpStream::connect(address).await.unwrap());
                for _ in 0..500 {
                    let status = client.get(&format!("10.1.0.{caller}")).await;
                    assert_eq!(status, 200);
                    sent.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    until("a part is sent", || sent.load(Relaxed) > 800).await;
    redis = None;
    let at_kill = sent.load(Relaxed);
    until("its end is noticed", || !connected()).await;
    until("more is sent without it", || sent.load(Relaxed) > at_kill + 400).await;
    assert!(redis.is_none());
    let _again = Redis::start(port, &[]);
    let at_return = sent.load(Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(at_return < 4_000, "it came back under load");
    until("it is shared again", connected).await;
    assert_eq!((sent.load(Relaxed), target.count()), (4_000, 4_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_and_brought_back_under_load_costs_no_request() {
    under_load(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_decides_is_killed_and_brought_back_under_load_and_costs_no_request() {
    under_load(true).await;
}
