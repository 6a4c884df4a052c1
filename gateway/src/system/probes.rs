//! The checks behind `/health`. Each is bounded in time and cheap, and those that touch the database are made at most once a second however
//! often they are asked for: health is open to everybody.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use waypost_types::{HealthCheck, HealthReport, HealthStatus};

use crate::Gateway;
use crate::http::Error;
use crate::store::{System, clock, dialect};

/// How long an answer of the database is good for.
const FRESH: Duration = Duration::from_secs(1);

/// How long a check may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Seconds after which an unhealthy gateway is asked again.
const RETRY_AFTER: u64 = 5;

/// The newest answers of the checks that touch the database.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    services: Mutex<Option<(Instant, Vec<HealthCheck>)>>,
    idempotency: Mutex<Option<(Instant, Vec<HealthCheck>)>>,
}

/// What a check found: how it is, and what there is to tell.
type Finding = (HealthStatus, Option<String>);

impl Gateway {
    /// The process itself.
    pub(super) async fn check_gateway(&self) -> Vec<HealthCheck> {
        let listener = check("listener", async {
            if self.serving.draining.load(Ordering::Relaxed) {
                return (HealthStatus::Down, Some("The gateway is shutting down.".to_owned()));
            }
            let address = self.serving.address.get();
            (HealthStatus::Ok, Some(address.map_or_else(|| "in process".to_owned(), ToString::to_string)))
        });
        vec![listener.await]
    }

    /// What the gateway stands on.
    pub(super) async fn check_services(&self) -> Vec<HealthCheck> {
        cached(&self.probes.services, async {
            vec![check("database", self.database()).await, check("ledger", self.ledger()).await]
        })
        .await
    }

    /// What authentication needs.
    pub(super) async fn check_auth(&self) -> Vec<HealthCheck> {
        let signing = check("signing_key", async {
            match self.auth.tokens.self_test() {
                Ok(()) => (HealthStatus::Ok, None),
                Err(error) => (HealthStatus::Down, Some(error.to_string())),
            }
        });
        let workers = check("password_workers", async {
            match self.auth.passwords.free() {
                0 => (
                    HealthStatus::Degraded,
                    Some("Every worker is busy; sign-ins wait their turn.".to_owned()),
                ),
                _ => (HealthStatus::Ok, None),
            }
        });
        vec![signing.await, workers.await]
    }

    /// What every request walks through.
    pub(super) async fn check_middleware(&self) -> Vec<HealthCheck> {
        let limits = check("rate_limits", async {
            let off = !self.config.rate_limits.enabled;
            (HealthStatus::Ok, off.then(|| "Turned off in the configuration.".to_owned()))
        });
        let mut checks = vec![limits.await];
        let idempotency = cached(&self.probes.idempotency, async {
            vec![
                check("idempotency", async {
                    found(dialect::recorded_answers(self.store.system(System::Health)).await, |_| None)
                })
                .await,
            ]
        });
        checks.extend(idempotency.await);
        checks
    }

    /// Readable, and the writer comes free in time.
    async fn database(&self) -> Finding {
        let asked = async {
            dialect::newest_entry(self.store.system(System::Health)).await?;
            self.store.begin_system(System::Health).await.map(drop)
        };
        found(asked.await, |()| None)
    }

    /// The newest entries balance. The whole ledger is proved by `waypost-gateway ledger verify`.
    async fn ledger(&self) -> Finding {
        match dialect::unbalanced_entries(self.store.system(System::Health)).await {
            Ok(unbalanced) if unbalanced.is_empty() => {
                (HealthStatus::Ok, Some("Debits and credits are equal.".to_owned()))
            }
            Ok(unbalanced) => {
                tracing::error!(entries = ?unbalanced, "the ledger does not balance");
                (
                    HealthStatus::Down,
                    Some(format!("{} of the newest entries do not balance.", unbalanced.len())),
                )
            }
            Err(error) => found(Err::<(), _>(error.into()), |()| None),
        }
    }

    /// The report of these checks; 503 if one is down.
    pub(super) fn report(&self, checks: Vec<HealthCheck>) -> Result<HealthReport, Error> {
        let down: Vec<String> = checks
            .iter()
            .filter(|check| check.status == HealthStatus::Down)
            .map(|check| format!("{}: {}", check.name, check.detail.as_deref().unwrap_or("down")))
            .collect();
        if !down.is_empty() {
            let error = Error::new(503, "unavailable", format!("Not healthy: {}", down.join(" ")));
            return Err(Error { retry_after: Some(RETRY_AFTER), ..error });
        }
        let degraded = checks.iter().any(|check| check.status == HealthStatus::Degraded);
        let uptime = self.serving.started.elapsed().as_secs();
        Ok(HealthReport::new(
            if degraded { HealthStatus::Degraded } else { HealthStatus::Ok },
            env!("CARGO_PKG_VERSION"),
            i64::try_from(uptime).unwrap_or(i64::MAX),
            clock::to_rfc3339(self.store.now()),
            checks,
        ))
    }
}

/// A failure is told in general and logged in detail: the report is public.
fn found<T>(result: Result<T, crate::store::StoreError>, tell: impl FnOnce(T) -> Option<String>) -> Finding {
    match result {
        Ok(value) => (HealthStatus::Ok, tell(value)),
        Err(error) => {
            tracing::error!(%error, "a health check failed");
            (HealthStatus::Down, Some("The database does not answer.".to_owned()))
        }
    }
}

async fn check(name: &str, finding: impl Future<Output = Finding>) -> HealthCheck {
    let started = Instant::now();
    let late = || (HealthStatus::Down, Some(format!("No answer within {} seconds.", PATIENCE.as_secs())));
    let (status, detail) = tokio::time::timeout(PATIENCE, finding).await.unwrap_or_else(|_| late());
    let duration = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
    let mut check = HealthCheck::new(name, status, duration);
    check.detail = detail;
    check
}

/// One look at a time, and none while the last one is fresh.
async fn cached(
    slot: &Mutex<Option<(Instant, Vec<HealthCheck>)>>,
    look: impl Future<Output = Vec<HealthCheck>>,
) -> Vec<HealthCheck> {
    let mut slot = slot.lock().await;
    match slot.as_ref() {
        Some((at, checks)) if at.elapsed() < FRESH => checks.clone(),
        _ => {
            let checks = look.await;
            *slot = Some((Instant::now(), checks.clone()));
            checks
        }
    }
}
