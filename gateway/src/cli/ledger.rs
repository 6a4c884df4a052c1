//! `ledger verify`.

use super::{CliError, print};
use crate::config::Config;
use crate::ledger;
use crate::secrets::Secrets;
use crate::store::Store;

pub(super) async fn verify(config: Config) -> Result<(), CliError> {
    let secrets = Secrets::open(&config)?;
    let store = Store::open(&config.store(), secrets.sealer().clone()).await?;
    let report = ledger::verify(&store).await;
    store.close().await;
    let report = report?;
    if !report.is_balanced() {
        return Err(CliError::Unbalanced(report.discrepancies.iter().map(ToString::to_string).collect()));
    }
    print(&format!("{} entries over {} accounts balance\n", report.entries, report.accounts));
    Ok(())
}
