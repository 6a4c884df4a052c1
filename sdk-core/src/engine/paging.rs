//! Cursor paging: how a list that the server gives in pages becomes one sequence, and when it ends.

use super::error::{Error, Failure};
use super::operation::Paginate;

/// Where a listing stands. Ask it for the next page's cursor, tell it what the page said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    cursor: Option<String>,
    finished: bool,
}

impl Pager {
    /// A listing that begins at `cursor`, or at the beginning.
    pub fn new(cursor: Option<String>) -> Self {
        Self { cursor, finished: false }
    }

    /// The cursor to ask with: `Some(None)` for a first page without one, `None` when there are no more pages.
    #[allow(clippy::option_option)]
    pub fn next(&self) -> Option<Option<&str>> {
        (!self.finished).then_some(self.cursor.as_deref())
    }

    /// Takes what a page said.
    ///
    /// # Errors
    /// [`Error::Decode`] when there is more and no way to ask for it, or the way leads back to the same page.
    pub fn advance(&mut self, next_cursor: Option<&str>, has_more: bool) -> Result<(), Error> {
        if !has_more {
            self.finished = true;
            return Ok(());
        }
        match next_cursor {
            Some(next) if !next.is_empty() && self.cursor.as_deref() != Some(next) => {
                self.cursor = Some(next.to_owned());
                Ok(())
            }
            _ => {
                self.finished = true;
                Err(Error::Decode(Box::new(Failure::new(
                    "the page says that there is more and gives no new cursor",
                ))))
            }
        }
    }
}

/// What a page's body says about the next one, for callers that hold bytes and no type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageEnd {
    /// The next page's cursor.
    pub next_cursor: Option<String>,
    /// Is there more?
    pub has_more: bool,
}

impl PageEnd {
    /// Reads it from a page's body.
    ///
    /// # Errors
    /// [`Error::Decode`] when the body is no page.
    pub fn read(paginate: &Paginate, body: &[u8]) -> Result<Self, Error> {
        let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| {
            Error::Decode(Box::new(Failure::new(format!("the page is not JSON: {error}"))))
        })?;
        let next_cursor =
            value.get(paginate.next_cursor).and_then(serde_json::Value::as_str).map(str::to_owned);
        let has_more = value
            .get(paginate.has_more)
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(next_cursor.is_some());
        Ok(Self { next_cursor, has_more })
    }
}
