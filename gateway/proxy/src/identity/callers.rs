//! Lists of callers in files.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Caller;
use crate::config::{Fault, read_list};

/// What every entry may say of its caller.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry<T> {
    /// What the caller shows.
    #[serde(flatten)]
    pub(super) shows: T,
    caller: String,
    tenant: Option<String>,
    tier: Option<String>,
    #[serde(default)]
    permissions: Vec<String>,
}

impl<T> Entry<T> {
    pub(super) fn split(self) -> (T, Arc<Caller>) {
        let Self { shows, caller: name, tenant, tier, permissions } = self;
        (shows, Arc::new(Caller { name, tenant, tier, permissions }))
    }
}

/// Reads a list.
pub(super) fn read<T: DeserializeOwned>(file: &Path) -> Result<Vec<Entry<T>>, Fault> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fault::at("file", format!("`{}` cannot be read: {error}", file.display())))?;
    read_list(&text).map_err(|fault| Fault::at("file", format!("`{}`: {fault}", file.display())))
}
