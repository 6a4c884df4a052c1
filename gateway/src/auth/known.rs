//! Who calls with a credential that was looked up a moment ago: one look into a table that nobody locks, found by the keyed hash of what was presented.
//!
//! A revocation takes effect at once. Removing an entry would not be enough: a request that looked at the database just before the revocation may put its old
//! answer back just after. So a changed credential is *marked* first, for longer than any look-up can take, and while a mark stands nothing about that credential
//! is served from here nor kept. Marks are counted, so that a request has to look for one only when there are more than at the time of the entry.
//!
//! The hash has a key, so nobody can choose where in the table a guess is compared, nor learn by the time how much of it is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use crate::http::Identity;
use crate::secrets::TokenHash;

/// How long an entry is served without another look, in microseconds. A change is seen before: one made by this process at once, one made by another (a node,
/// the command line) within seconds ([`super::changes`]). This bounds what no change was written of.
const FRESH: i64 = 30_000_000;

/// Longer than a look-up can take: that is bounded by the request timeout, an hour at most.
const MARKED: Duration = Duration::from_secs(2 * 3_600);

/// Entries that are kept at most.
const CAPACITY: usize = 200_000;

/// Uses of one credential within this time (microseconds) are one.
const COARSE: i64 = 10_000_000;

/// What a look at the database found a credential to be good for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) identity: Identity,
    /// When it stops working, if it does by itself (microseconds).
    pub(crate) until: Option<i64>,
    /// When its use was last noted (microseconds), where uses are noted.
    pub(crate) used: Option<i64>,
}

/// A caller who is known.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) identity: Arc<Identity>,
    /// Whether this use is to be noted.
    pub(crate) note: bool,
}

/// How many marks there were when a look-up began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began(u64);

struct Entry {
    identity: Arc<Identity>,
    until: i64,
    /// How many marks there were when none was the entry's.
    unmarked: AtomicU64,
    used: Option<AtomicI64>,
}

/// Credentials that were looked up.
pub(crate) struct Known {
    entries: papaya::HashMap<[u8; 32], Entry>,
    /// By the credential's identifier.
    marks: Cache<String, ()>,
    changes: AtomicU64,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            entries: papaya::HashMap::new(),
            marks: Cache::builder().time_to_live(MARKED).build(),
            changes: AtomicU64::new(0),
        }
    }
}

impl Known {
    /// Whose credential this is at `now` (microseconds), unless that may be out of date.
    pub(crate) fn get(&self, hash: &TokenHash, now: i64) -> Option<Hit> {
        let entries = self.entries.pin();
        let entry = entries.get(hash.as_bytes()).filter(|entry| now < entry.until)?;
        // Asked after the entry was found: a mark that was set before this request began is always seen.
        let changes = self.changes.load(Ordering::Acquire);
        if entry.unmarked.load(Ordering::Relaxed) != changes {
            if self.marks.contains_key(&entry.identity.credential_id) {
                return None;
            }
            entry.unmarked.store(changes, Ordering::Relaxed);
        }
        let note = entry.used.as_ref().is_some_and(|used| is_due(used, now));
        Some(Hit { identity: Arc::clone(&entry.identity), note })
    }

    /// How many changes of credentials this process knows of. One that was counted is asked of the database from here on.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// To be called before the database is asked.
    pub(crate) fn begin(&self) -> Began {
        Began(self.changes.load(Ordering::Acquire))
    }

    /// Keeps what was found at `now`, unless it was changed meanwhile.
    pub(crate) fn put(&self, hash: &TokenHash, found: Found, began: Began, now: i64) -> Hit {
        let identity = Arc::new(found.identity);
        let used = found.used.map(AtomicI64::new);
        let note = used.as_ref().is_some_and(|used| is_due(used, now));
        // One that is marked may have been read before its change was committed.
        if !self.marks.contains_key(&identity.credential_id) {
            let entries = self.entries.pin();
            if entries.len() >= CAPACITY {
                entries.clear();
            }
            let fresh = now.saturating_add(FRESH);
            let entry = Entry {
                identity: Arc::clone(&identity),
                until: found.until.map_or(fresh, |until| until.min(fresh)),
                unmarked: AtomicU64::new(began.0),
                used,
            };
            entries.insert(*hash.as_bytes(), entry);
        }
        Hit { identity, note }
    }

    /// To be called before a change of a credential is committed: a request that is dropped between its commit and its answer must not leave
    /// the old entry behind. The mark outlives the commit, so until then the database is asked and still says the old.
    pub(crate) fn changed(&self, credential_id: &str) {
        self.marks.insert(credential_id.to_owned(), ());
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Forgets what is not served any more at `now`.
    pub(crate) fn sweep(&self, now: i64) {
        self.entries.pin().retain(|_, entry| now < entry.until);
    }
}

/// Whether a use at `now` is the first for a while. Of several requests at once, one is told so.
fn is_due(used: &AtomicI64, now: i64) -> bool {
    let last = used.load(Ordering::Relaxed);
    now.saturating_sub(last) >= COARSE
        && used.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{MasterKey, Secrets};

    fn found(id: &str, until: Option<i64>) -> Found {
        let identity = Identity {
            tenant_id: "ten_1".into(),
            user_id: "usr_1".into(),
            credential_id: id.into(),
            permissions: Arc::from(["*".to_owned()]),
            tier: "free".into(),
            platform: false,
        };
        Found { identity, until, used: None }
    }

    fn hash(secret: &str) -> TokenHash {
        Secrets::new(MasterKey::new([1; 32])).tokens().hash("test", secret.as_bytes())
    }

    #[test]
    fn a_credential_is_known_until_it_or_the_memory_of_it_ends() {
        let known = Known::default();
        known.put(&hash("short"), found("key_1", Some(10)), known.begin(), 0);
        known.put(&hash("long"), found("key_2", None), known.begin(), 0);
        assert!(known.get(&hash("short"), 9).is_some() && known.get(&hash("short"), 10).is_none());
        assert!(known.get(&hash("long"), FRESH - 1).is_some() && known.get(&hash("long"), FRESH).is_none());
        assert!(known.get(&hash("another"), 0).is_none());
        known.sweep(10);
        assert_eq!(known.entries.len(), 1);
    }

    #[test]
    fn a_changed_credential_is_not_served_under_any_of_its_secrets_and_others_are() {
        let known = Known::default();
        for (secret, id) in [("old", "key_1"), ("new", "key_1"), ("other", "key_2")] {
            known.put(&hash(secret), found(id, None), known.begin(), 0);
        }
        known.changed("key_1");
        assert!(known.get(&hash("old"), 1).is_none() && known.get(&hash("new"), 1).is_none());
        for _ in 0..2 {
            assert!(known.get(&hash("other"), 1).is_some());
        }
    }

    #[test]
    fn a_reader_that_is_late_cannot_bring_the_old_answer_back() {
        let known = Known::default();
        // One that began before the change, and one between the change and its commit.
        let before = known.begin();
        known.changed("key_1");
        for began in [before, known.begin()] {
            known.put(&hash("secret"), found("key_1", None), began, 0);
            assert!(known.get(&hash("secret"), 1).is_none());
        }
        // The change came while the answer was put back.
        let before = known.begin();
        known.put(&hash("later"), found("key_2", None), before, 0);
        known.changed("key_2");
        assert!(known.get(&hash("later"), 1).is_none());
    }

    #[test]
    fn uses_within_a_while_are_noted_once() {
        let known = Known::default();
        let used = |used| Found { used: Some(used), ..found("key_1", None) };
        assert!(!known.put(&hash("a"), used(0), known.begin(), COARSE - 1).note);
        assert!(known.put(&hash("a"), used(0), known.begin(), COARSE).note);
        assert!(!known.get(&hash("a"), COARSE + 1).unwrap().note);
        assert!(known.get(&hash("a"), 2 * COARSE).unwrap().note);
    }
}
