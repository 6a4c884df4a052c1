//! Lists of what is in memory, by name: pages of it, and the cursors between them.

use crate::http::Error;
use crate::store::cursor::Scope;

/// One page of names.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// The page of a list that begins after a cursor. `all` is sorted by name; a thing that comes or goes between two pages moves no other.
pub(crate) fn page<T>(
    list: &str,
    limit: Option<i64>,
    cursor: Option<&str>,
    all: Vec<T>,
    name: impl Fn(&T) -> &str,
) -> Result<Page<T>, Error> {
    let scope = Scope::new(list);
    let after = cursor.map(|cursor| scope.decode(cursor)).transpose()?.map(|position| position.id);
    let limit = usize::try_from(limit.unwrap_or(20).clamp(1, 100)).unwrap_or(20);
    let mut data: Vec<T> = all
        .into_iter()
        .filter(|thing| after.as_deref().is_none_or(|after| name(thing) > after))
        .take(limit + 1)
        .collect();
    let more = data.len() > limit;
    data.truncate(limit);
    let next_cursor = data.last().filter(|_| more).map(|last| scope.encode(0, name(last)));
    Ok(Page { data, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let all = || vec!["a", "b", "c"];
        let first = page("x", Some(2), None, all(), |name| name).unwrap();
        assert_eq!(first.data, ["a", "b"]);
        let second = page("x", Some(2), first.next_cursor.as_deref(), all(), |name| name).unwrap();
        assert_eq!((second.data, second.next_cursor), (vec!["c"], None));
        let error = page("y", None, first.next_cursor.as_deref(), all(), |name| name).unwrap_err();
        assert_eq!(error.fields[0].code, "invalid_cursor");
    }
}
