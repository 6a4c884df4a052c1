//! Where tokens are kept between calls, and between runs of a program.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::engine::oauth::TokenSet;
use crate::transport::BoxFuture;

/// Why a store failed, in its own words.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Keeps one token set. Several clients, and several processes, may share what it stands for: before a refresh token is used the store is asked whether another has a newer set.
///
/// One that fails to load ends the call; one that fails to save or clear is told of in the log, and the call goes on with the token that it has.
///
/// ```
/// use waypost::oauth::{StoreError, TokenSet, TokenStore};
/// use waypost::transport::BoxFuture;
///
/// /// Keeps nothing.
/// struct Nowhere;
///
/// impl TokenStore for Nowhere {
///     fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
///         Box::pin(async { Ok(None) })
///     }
///     fn save<'a>(&'a self, _tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
///         Box::pin(async { Ok(()) })
///     }
///     fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait TokenStore: Send + Sync + 'static {
    /// What is kept.
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>>;

    /// Keeps this in place of what was kept.
    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Keeps nothing any more.
    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Keeps tokens in memory: for clients that share them, and for tests.
#[derive(Default)]
pub struct MemoryTokenStore {
    kept: Mutex<Option<TokenSet>>,
}

impl MemoryTokenStore {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these in it.
    pub fn with(tokens: TokenSet) -> Self {
        Self { kept: Mutex::new(Some(tokens)) }
    }

    /// What is kept.
    pub fn tokens(&self) -> Option<TokenSet> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, tokens: Option<TokenSet>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }
}

impl TokenStore for MemoryTokenStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        Box::pin(async { Ok(self.tokens()) })
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        self.set(Some(tokens.clone()));
        Box::pin(async { Ok(()) })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.set(None);
        Box::pin(async { Ok(()) })
    }
}

impl<S: TokenStore + ?Sized> TokenStore for std::sync::Arc<S> {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        (**self).load()
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).save(tokens)
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        (**self).clear()
    }
}

impl fmt::Debug for MemoryTokenStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryTokenStore").field("kept", &self.tokens()).finish()
    }
}
