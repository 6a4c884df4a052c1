//! The operations of `system`.

use waypost_types::HealthReport;

use crate::Gateway;
use crate::generated::{Success, SystemApi, Text};
use crate::http::{Context, Error};
use crate::store::{System, dialect};
use crate::telemetry::{Snapshot, to_prometheus};

/// The contract with the samples of every operation.
const OPENAPI: &str = include_str!("../generated/docs/openapi.yaml");

/// The reference as one page that needs no network.
const DOCS: &str = include_str!("../generated/docs/index.html");

impl SystemApi<Context, Error> for Gateway {
    async fn system_health(&self, _: Context) -> Result<Success<HealthReport>, Error> {
        let mut checks = self.check_gateway().await;
        checks.extend(self.check_services().await);
        checks.extend(self.check_auth().await);
        checks.extend(self.check_middleware().await);
        self.report(checks).map(Success)
    }

    async fn system_health_gateway(&self, _: Context) -> Result<Success<HealthReport>, Error> {
        self.report(self.check_gateway().await).map(Success)
    }

    async fn system_health_services(&self, _: Context) -> Result<Success<HealthReport>, Error> {
        self.report(self.check_services().await).map(Success)
    }

    async fn system_health_auth(&self, _: Context) -> Result<Success<HealthReport>, Error> {
        self.report(self.check_auth().await).map(Success)
    }

    async fn system_health_middleware(&self, _: Context) -> Result<Success<HealthReport>, Error> {
        self.report(self.check_middleware().await).map(Success)
    }

    async fn system_metrics(&self, _: Context) -> Result<Text, Error> {
        served(self.config.metrics, "Metrics are")?;
        let pool = self.store.system(System::Health);
        let snapshot = Snapshot {
            ledger_entries: dialect::newest_entry(pool).await?,
            // After the query, so that its own connection is idle again.
            database_connections: pool.size(),
            database_idle: pool.num_idle(),
            uptime: self.serving.started.elapsed(),
        };
        let mut text = self.metrics.render(&snapshot).map_err(Error::internal)?;
        if let Some(data_plane) = self.data_plane() {
            let proxy = data_plane.proxy();
            text.push_str(&to_prometheus(&proxy.recorder().text(&proxy.seen())));
        }
        Ok(Text::new(text))
    }

    async fn system_openapi(&self, _: Context) -> Result<Text, Error> {
        served(self.config.docs, "The contract and its reference are")?;
        Ok(Text::new(OPENAPI))
    }

    async fn system_docs(&self, _: Context) -> Result<Text, Error> {
        served(self.config.docs, "The contract and its reference are")?;
        Ok(Text::new(DOCS))
    }
}

fn served(on: bool, what: &str) -> Result<(), Error> {
    if on {
        Ok(())
    } else {
        Err(Error::new(404, "not_found", format!("{what} turned off in the configuration.")))
    }
}
