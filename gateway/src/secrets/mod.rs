//! Everything secret starts here: one master key, the keys derived from it, and what is made with them.
//!
//! - The master key never encrypts anything itself: each use has its own key, derived with BLAKE3's `derive_key` under a context
//!   that names the use, so that no two uses can ever be mixed up.
//! - Passwords do not depend on the master key (argon2id with their own salt); high-entropy tokens and API keys are kept as a keyed hash.
//! - What must be read back is sealed by [`Sealer`].
//!
//! What does not live here: who may do what (`auth`), and the SQL that stores the results.

pub mod id;
mod master;
pub mod password;
pub mod random;
mod sealer;
mod signing_key;
mod token_hash;

use zeroize::Zeroizing;

pub(crate) use master::create_private_directory;
pub use master::{MasterKey, SecretsError};
pub use sealer::{SealError, Sealer};
pub(crate) use signing_key::SigningKey;
pub use token_hash::{TokenHash, TokenHasher};

use crate::config::Config;

/// The gateway's keys. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Secrets {
    master: MasterKey,
    sealer: Sealer,
    tokens: TokenHasher,
}

impl Secrets {
    /// Takes the master key of the configuration, else of the data directory, where it is made on first start.
    pub fn open(config: &Config) -> Result<Self, SecretsError> {
        let master = match &config.master_key {
            Some(key) => key.clone(),
            None => MasterKey::open(&config.master_key_file(), &config.database_file())?,
        };
        Ok(Self::new(master))
    }

    /// All keys from this master key.
    pub fn new(master: MasterKey) -> Self {
        let sealer = Sealer::new(&master.derive("waypost-gateway 2026-11 sealed records"));
        let tokens = TokenHasher::new(&master.derive("waypost-gateway 2026-11 token hashes"));
        Self { master, sealer, tokens }
    }

    /// Encrypts what must be read back.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Hashes tokens and API keys for storage, and request bodies for comparison.
    pub fn tokens(&self) -> &TokenHasher {
        &self.tokens
    }

    /// The seed of the Ed25519 key that signs access tokens.
    pub(crate) fn signing_seed(&self) -> Zeroizing<[u8; 32]> {
        self.master.derive("waypost-gateway 2026-11 access token signing")
    }
}
