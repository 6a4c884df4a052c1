//! Who made a request: a page of this gateway, or another site (Fetch Metadata; RFC 6454). Pure.

use http::{HeaderMap, HeaderName, header};

/// Says, in every browser of today, what the request's page has to do with us. A page cannot set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether one of our own pages made the request. `false` also where a browser says nothing: then nobody can tell.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => same_origin(headers).unwrap_or(false),
    }
}

/// Whether no other site made it: one of our own pages, or the person, by the address bar or a bookmark.
pub(crate) fn is_own_or_typed(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin" || site == "none",
        None => same_origin(headers).unwrap_or(false),
    }
}

/// Whether `Origin` is the host that was asked; none without it.
fn same_origin(headers: &HeaderMap) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    Some(origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_page_of_ours_is_told_by_fetch_metadata_before_anything_else() {
        assert!(is_own(&headers(&[("sec-fetch-site", "same-origin")])));
        for site in ["cross-site", "same-site", "none", ""] {
            let sent = [("sec-fetch-site", site), ("origin", "https://a.example"), ("host", "a.example")];
            assert!(!is_own(&headers(&sent)), "{site}");
        }
        assert!(is_own_or_typed(&headers(&[("sec-fetch-site", "none")])));
        assert!(
            !is_own_or_typed(&headers(&[("sec-fetch-site", "same-site")])),
            "a neighbour is another site"
        );
    }

    #[test]
    fn without_it_the_origin_must_be_the_host_that_was_asked() {
        let sent = |origin| headers(&[("origin", origin), ("host", "a.example:8080")]);
        assert!(is_own(&sent("https://a.example:8080")));
        for other in
            ["https://a.example", "https://evil.example", "null", "https://a.example:8080.evil.example"]
        {
            assert!(!is_own(&sent(other)), "{other}");
        }
        assert!(!is_own(&headers(&[("host", "a.example")])), "a browser that says nothing is not believed");
    }
}
