//! Password hashing: argon2id on the blocking threads, a bounded number at once.
//!
//! The bound is what keeps a burst of logins from taking all memory and every core: a hash holds its whole memory (19 MiB by default)
//! while it runs. Requests over the bound wait their turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::config::PasswordsConfig;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
    dummy: Arc<str>,
    computed: Arc<AtomicU64>,
}

/// Why a password was neither hashed nor verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The parameters are out of argon2's bounds, or a stored hash is damaged.
    #[error("password hashing failed: {0}")]
    Hash(String),
    /// The gateway is shutting down.
    #[error("password hashing was cancelled by the shutdown")]
    Cancelled,
}

impl Passwords {
    /// A hasher with these parameters. Computes one hash, so that a login for nobody takes as long as one for somebody.
    pub fn new(config: &PasswordsConfig) -> Result<Self, PasswordError> {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .map_err(|error| PasswordError::Hash(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, "nobody has this password")?.into();
        let running = Arc::new(Semaphore::new(config.concurrency.max(1) as usize));
        Ok(Self { argon2, running, dummy, computed: Arc::default() })
    }

    /// The hash of a new password, as a PHC string with its own salt.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, PasswordError> {
        let argon2 = self.argon2.clone();
        self.run(move || hash(&argon2, &password)).await
    }

    /// Whether the password is the one that was hashed. Without a stored hash it does the same work and answers no.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let argon2 = self.argon2.clone();
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.to_string());
        self.run(move || {
            let parsed =
                PasswordHash::new(&stored).map_err(|error| PasswordError::Hash(error.to_string()))?;
            Ok(argon2.verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    /// How many hashes could start now without waiting.
    pub fn free(&self) -> usize {
        self.running.available_permits()
    }

    /// How many hashes have been computed, whatever for.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Cancelled)?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: a caller that goes away must not make room for another hash while this one still runs.
            let _permit = permit;
            work()
        })
        .await
        .map_err(|_| PasswordError::Cancelled)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, PasswordError> {
    let hash: Result<PasswordHash, _> = argon2.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&PasswordsConfig { memory_kib: 64, iterations: 1, parallelism: 1, concurrency: 1 })
            .unwrap()
    }

    fn text(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let passwords = passwords();
        let stored = passwords.hash(text("correct horse battery")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert!(passwords.verify(text("correct horse battery"), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify(text("wrong horse battery"), Some(stored)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_can_log_in_with_the_dummy_password() {
        assert!(!passwords().verify(text("nobody has this password"), None).await.unwrap());
    }
}
