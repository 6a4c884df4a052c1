//! Paths, as a client may write them.

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::pipeline::normal::{plain, resolve};

pub(super) fn holds(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let Ok(normal) = resolve(path) else {
        assert!(!plain(path), "{path:?} is plain, and refused");
        return;
    };
    assert_eq!(resolve(&normal).ok().as_deref(), Some(&*normal), "of {path:?}");
    assert!(!plain(path) || normal == path, "{path:?} is plain, and becomes {normal:?}");
    // Whoever reads it next takes it for a path, the same one.
    assert_eq!(PathAndQuery::try_from(normal.as_str()).unwrap().path(), normal);
    // A service that decodes it finds the segments that were routed by, and none that leads up or out.
    let decoded: Vec<u8> = percent_decode_str(&normal).collect();
    let segments: Vec<&[u8]> = decoded.split(|byte| *byte == b'/').collect();
    assert_eq!(segments.len(), normal.split('/').count(), "{normal:?} has other segments when it is decoded");
    assert!(segments[0].is_empty(), "{normal:?} does not begin at the root");
    for (index, segment) in segments.iter().copied().enumerate().skip(1) {
        assert!(!matches!(segment, b"." | b".."), "{normal:?} leads up");
        assert!(!segment.is_empty() || index + 1 == segments.len(), "{normal:?} has an empty segment");
        assert!(!segment.contains(&0) && !segment.contains(&b'\\'), "{normal:?} is read in two ways");
    }
}
