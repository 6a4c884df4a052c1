//! `config apply`: what `config_apply` does, from a file and without a running gateway or beside one, which takes it over within seconds.

use std::path::Path;

use waypost_proxy::config::{Fault, Faulty, Level, Part};

use super::{CliError, print};
use crate::Gateway;
use crate::config::Config;
use crate::configuration::rules;
use crate::control::{Author, storage};
use crate::data_plane::{File, Plan};
use crate::store::System;

/// Who the change is recorded as.
const AUTHOR: Author<'static> = Author { name: "waypost-gateway config apply", request_id: None };

/// Replaces what was made through the API by what a file says; with `check` only says what is wrong with it.
pub(super) async fn apply(config: Config, file: &Path, check: bool) -> Result<(), CliError> {
    let front = config.proxy.as_deref().map(File::read).transpose().map_err(CliError::Proxy)?;
    let plan = Plan::new(front, &config);
    let text = std::fs::read_to_string(file).map_err(|error| {
        CliError::Proxy(faulty(file, vec![Fault::new(format!("the file cannot be read: {error}"))]))
    })?;
    let part = Part::of_file(&text);
    let gateway = Gateway::open(config).await?;
    let done = put(&gateway, &plan, &part, file, check).await;
    gateway.store.close().await;
    print(&done?);
    Ok(())
}

async fn put(
    gateway: &Gateway,
    plan: &Plan,
    part: &Part,
    file: &Path,
    check: bool,
) -> Result<String, CliError> {
    plan.begin(gateway).map_err(|faults| CliError::Proxy(plan.faulty(faults)))?;
    let mut tx = gateway.store.begin_system(System::Operator).await?;
    let view = gateway.control.view();
    let (after, found) = rules::checked(part, &view, tx.now());
    let found: Vec<Fault> = found
        .into_iter()
        .map(|fault| Fault { mark: fault.mark.or_else(|| part.locate(&fault.place)), ..fault })
        .collect();
    if found.iter().any(|fault| fault.level == Level::Error) {
        return Err(CliError::Proxy(faulty(file, found)));
    }
    if check {
        return Ok(format!("{} is right\n", file.display()));
    }
    let before = storage::parts(tx.connection()).await?;
    let revision = storage::revision(tx.connection()).await?;
    let revision = storage::save(&mut tx, &before, &after, revision.number, AUTHOR, "apply").await?;
    tx.commit_empty().await?;
    Ok(format!("{} holds as revision {}\n", file.display(), revision.number))
}

fn faulty(file: &Path, mut faults: Vec<Fault>) -> Faulty {
    faults.sort_by_key(|fault| fault.mark);
    Faulty { file: file.display().to_string(), faults }
}
