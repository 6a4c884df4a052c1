//! When each key was last used: noted in memory with a request now and then, written to the database now and then, so that a read
//! does not become a write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::storage;
use crate::store::{Store, StoreError, System};

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    noted: Mutex<HashMap<String, i64>>,
}

impl Usage {
    /// Notes a use of a key or a service token at `now` (microseconds).
    pub(crate) fn note(&self, credential_id: &str, now: i64) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert(credential_id.to_owned(), now);
    }

    /// Writes what was noted. What could not be written is noted again.
    pub(crate) async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner));
        if noted.is_empty() {
            return Ok(());
        }
        let written = write(store, &noted).await;
        if written.is_err() {
            let mut newer = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, time) in noted {
                newer.entry(id).or_insert(time);
            }
        }
        written
    }
}

async fn write(store: &Store, noted: &HashMap<String, i64>) -> Result<(), StoreError> {
    let mut tx = store.begin_system(System::Housekeeping).await?;
    for (id, time) in noted {
        storage::set_last_used(&mut tx, id, *time).await?;
    }
    tx.commit_empty().await
}
