//! The files that a configuration names (keys of callers and issuers, OpenAPI files, authorities) are looked at again and again. Once one has changed and
//! stands still, what was written is compiled anew, as if it had been applied again: all that it names holds from the next request on, or nothing does and every
//! fault is logged.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Weak;

use crate::config::watch::{INTERVAL, Look, Watch};
use crate::proxy::Shared;

/// Watches the files of whatever configuration holds, until the proxy is gone.
pub(crate) async fn run(shared: Weak<Shared>) {
    let mut watches = HashMap::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let shared = shared.clone();
        // Looking and reading are a disk's matter, and may take their time.
        let looked = tokio::task::spawn_blocking(move || look(&shared, watches)).await;
        match looked {
            Ok(Some(next)) => watches = next,
            Ok(None) | Err(_) => return,
        }
    }
}

/// One look at each file. Nothing once the proxy is gone.
fn look(shared: &Weak<Shared>, mut watches: HashMap<PathBuf, Watch>) -> Option<HashMap<PathBuf, Watch>> {
    let shared = shared.upgrade()?;
    let snapshot = shared.snapshot.load_full();
    watches.retain(|path, _| snapshot.files.iter().any(|(named, _)| named == path));
    let mut changed = Vec::new();
    for (path, read) in &snapshot.files {
        let watch = watches.entry(path.clone()).or_insert_with(|| Watch::new(*read));
        if watch.look(Look::at(path)) {
            changed.push(path.display().to_string());
        }
    }
    if !changed.is_empty() {
        match shared.reread() {
            Ok(()) => tracing::info!(files = ?changed, "files of the configuration were read anew"),
            Err(faults) => {
                for fault in faults {
                    tracing::error!(files = ?changed, %fault, "a file that changed is faulty; what was read before stays");
                }
            }
        }
    }
    Some(watches)
}
