//! A cache of what credentials are good for, in which a revocation takes effect at once.
//!
//! Removing an entry is not enough: a reader that looked at the database just before the revocation may put its old answer
//! back just after. So a changed credential is *marked* first, for longer than any look-up can take, and while a mark stands nothing
//! about that credential is served from the cache nor kept in it. An answer that was put back in between is gone before the mark is.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

/// How long an entry is served without another look. A change is seen before: one made by this process at once, one made by another (a node, the command
/// line) within seconds ([`super::changes`]). This bounds what no change was written of.
const FRESH: Duration = Duration::from_secs(60);

/// Longer than a look-up can take: that is bounded by the request timeout, an hour at most.
const MARKED: Duration = Duration::from_secs(2 * 3_600);

const CAPACITY: u64 = 200_000;

/// Entries by the credential's identifier.
pub(crate) struct CredentialCache<V> {
    entries: Cache<String, Arc<V>>,
    marks: Cache<String, ()>,
}

impl<V: Send + Sync + 'static> CredentialCache<V> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Cache::builder().max_capacity(CAPACITY).time_to_live(FRESH).build(),
            marks: Cache::builder().time_to_live(MARKED).build(),
        }
    }

    /// What is known, unless it may be out of date.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<V>> {
        let entry = self.entries.get(id)?;
        // Asked after the entry was read: a mark that was set before this request began is always seen.
        (!self.marks.contains_key(id)).then_some(entry)
    }

    /// Keeps what was read from the database.
    pub(crate) fn put(&self, id: &str, value: &Arc<V>) {
        self.entries.insert(id.to_owned(), Arc::clone(value));
        if self.marks.contains_key(id) {
            self.entries.invalidate(id);
        }
    }

    /// To be called before a change is committed: a request that is dropped between its commit and its answer must not leave
    /// the old entry behind. The mark outlives the commit, so until then the database is asked and still says the old.
    pub(crate) fn changed(&self, id: &str) {
        self.marks.insert(id.to_owned(), ());
        self.entries.invalidate(id);
    }
}

impl<V> std::fmt::Debug for CredentialCache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialCache")
            .field("entries", &self.entries.weighted_size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_until_it_changes() {
        let cache = CredentialCache::new();
        cache.put("key_1", &Arc::new(1));
        assert_eq!(cache.get("key_1").as_deref(), Some(&1));
        cache.changed("key_1");
        assert_eq!(cache.get("key_1"), None);
    }

    #[test]
    fn a_reader_that_is_late_cannot_bring_the_old_answer_back() {
        let cache = CredentialCache::new();
        cache.changed("key_1");
        cache.put("key_1", &Arc::new(1));
        assert_eq!(cache.get("key_1"), None);
        cache.put("key_2", &Arc::new(2));
        assert_eq!(cache.get("key_2").as_deref(), Some(&2), "others are not touched");
    }
}
