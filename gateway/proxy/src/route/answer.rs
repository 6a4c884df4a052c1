//! What a route answers by itself: a redirect, or always the same.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::rewrite::{one_slash, value};
use super::{Pattern, Template};
use crate::Body;
use crate::config::{self, Fault};

/// Sends elsewhere.
#[derive(Debug, Clone)]
pub struct Redirect {
    to: Template,
    status: StatusCode,
    /// The target has no query of its own: the request's is kept.
    keeps_query: bool,
}

impl Redirect {
    /// For a route's `redirect` and the pattern of its match.
    ///
    /// # Errors
    /// A target whose host a request could choose, a blank that the pattern does not fill, a status that is none of a redirect.
    pub fn new(redirect: &config::Redirect, pattern: &Pattern) -> Result<Self, Fault> {
        let status = match redirect.status {
            301 | 302 | 303 | 307 | 308 => StatusCode::from_u16(redirect.status).ok(),
            _ => None,
        };
        let Some(status) = status else {
            return Err(Fault::at(
                "status",
                format!("{} is none; write 301, 302, 303, 307 or 308", redirect.status),
            ));
        };
        let text = redirect.to.as_str();
        let wrong = |message: String| Err(Fault::at("to", message));
        if let Some(bad) = text.chars().find(|c| *c == '\\' || !c.is_ascii_graphic()) {
            return wrong(format!("`{text}` has {bad:?}; encode it as `%..`"));
        }
        let to = match Template::new(text, |name| pattern.knows(name)) {
            Ok(to) => to,
            Err(message) => return wrong(message),
        };
        let host = to.fixed().strip_prefix("https://").or_else(|| to.fixed().strip_prefix("http://"));
        match host {
            // The host ends within the text that is always the same, or no blank could reach it.
            Some(host) if host.starts_with(['/', '?', '#']) || host.is_empty() => {
                return wrong(format!("`{text}` has no host of its own"));
            }
            Some(host) if !host.contains(['/', '?', '#']) && to.constant().is_none() => {
                return wrong(format!(
                    "`{text}` lets a request choose the host; write `/` before the first `{{`"
                ));
            }
            None if !text.starts_with('/') || text.starts_with("//") => {
                return wrong(format!("`{text}` is neither a path nor an http or https URL"));
            }
            _ => {}
        }
        Ok(Self { keeps_query: !text.contains('?'), to, status })
    }

    /// The answer to a request.
    pub fn answer(&self, parameters: &[(Arc<str>, String)], query: Option<&str>) -> Response<Body> {
        let to = one_slash(self.to.fill(|name| value(parameters, name)).into()).into_owned();
        let to = match query.filter(|query| self.keeps_query && !query.is_empty()) {
            None => to,
            Some(query) => match to.split_once('#') {
                Some((to, fragment)) => format!("{to}?{query}#{fragment}"),
                None => format!("{to}?{query}"),
            },
        };
        let mut answer = Response::new(Body::empty());
        match HeaderValue::from_str(&to) {
            Ok(to) => {
                *answer.status_mut() = self.status;
                answer.headers_mut().insert(header::LOCATION, to);
            }
            Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
        }
        answer
    }
}

/// Answers always the same.
#[derive(Debug, Clone)]
pub struct Fixed {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fixed {
    /// For a route's `respond`.
    ///
    /// # Errors
    /// A status that is no final one, a header that cannot be, a body where a status has none.
    pub fn new(fixed: &config::Fixed) -> Result<Self, Fault> {
        let status =
            StatusCode::from_u16(fixed.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let Some(status) = status else {
            return Err(Fault::at("status", format!("{} is none; write 200 to 599", fixed.status)));
        };
        if matches!(fixed.status, 204 | 205 | 304) && !fixed.body.is_empty() {
            return Err(Fault::at("body", format!("an answer with {status} has no body")));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &fixed.headers {
            let place = |message: String| Fault::at(name.as_str(), message).under("headers");
            let known: HeaderName =
                name.parse().map_err(|_| place(format!("`{name}` is no header's name")))?;
            if crate::edge::headers::is_framing(&known) {
                return Err(place(format!("`{name}` is set by the gateway itself")));
            }
            let value = HeaderValue::from_str(value)
                .map_err(|_| place(format!("{value:?} cannot be a header's value")))?;
            headers.append(known, value);
        }
        if !fixed.body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        Ok(Self { status, headers, body: Bytes::copy_from_slice(fixed.body.as_bytes()) })
    }

    /// The answer.
    pub fn answer(&self) -> Response<Body> {
        let mut answer = Response::new(Body::full(self.body.clone()));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redirect(to: &str, pattern: &str) -> Result<Redirect, Fault> {
        let redirect = config::Redirect { to: to.to_owned(), status: 308 };
        Redirect::new(&redirect, &Pattern::new(Some(pattern)).unwrap())
    }

    fn location(to: &str, pattern: &str, path: &str, query: Option<&str>) -> String {
        let parameters = Pattern::new(Some(pattern)).unwrap().parameters_of(path);
        let answer = redirect(to, pattern).unwrap().answer(&parameters, query);
        answer.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_redirect_keeps_the_query_unless_it_has_its_own() {
        assert_eq!(location("/new/{*}", "/old/*", "/old/a/b", Some("x=1")), "/new/a/b?x=1");
        assert_eq!(location("/new?y=2", "/old", "/old", Some("x=1")), "/new?y=2");
        assert_eq!(
            location("https://a.example/{*}#top", "/*", "/a", Some("x=1")),
            "https://a.example/a?x=1#top"
        );
        assert_eq!(location("https://a.example", "/*", "/a", None), "https://a.example");
    }

    #[test]
    fn no_request_chooses_the_host() {
        for to in [
            "https://a.example{*}",
            "https://{*}/",
            "//evil.example",
            "{*}",
            "ftp://a/",
            "https://",
            "https:///{*}",
        ] {
            assert!(redirect(to, "/*").is_err(), "{to}");
        }
        assert_eq!(location("/{*}", "/go/*", "/go//evil.example", None), "/evil.example");
        assert_eq!(location("/{*}", "/go/*", "/go/\\evil.example", None), "/evil.example");
    }

    proptest! {
        #[test]
        fn whatever_a_path_holds_a_redirect_to_a_path_stays_here(rest in "[!-~]{0,30}") {
            let parameters = [(Arc::from("*"), rest)];
            let answer = redirect("/{*}", "/*").unwrap().answer(&parameters, None);
            let location = answer.headers().get(header::LOCATION).unwrap().to_str().unwrap();
            prop_assert!(location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\"));
        }
    }

    #[test]
    fn a_fixed_answer_is_checked_before_it_is_given() {
        let fixed = config::Fixed { body: "ok".to_owned(), ..Default::default() };
        let answer = Fixed::new(&fixed).unwrap().answer();
        assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), "text/plain; charset=utf-8");
        for (status, name, value, body) in [
            (99, "", "", ""),
            (101, "", "", ""),
            (204, "", "", "x"),
            (200, "a b", "", ""),
            (200, "a", "\r\n", ""),
            (200, "Content-Length", "1", ""),
        ] {
            let mut fixed = config::Fixed { status, body: body.to_owned(), ..Default::default() };
            if !name.is_empty() {
                fixed.headers.insert(name.to_owned(), value.to_owned());
            }
            assert!(Fixed::new(&fixed).is_err(), "{fixed:?}");
        }
    }
}
