//! What every list has in common: a page size, a place to continue, two bounds in time, newest first.

use sqlx::{QueryBuilder, Sqlite};

use super::clock;
use super::cursor::{Position, Scope};
use crate::http::{Error, FieldError};

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct Window {
    limit: i64,
    after: Option<Position>,
    created_after: Option<i64>,
    created_before: Option<i64>,
    scope: Scope,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

impl Window {
    /// The window that the common parameters ask for. `scope` names the list, the tenant and the other filters.
    pub fn new(
        scope: Scope,
        limit: Option<i64>,
        cursor: Option<&str>,
        created_after: Option<&str>,
        created_before: Option<&str>,
    ) -> Result<Self, Error> {
        let scope = scope.with(created_after).with(created_before);
        let created_after = time("created_after", created_after)?;
        let created_before = time("created_before", created_before)?;
        let after = cursor.map(|cursor| scope.decode(cursor)).transpose()?;
        let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        Ok(Self { limit, after, created_after, created_before, scope })
    }

    /// Ends a `SELECT … WHERE …`: bounds, keyset, order and limit over `prefix.created_at` and `prefix.id`.
    pub fn finish(&self, query: &mut QueryBuilder<Sqlite>, prefix: &'static str) {
        let mut condition = |before: &'static str, operator: &'static str, time: i64| {
            query.push(before).push(prefix).push(operator).push_bind(time);
        };
        if let Some(time) = self.created_after {
            condition(" AND ", ".created_at >= ", time);
        }
        if let Some(time) = self.created_before {
            condition(" AND ", ".created_at < ", time);
        }
        if let Some(Position { created_at, id }) = &self.after {
            query.push(" AND (").push(prefix).push(".created_at, ").push(prefix).push(".id) < (");
            query.push_bind(*created_at).push(", ").push_bind(id.clone()).push(")");
        }
        query.push(" ORDER BY ").push(prefix).push(".created_at DESC, ").push(prefix).push(".id DESC LIMIT ");
        // One more than wanted tells whether there is a next page.
        query.push_bind(self.limit.saturating_add(1));
    }

    /// Cuts what the query answered to the page, and makes the cursor of the next one.
    pub fn page<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> (i64, &str)) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| {
            let (created_at, id) = key(row);
            self.scope.encode(created_at, id)
        });
        Page { rows, next_cursor }
    }
}

/// Reads a time parameter; a validation error of `query:name` if it is none.
pub fn time(name: &str, text: Option<&str>) -> Result<Option<i64>, Error> {
    let Some(text) = text else { return Ok(None) };
    match clock::from_rfc3339(text) {
        Some(time) => Ok(Some(time)),
        None => Err(Error::invalid(vec![FieldError {
            pointer: format!("query:{name}"),
            code: "format".into(),
            detail: format!("`{text}` is not an RFC 3339 time such as 2026-11-22T09:00:00Z."),
        }])),
    }
}

/// Adds ` AND column IN (…)` for a filter that was given.
pub fn any_of<'a>(
    query: &mut QueryBuilder<Sqlite>,
    column: &'static str,
    values: impl IntoIterator<Item = &'a str>,
) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return;
    }
    query.push(" AND ").push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value.to_owned());
    }
    query.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(limit: i64) -> Window {
        Window::new(Scope::new("test"), Some(limit), None, None, None).unwrap()
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = window(2).page(vec![(2, "b"), (1, "a")], |row| (row.0, row.1));
        assert_eq!((page.rows.len(), page.next_cursor), (2, None));
    }

    #[test]
    fn a_page_ends_at_its_limit_and_its_cursor_is_its_last_row() {
        let page = window(2).page(vec![(3, "c"), (2, "b"), (1, "a")], |row| (row.0, row.1));
        assert_eq!(page.rows, [(3, "c"), (2, "b")]);
        let next = Window::new(Scope::new("test"), None, page.next_cursor.as_deref(), None, None).unwrap();
        assert_eq!(next.after, Some(Position { created_at: 2, id: "b".to_owned() }));
    }

    #[test]
    fn a_time_that_is_none_names_its_parameter() {
        let error = Window::new(Scope::new("test"), None, None, Some("soon"), None).unwrap_err();
        assert_eq!(error.fields[0].pointer, "query:created_after");
    }
}
