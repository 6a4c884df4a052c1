//! Cursor paging: how a list that the server gives in pages becomes one sequence, and when it ends.
//!
//! Promises: each page is asked for once; a server that says "there is more" without a way on, or that leads in a circle, gives an error instead
//! of an endless loop.

use serde_json::Value;

use super::error::{Error, Failure};
use super::operation::Paginate;

/// Where a listing stands. Ask it for the next page's cursor, tell it what the page said.
///
/// ```
/// use waypost::engine::Pager;
/// let mut pager = Pager::new(None);
/// assert_eq!(pager.next(), Some(None));
/// pager.advance(Some("c1"), true)?;
/// assert_eq!(pager.next(), Some(Some("c1")));
/// pager.advance(None, false)?;
/// assert_eq!(pager.next(), None);
/// # Ok::<(), waypost::engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pager {
    cursor: Option<String>,
    /// For the check against circles: a cursor of long ago, replaced after 1, 2, 4, ... pages (Brent), so a circle of any length is found
    /// in constant memory.
    mark: Option<String>,
    steps: u64,
    finished: bool,
}

impl Pager {
    /// A listing that begins at `cursor`, or at the beginning.
    pub fn new(cursor: Option<String>) -> Self {
        Self { mark: cursor.clone(), cursor, steps: 0, finished: false }
    }

    /// The cursor to ask with: `Some(None)` for a first page without one, `None` when there are no more pages.
    pub fn next(&self) -> Option<Option<&str>> {
        (!self.finished).then_some(self.cursor.as_deref())
    }

    /// Takes what a page said. After an error there are no more pages.
    ///
    /// # Errors
    /// [`Error::Decode`] when there is more and no way to ask for it, or the way leads back to a page that was there.
    pub fn advance(&mut self, next_cursor: Option<&str>, has_more: bool) -> Result<(), Error> {
        self.finished = true;
        if !has_more {
            return Ok(());
        }
        let Some(next) = next_cursor.filter(|next| !next.is_empty()) else {
            return Err(broken("the page says that there is more and gives no cursor to ask with"));
        };
        if self.mark.as_deref() == Some(next) || self.cursor.as_deref() == Some(next) {
            return Err(broken(
                "the page's cursor leads back to a page that was there: the list would never end",
            ));
        }
        self.finished = false;
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.mark = Some(next.to_owned());
        }
        self.cursor = Some(next.to_owned());
        Ok(())
    }
}

/// What a page's body says about the next one, for callers that hold bytes and no type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageEnd {
    /// The next page's cursor.
    pub next_cursor: Option<String>,
    /// Is there more?
    pub has_more: bool,
    /// How many items the page has.
    pub items: usize,
}

impl PageEnd {
    /// Reads it from a page's body. Without a flag, a cursor means more.
    ///
    /// # Errors
    /// [`Error::Decode`] when the body is no page: not JSON, or without its array of items.
    pub fn read(paginate: &Paginate, body: &[u8]) -> Result<Self, Error> {
        let page: Value = serde_json::from_slice(body)
            .map_err(|error| broken(&format!("the page is not JSON: {error}")))?;
        let Some(items) = page.get(paginate.items).and_then(Value::as_array) else {
            return Err(broken(&format!("the page has no array `{}`", paginate.items)));
        };
        let next_cursor = page.get(paginate.next_cursor).and_then(Value::as_str).map(str::to_owned);
        let has_more = page.get(paginate.has_more).and_then(Value::as_bool).unwrap_or(next_cursor.is_some());
        Ok(Self { next_cursor, has_more, items: items.len() })
    }
}

fn broken(message: &str) -> Error {
    let failure = Failure::new(message).advise("This is the server's mistake: tell its operator");
    Error::Decode(Box::new(failure))
}
