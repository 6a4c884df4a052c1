//! A token set in a file that only its owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::store::{StoreError, TokenStore};
use crate::engine::oauth::TokenSet;
use crate::transport::BoxFuture;

/// A file that is larger is none of ours.
const LARGEST: u64 = 256 * 1024;

/// Keeps tokens in a file of mode 0600. It is written beside its place and renamed, so that a reader never sees half of it, and one that others may read is refused.
///
/// ```
/// use waypost::oauth::{FileTokenStore, TokenSet};
/// let folder = std::env::temp_dir().join(format!("waypost-doc-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let store = FileTokenStore::new(folder.join("tokens.json"));
/// store.write(&TokenSet::new("at-1"))?;
/// assert_eq!(store.read()?, Some(TokenSet::new("at-1")));
/// store.remove()?;
/// assert_eq!(store.read()?, None);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FileTokenStore {
    path: PathBuf,
}

impl FileTokenStore {
    /// At this path, whose folder is there; the file need not be.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept; `None`: there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, others may read it, or it holds no token set; it says what to do.
    pub fn read(&self) -> Result<Option<TokenSet>, StoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.told("cannot be read", &error)),
        };
        self.check(&file)?;
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text).map_err(|error| self.told("cannot be read", &error))?;
        if text.len() as u64 > LARGEST {
            return Err(self.wrong("is too large to be a token set; point the store to another path"));
        }
        TokenSet::parse(&text).map(Some).map_err(|error| {
            self.wrong(&format!(
                "holds no token set ({}); remove it and sign in again",
                error.failure().message
            ))
        })
    }

    /// Keeps this in place of what was kept.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn write(&self, tokens: &TokenSet) -> Result<(), StoreError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let mut name = self.path.file_name().ok_or_else(|| self.wrong("is no path of a file"))?.to_owned();
        name.push(format!(".{}.{}.tmp", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
        let beside = self.path.with_file_name(name);
        let written = create(&beside).and_then(|mut file| {
            file.write_all(tokens.to_json().as_bytes())?;
            file.write_all(b"\n")?;
            // A refresh token may work once: its successor must survive the machine.
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        });
        written.map_err(|error| {
            let _gone = fs::remove_file(&beside);
            self.told("cannot be written", &error)
        })
    }

    /// Keeps nothing any more.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.told("cannot be removed", &error)),
            _ => Ok(()),
        }
    }

    #[cfg(unix)]
    fn check(&self, file: &File) -> Result<(), StoreError> {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(|error| self.told("cannot be read", &error))?.permissions().mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        Err(self.wrong(&format!(
            "may be read by others (mode {:04o}); make it yours alone (chmod 600), and sign in again if others could have read it",
            mode & 0o7777
        )))
    }

    #[cfg(not(unix))]
    fn check(&self, _file: &File) -> Result<(), StoreError> {
        Ok(())
    }

    fn told(&self, what: &str, error: &io::Error) -> StoreError {
        self.wrong(&format!("{what}: {error}"))
    }

    fn wrong(&self, what: &str) -> StoreError {
        format!("the token file {} {what}", self.path.display()).into()
    }
}

/// A new file that only its owner may read, from its beginning.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// The file is small and local: it is read and written where the call is.
impl TokenStore for FileTokenStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        Box::pin(async { self.read() })
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { self.write(tokens) })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.remove() })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn store(name: &str) -> (FileTokenStore, PathBuf) {
        let folder = std::env::temp_dir().join(format!("waypost-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).ok();
        (FileTokenStore::new(folder.join("tokens.json")), folder)
    }

    #[test]
    fn a_file_is_its_owners_alone_and_holds_the_whole_set() {
        let (store, folder) = store("own");
        let tokens = TokenSet::new("at").with_refresh_token("rt").with_expires_at(7).with_scope("a b");
        store.write(&TokenSet::new("before")).unwrap();
        store.write(&tokens).unwrap();
        assert_eq!(store.read().unwrap(), Some(tokens));
        assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        store.remove().unwrap();
        store.remove().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        let (store, folder) = store("others");
        store.write(&TokenSet::new("hunter2")).unwrap();
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
        let told = store.read().unwrap_err().to_string();
        assert!(told.contains("chmod 600") && told.contains("0644") && !told.contains("hunter2"), "{told}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_holds_something_else_says_so() {
        let (store, folder) = store("else");
        for text in ["", "hunter2", "{}", r#"{"access_token": "hunter2", "expires_at": "soon"}"#] {
            fs::write(store.path(), text).unwrap();
            fs::set_permissions(store.path(), fs::Permissions::from_mode(0o600)).unwrap();
            let told = store.read().unwrap_err().to_string();
            assert!(told.contains("tokens.json") && told.contains("sign in again"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
