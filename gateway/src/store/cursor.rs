//! Cursors of lists: where a page ended, as an opaque word.
//!
//! A cursor is the (time, id) of the last row seen, bound to the list and its filters by a digest, so that a cursor that
//! was mistyped, cut off, invented, or taken to another list or other filters is refused instead of answering the
//! wrong rows. It is no secret and no permission: every list is limited to the caller's tenant by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::{Error, FieldError};

const DIGEST: usize = 8;
const TIME: usize = 8;

/// The last row of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Its time in microseconds.
    pub created_at: i64,
    /// Its identifier.
    pub id: String,
}

/// Which list a cursor belongs to: its name, its tenant and its filters.
#[derive(Debug, Clone)]
pub struct Scope {
    hasher: blake3::Hasher,
}

impl Scope {
    /// The scope of the list with this name.
    pub fn new(list: &str) -> Self {
        let mut scope = Self { hasher: blake3::Hasher::new_derive_key("waypost list cursor v1") };
        scope.add(list);
        scope
    }

    /// Adds one filter; order matters.
    #[must_use]
    pub fn with(mut self, filter: Option<&str>) -> Self {
        match filter {
            Some(value) => {
                self.hasher.update(&[1]);
                self.add(value);
            }
            None => {
                self.hasher.update(&[0]);
            }
        }
        self
    }

    fn add(&mut self, value: &str) {
        self.hasher.update(&(value.len() as u64).to_le_bytes());
        self.hasher.update(value.as_bytes());
    }

    fn digest(&self, payload: &[u8]) -> [u8; DIGEST] {
        let mut hasher = self.hasher.clone();
        hasher.update(payload);
        let mut digest = [0; DIGEST];
        hasher.finalize_xof().fill(&mut digest);
        digest
    }

    /// The cursor that continues after this row.
    pub fn encode(&self, created_at: i64, id: &str) -> String {
        let mut bytes = Vec::with_capacity(DIGEST + TIME + id.len());
        bytes.extend_from_slice(&created_at.to_be_bytes());
        bytes.extend_from_slice(id.as_bytes());
        let digest = self.digest(&bytes);
        bytes.extend_from_slice(&digest);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of this very list; anything else is a validation error of `query:cursor`.
    pub fn decode(&self, cursor: &str) -> Result<Position, Error> {
        self.read(cursor).ok_or_else(|| {
            Error::invalid(vec![FieldError {
                pointer: "query:cursor".to_owned(),
                code: "invalid_cursor".into(),
                detail: "Not a cursor of this list under these filters. Send the `next_cursor` of the page before, unchanged and with the same filters, or none for the first page.".to_owned(),
            }])
        })
    }

    fn read(&self, cursor: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (payload, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
        if self.digest(payload) != digest {
            return None;
        }
        let (time, id) = payload.split_at_checked(TIME)?;
        Some(Position {
            created_at: i64::from_be_bytes(time.try_into().ok()?),
            id: String::from_utf8(id.to_vec()).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wallets() -> Scope {
        Scope::new("wallets").with(Some("ten_1")).with(Some("active")).with(None)
    }

    #[test]
    fn a_cursor_leads_back_to_its_row() {
        let cursor = wallets().encode(1_795_331_700_123_456, "wal_1");
        let expected = Position { created_at: 1_795_331_700_123_456, id: "wal_1".to_owned() };
        assert_eq!(wallets().decode(&cursor).unwrap(), expected);
    }

    #[test]
    fn a_cursor_of_another_list_or_other_filters_is_refused() {
        let cursor = wallets().encode(1, "wal_1");
        for other in [
            Scope::new("payments").with(Some("ten_1")).with(Some("active")).with(None),
            Scope::new("wallets").with(Some("ten_2")).with(Some("active")).with(None),
            Scope::new("wallets").with(Some("ten_1")).with(None).with(Some("active")),
        ] {
            assert_eq!(other.decode(&cursor).unwrap_err().fields[0].code, "invalid_cursor");
        }
    }

    #[test]
    fn a_changed_cursor_is_refused() {
        let cursor = wallets().encode(1, "wal_1");
        for place in 0..cursor.len() {
            let mut changed: Vec<char> = cursor.chars().collect();
            changed[place] = if changed[place] == 'A' { 'B' } else { 'A' };
            let changed: String = changed.into_iter().collect();
            assert!(changed == cursor || wallets().decode(&changed).is_err(), "{changed}");
        }
        for text in ["", "A", "====", "not a cursor", "ä", &cursor[..cursor.len() - 2]] {
            assert_eq!(wallets().decode(text).unwrap_err().status, 422, "{text}");
        }
    }
}
