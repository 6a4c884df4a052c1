//! Entity tags (RFC 9110, section 8.8.3): a strong one for every answer to a GET that is sent in one piece.

use http::{HeaderMap, HeaderValue, header};

/// The tag of a body: the same bytes of the same media type have the same tag, on every node and after every restart.
pub(super) fn of(body: &[u8]) -> String {
    let hash = blake3::hash(body).to_hex();
    let mut tag = String::with_capacity(34);
    tag.push('"');
    tag.push_str(hash.get(..32).unwrap_or_default());
    tag.push('"');
    tag
}

/// Whether the caller has it already: `If-None-Match` names it, weakly compared, or says `*`.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    })
}

/// The tag as a header.
pub(super) fn header(tag: String) -> Option<HeaderValue> {
    HeaderValue::try_from(tag).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_recognised_in_every_form_that_a_cache_sends() {
        let tag = of(b"{}");
        assert_eq!(tag, of(b"{}"));
        assert_ne!(tag, of(b"{ }"));
        for (sent, known) in [
            (tag.clone(), true),
            (format!("W/{tag}"), true),
            (format!("\"other\", {tag}"), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (tag.trim_matches('"').to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::try_from(&sent).unwrap());
            assert_eq!(is_known(&headers, &tag), known, "{sent}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
