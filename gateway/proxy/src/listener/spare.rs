//! What nobody needs any more, for the next one: the map of the headers of an answer that is written, and the buffer that it was written from. Made anew, a map
//! costs a request more than what is put into it.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderMap;

/// Headers that are added to those of a request or an answer on its way, as a rule.
pub(super) const ADDED: usize = 16;

/// Maps that a thread keeps, and headers that one of them has room for, at most.
const MAPS: usize = 64;
const ROOM: usize = 128;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
    static BUFFER: RefCell<BytesMut> = RefCell::default();
}

/// What an answer takes together with a small body, as a rule; and what of it is kept at most.
const ANSWER: usize = 1 << 10;
const LARGEST: usize = 8 << 10;

/// An empty buffer.
pub(super) fn take_buffer() -> BytesMut {
    let mut buffer = BUFFER.take();
    buffer.reserve(ANSWER);
    buffer
}

/// Takes a buffer that nobody needs any more.
pub(super) fn give_buffer(mut buffer: BytesMut) {
    if buffer.capacity() <= LARGEST {
        buffer.clear();
        BUFFER.set(buffer);
    }
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
