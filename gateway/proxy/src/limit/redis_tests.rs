//! Sharing over a real Redis, which is killed and brought back. `.ci/setup` installs it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Key, Limiter, Link, Quota};
use crate::config::{Rates, RedisLimits, Time};

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(port: u16) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
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

    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start(port)
    }

    fn link(&self, exact: bool) -> Arc<Link> {
        let urls = vec![format!("redis://127.0.0.1:{}", self.port)];
        Arc::new(
            Link::new(&RedisLimits { urls, sync: Time::ms(10), exact, ..RedisLimits::default() }).unwrap(),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn quota() -> Quota {
    Quota::new("free", "", &Rates { per_day: Some(100), ..Rates::default() }).unwrap().unwrap()
}

/// A node, and its background work.
fn node(link: &Arc<Link>) -> Arc<Limiter> {
    let limiter = Arc::new(Limiter::default());
    tokio::spawn(Arc::clone(&limiter).run(Arc::clone(link)));
    limiter
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn used(limiter: &Limiter, key: Key<'_>) -> u64 {
    limiter.usage(Instant::now(), key)[0].used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_their_counts_and_go_on_alone_while_redis_is_gone() {
    let server = Server::new();
    let links = [server.link(false), server.link(false)];
    let nodes = links.each_ref().map(node);
    let quota = quota();
    let key = quota.key(&[b"usr_1"]);
    let pass = |node: usize, count: usize| {
        (0..count).filter(|_| nodes[node].check(Instant::now(), &[key], 1).allowed()).count()
    };

    assert_eq!(pass(0, 30), 30);
    until("the first node's counts arrive", || links[0].status().exchanges > 3).await;
    assert_eq!(pass(1, 1), 1);
    until("the second node hears of the first's", || used(&nodes[1], key) == 31).await;
    assert_eq!(pass(0, 1), 1);
    until("the first node hears of the second's", || used(&nodes[0], key) == 32).await;

    let port = server.port;
    drop(server);
    until("its end is noticed", || links.iter().all(|link| !link.status().connected)).await;
    assert_eq!(pass(0, 40), 40);
    assert_eq!(pass(1, 80), 69, "31 were known of, and the limit holds alone");

    // A Redis that begins anew, without its memory, learns at least what was counted meanwhile.
    let _server = Server::start(port);
    until("it is back", || links.iter().all(|link| link.status().connected)).await;
    until("both have told what they counted", || links.iter().all(|link| link.status().exchanges > 3)).await;
    let _ = pass(0, 1);
    until("the first knows of more than the limit", || used(&nodes[0], key) > 100).await;
    assert_eq!((pass(0, 5), pass(1, 5)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_decides_each_request_where_that_is_wished() {
    let server = Server::new();
    let links = [server.link(true), server.link(true)];
    let nodes = links.each_ref().map(node);
    until("both are connected", || links.iter().all(|link| link.status().connected)).await;
    let (quota, small) = (
        quota(),
        Quota::new("orders", "route-", &Rates { per_hour: Some(3), ..Rates::default() }).unwrap().unwrap(),
    );
    let (key, narrow) = (quota.key(&[b"usr_1"]), small.key(&[b"usr_1", b"orders"]));
    let mut passed = 0;
    for turn in 0..120 {
        let decision = links[turn % 2].check(&nodes[turn % 2], Instant::now(), &[key], 1).await;
        passed += usize::from(decision.allowed());
    }
    assert_eq!(passed, 100, "not one more over both nodes");

    let other = quota.key(&[b"usr_2"]);
    for turn in 0..5 {
        let decision = links[0].check(&nodes[0], Instant::now(), &[other, narrow], 1).await;
        assert_eq!(decision.allowed(), turn < 3);
    }
    assert_eq!(used(&nodes[0], other), 3, "what the first key counted of a refused one is taken back");

    drop(server);
    let decision = links[0].check(&nodes[0], Instant::now(), &[other], 1).await;
    assert!(decision.allowed(), "the node decides while Redis is gone");
    assert!(!links[1].check(&nodes[1], Instant::now(), &[key], 1).await.allowed(), "by what it knows");
}
