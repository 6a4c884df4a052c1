//! A configuration file that is looked at again and again: when it has changed and then stood still for a moment, it is read. One that is good is handed on;
//! of one that is bad every fault is logged, and what was there stays.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Faulty, Read, read_file};

/// How often a file is looked at, if nothing else is wished.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// What a look at a file tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    changed: Option<SystemTime>,
    size: u64,
    /// A file that was put in the place of another (as editors and mounted volumes do) may have its time and size.
    inode: u64,
}

impl Look {
    /// Looks at a file; nothing where none can be looked at.
    pub fn at(file: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(file).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { changed: metadata.modified().ok(), size: metadata.len(), inode })
    }
}

/// Whether to read a file, decided from one look after another.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    read: Option<Look>,
    last: Option<Look>,
}

impl Watch {
    /// One that knows the file as it was read first.
    pub const fn new(read: Option<Look>) -> Self {
        Self { read, last: read }
    }

    /// Takes a look; whether the file is to be read now: it differs from what was read, and not from the look before. A file that is gone is not read.
    pub fn look(&mut self, look: Option<Look>) -> bool {
        let still = look == self.last;
        self.last = look;
        let new = look.is_some() && look != self.read && still;
        if new {
            self.read = look;
        }
        new
    }
}

/// Watches a file and hands on what it becomes, good or bad; never ends by itself. `first` is the look from before the first reading.
pub async fn watch(
    file: PathBuf,
    first: Option<Look>,
    interval: Duration,
    mut apply: impl FnMut(Result<Read, Faulty>) + Send,
) {
    let mut watch = Watch::new(first);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let path = file.clone();
        let look = tokio::task::spawn_blocking(move || Look::at(&path)).await.unwrap_or_default();
        if !watch.look(look) {
            continue;
        }
        let path = file.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || read_file(&path)).await else { continue };
        match &read {
            Ok(read) => {
                tracing::info!(file = %file.display(), warnings = read.warnings.len(), "the configuration was read anew");
                for warning in &read.warnings {
                    tracing::warn!(file = %file.display(), %warning, "the configuration has a warning");
                }
            }
            Err(faulty) => {
                tracing::error!(file = %file.display(), faults = faulty.faults.len(), "the configuration is faulty; the one that was there stays");
                for fault in &faulty.faults {
                    tracing::error!(file = %file.display(), %fault, "the configuration is faulty");
                }
            }
        }
        apply(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(size: u64) -> Option<Look> {
        Some(Look { changed: None, size, inode: 1 })
    }

    #[test]
    fn a_file_is_read_once_it_stands_still() {
        let mut watch = Watch::new(look(1));
        assert!(!watch.look(look(1)));
        assert!(!watch.look(look(2)), "it may be written still");
        assert!(!watch.look(look(3)));
        assert!(watch.look(look(3)));
        assert!(!watch.look(look(3)), "it was read");
        assert!(!watch.look(None) && !watch.look(None), "it is gone");
        assert!(!watch.look(look(3)) && !watch.look(look(3)), "it came back as it was");
        assert!(!watch.look(look(4)) && watch.look(look(4)));
    }

    #[tokio::test]
    async fn a_changed_file_is_handed_on_good_or_bad() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("waypost.yaml");
        std::fs::write(&file, "").unwrap();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let task =
            tokio::spawn(watch(file.clone(), Look::at(&file), Duration::from_millis(5), move |read| {
                sender.send(read.is_ok()).unwrap();
            }));
        std::fs::write(&file, "routes: 7").unwrap();
        assert_eq!(receiver.recv().await, Some(false));
        std::fs::write(&file, "services: {}").unwrap();
        assert_eq!(receiver.recv().await, Some(true));
        task.abort();
    }
}
