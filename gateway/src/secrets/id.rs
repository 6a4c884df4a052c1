//! Identifiers: a prefix that names the kind and a UUIDv7, whose order is the order of creation.

use uuid::Uuid;

/// A new identifier: `new("wal")` is `wal_0198…`. Within one process each is greater than the one before.
pub fn new(prefix: &str) -> String {
    format!("{prefix}_{}", Uuid::now_v7().simple())
}

/// Whether `text` has the form that [`new`] gives under this prefix.
pub fn is(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_sort_by_creation() {
        let ids: Vec<String> = (0..1_000).map(|_| super::new("wal")).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| super::is("wal", id) && !super::is("pay", id)));
        assert!(!super::is("wal", "wal_"));
        assert!(!super::is("wal", &ids[0].to_uppercase()));
    }
}
