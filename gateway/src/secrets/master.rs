//! The master key: 32 random bytes that everything else is derived from. Losing it makes every token, API key and sealed record
//! unreadable, so it is made once, written whole or not at all, and never replaced silently.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use zeroize::Zeroizing;

/// The master key. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Arc<Zeroizing<[u8; 32]>>,
}

/// Why the master key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// The text is not a key.
    #[error(
        "a master key is 32 bytes, written as 64 hexadecimal digits or as base64 (make one with `openssl rand -hex 32`)"
    )]
    Form,
    /// The file holds something else.
    #[error("`{}` is not a master key: expected 64 hexadecimal digits. Restore the file from a backup.", path.display())]
    File {
        /// The file.
        path: PathBuf,
    },
    /// There is data that an unknown key protects.
    #[error(
        "the master key `{}` is missing, but the database `{}` exists and was made with one. Restore the key file, or give the \
         key in WAYPOST_GATEWAY_MASTER_KEY. Without it no token, API key or sealed record in the database can be used.",
        key.display(), database.display()
    )]
    Missing {
        /// Where the key should be.
        key: PathBuf,
        /// The database that needs it.
        database: PathBuf,
    },
    /// The file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

impl MasterKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes: Arc::new(Zeroizing::new(bytes)) }
    }

    /// A new random key.
    pub fn generate() -> Result<Self, SecretsError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(SecretsError::Random)?;
        Ok(Self { bytes: Arc::new(bytes) })
    }

    /// Reads 64 hexadecimal digits or the base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let text = text.trim();
        if let Ok(hash) = blake3::Hash::from_hex(text) {
            return Ok(Self::new(*hash.as_bytes()));
        }
        let engine = base64::engine::general_purpose::STANDARD;
        let decoded = Zeroizing::new(engine.decode(text).map_err(|_| SecretsError::Form)?);
        let bytes: [u8; 32] = decoded.as_slice().try_into().map_err(|_| SecretsError::Form)?;
        Ok(Self::new(bytes))
    }

    /// Reads the key file, or makes it when neither it nor the database is there yet.
    pub fn open(path: &Path, database: &Path) -> Result<Self, SecretsError> {
        match read(path)? {
            Some(key) => Ok(key),
            None if database.exists() => {
                Err(SecretsError::Missing { key: path.to_owned(), database: database.to_owned() })
            }
            None => create(path),
        }
    }

    /// The key of one use.
    pub(super) fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, self.bytes.as_slice()))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

fn read(path: &Path) -> Result<Option<MasterKey>, SecretsError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SecretsError::Io { action: "read", path: path.to_owned(), source }),
    };
    warn_when_others_can_read(path);
    MasterKey::parse(&text).map(Some).map_err(|_| SecretsError::File { path: path.to_owned() })
}

#[cfg(unix)]
fn warn_when_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o007 != 0
    {
        tracing::warn!(path = %path.display(), "every user of this machine can read the master key; run `chmod 600` on it");
    }
}

#[cfg(not(unix))]
fn warn_when_others_can_read(_: &Path) {}

/// Written to a temporary file, synced and then linked to its name: a crash leaves no half a key, and of two processes that start at
/// once one wins and the other reads what it wrote.
fn create(path: &Path) -> Result<MasterKey, SecretsError> {
    let failed = |source| SecretsError::Io { action: "create", path: path.to_owned(), source };
    let key = MasterKey::generate()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private_directory(directory).map_err(failed)?;
    let temporary = path.with_extension(format!("key.{}", std::process::id()));
    let written = write_private(&temporary, &key).and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    match written {
        Ok(()) => removed.map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return read(path)?.ok_or_else(|| SecretsError::File { path: path.to_owned() });
        }
        Err(error) => return Err(failed(error)),
    }
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(key)
}

/// Makes a directory, and those above it, for its owner only. One that is there stays as it is.
pub(crate) fn create_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn write_private(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let hex = Zeroizing::new(format!("{}\n", blake3::Hash::from_bytes(**key.bytes).to_hex()));
    file.write_all(hex.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/er/master.key");
        let database = directory.path().join("waypost.db");
        let first = MasterKey::open(&path, &database).unwrap();
        let second = MasterKey::open(&path, &database).unwrap();
        assert_eq!(first.bytes, second.bytes);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_missing_key_beside_a_database_is_refused_and_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let database = directory.path().join("waypost.db");
        fs::write(&database, "").unwrap();
        let error = MasterKey::open(&path, &database).unwrap_err();
        assert!(matches!(error, SecretsError::Missing { .. }), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_key_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        fs::write(&path, "not a key").unwrap();
        let error = MasterKey::open(&path, &directory.path().join("waypost.db")).unwrap_err();
        assert!(error.to_string().contains("master.key"), "{error}");
    }

    #[test]
    fn hex_and_base64_of_one_key_are_the_same_key() {
        let hex = MasterKey::parse(&"ab".repeat(32)).unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode([0xab; 32]);
        assert_eq!(hex.bytes, MasterKey::parse(&text).unwrap().bytes);
        assert!(MasterKey::parse("abc").is_err());
        assert!(MasterKey::parse(&"ab".repeat(31)).is_err());
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        assert_eq!(format!("{:?}", MasterKey::new([7; 32])), "MasterKey([redacted])");
    }
}
