//! Asking targets how they are, in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use http::StatusCode;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::discovery;
use super::service::Service;
use super::target::Target;
use crate::body::BodyError;
use crate::breaker::{Breaker, State};
use crate::config::ActiveHealth;

/// Who can ask a target for a path: the proxy's own client, with the service's TLS.
pub trait Asker: Send + Sync + 'static {
    /// Sends `GET path` to the target and reads the answer's head. How long that may take is the caller's matter: the future is dropped then.
    fn ask<'a>(
        &'a self,
        target: &'a Arc<Target>,
        path: &'a str,
    ) -> BoxFuture<'a, Result<StatusCode, BodyError>>;
}

impl Service {
    /// The service's background work: discovery and questions of health, until the future is dropped. A new configuration is followed by itself.
    pub async fn run(self: Arc<Self>, asker: Arc<dyn Asker>) {
        loop {
            let changed = self.changed.notified();
            let work = async {
                tokio::join!(discovery::run(&self), watch(&self, &*asker));
            };
            tokio::select! {
                () = changed => {}
                () = work => std::future::pending().await,
            }
        }
    }

    /// Asks an open breaker's service for `path` every so often; a good answer half-opens it early. Runs until dropped.
    pub async fn probe(self: Arc<Self>, asker: Arc<dyn Asker>, breaker: Arc<Breaker>, path: String) {
        const EVERY: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(EVERY).await;
            if breaker.state() != State::Open {
                continue;
            }
            for target in self.targets() {
                let answer = timeout(EVERY * 2, asker.ask(&target, &path)).await;
                if matches!(answer, Ok(Ok(status)) if status.is_success()) {
                    breaker.answered(Instant::now());
                    break;
                }
            }
        }
    }
}

/// Asks every target again and again, each at its own time.
async fn watch(service: &Service, asker: &dyn Asker) {
    let set = service.set();
    let Some(policy) = set.policy.active.clone() else { return std::future::pending().await };
    drop(set);
    let mut under_way = FuturesUnordered::new();
    let mut asked: Vec<Arc<Target>> = Vec::new();
    let mut look = tokio::time::interval(policy.interval.0.min(Duration::from_secs(1)));
    loop {
        tokio::select! {
            _ = look.tick() => {
                let targets = service.targets();
                asked.retain(|known| targets.iter().any(|target| Arc::ptr_eq(target, known)));
                for target in targets {
                    if !asked.iter().any(|known| Arc::ptr_eq(known, &target)) {
                        asked.push(Arc::clone(&target));
                        under_way.push(one(service, asker, &policy, target, true));
                    }
                }
            }
            Some(target) = under_way.next(), if !under_way.is_empty() => {
                if asked.iter().any(|known| Arc::ptr_eq(known, &target)) {
                    under_way.push(one(service, asker, &policy, target, false));
                }
            }
        }
    }
}

/// One question, after its time. The first comes at once, so that a dead target is found soon after a start.
async fn one(
    service: &Service,
    asker: &dyn Asker,
    policy: &ActiveHealth,
    target: Arc<Target>,
    first: bool,
) -> Arc<Target> {
    let spread = 1.0 + policy.jitter * (fastrand::f64() - 0.5);
    let wait = policy.interval.0.mul_f64(if first { spread * 0.05 } else { spread });
    tokio::time::sleep(wait).await;
    let answer = timeout(policy.timeout.0, async {
        match &policy.path {
            Some(path) => {
                let status = asker.ask(&target, path).await?.as_u16();
                Ok::<_, BodyError>((policy.statuses.0..=policy.statuses.1).contains(&status))
            }
            None => {
                TcpStream::connect((target.host().as_str(), target.port())).await?;
                Ok(true)
            }
        }
    });
    let good = matches!(answer.await, Ok(Ok(true)));
    if target.answer(good, policy) {
        tracing::info!(service = %service.name(), target = %target.key(), healthy = good, "target's health changed");
    }
    target
}
