//! One gateway a data directory: requests in flight, caches and limits are kept in memory, so two would not know of each other.
//! The lock is the operating system's and ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Why the data directory could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another gateway serves it.
    #[error("another gateway serves the data directory `{}`. Stop it, or choose another with --data-dir.", .0.display())]
    Taken(PathBuf),
    /// The lock file could not be made.
    #[error("cannot use the data directory `{}`: {source}. Make it writable, or choose another with --data-dir.", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Takes the directory for as long as the answer is held. Makes it if it is missing.
pub(super) fn take(directory: &Path) -> Result<File, LockError> {
    let failed = |source| LockError::Io { path: directory.to_owned(), source };
    crate::secrets::create_private_directory(directory).map_err(failed)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("serve.lock"));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_served_by_one_gateway_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = take(directory.path()).unwrap();
        assert!(matches!(take(directory.path()), Err(LockError::Taken(_))));
        drop(first);
        assert!(take(directory.path()).is_ok());
    }
}
