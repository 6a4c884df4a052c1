//! The conditional cache.

/// How much the conditional cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Answers (256).
    pub entries: usize,
    /// Bytes of all bodies together (4 MiB). An answer of more than an eighth of it is not kept.
    pub bytes: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { entries: 256, bytes: 4 * 1024 * 1024 }
    }
}
