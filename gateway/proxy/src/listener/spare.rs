//! Maps of headers that nobody needs any more: those of an answer that is written, for those of the next request. Made anew, a map costs a request more than
//! what is put into it.

use std::cell::RefCell;

use http::HeaderMap;

/// Headers that are added to those of a request or an answer on its way, as a rule.
pub(super) const ADDED: usize = 16;

/// Maps that a thread keeps, and headers that one of them has room for, at most.
const MAPS: usize = 64;
const ROOM: usize = 128;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty map with room for so many headers.
pub(super) fn take(count: usize) -> HeaderMap {
    match SPARE.with_borrow_mut(Vec::pop) {
        Some(mut headers) => {
            headers.reserve(count);
            headers
        }
        None => HeaderMap::with_capacity(count),
    }
}

/// Takes a map that nobody needs any more.
pub(super) fn give(mut headers: HeaderMap) {
    if headers.capacity() == 0 || headers.capacity() > ROOM {
        return;
    }
    headers.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MAPS {
            spare.push(headers);
        }
    });
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_map_comes_back_empty_and_not_too_large() {
        let mut headers = take(4);
        headers.insert("x-secret", HeaderValue::from_static("1"));
        headers.append("x-secret", HeaderValue::from_static("2"));
        give(headers);
        assert!(take(4).is_empty());
        give(HeaderMap::with_capacity(ROOM * 4));
        assert!(take(0).capacity() <= ROOM);
    }
}
