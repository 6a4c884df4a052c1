//! Cookies (RFC 6265bis): reading ours, and setting them as tightly as the address allows.

use http::{HeaderMap, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session.
    Session,
    /// Names the browser before anybody has signed in: for forms, and for sign-ins with a provider that are under way.
    Browser,
}

impl Cookie {
    /// Over https the prefix keeps other hosts of the same domain from setting it, and plain http from reading it.
    const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-waypost_session",
            (Self::Session, false) => "waypost_session",
            (Self::Browser, true) => "__Host-waypost_browser",
            (Self::Browser, false) => "waypost_browser",
        }
    }

    /// Its value in a request; none if there are two, of which nobody can tell who set which.
    pub(crate) fn read(self, headers: &HeaderMap, secure: bool) -> Option<&str> {
        let name = self.name(secure);
        let mut values = headers
            .get_all(header::COOKIE)
            .into_iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(own, _)| *own == name)
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    /// The value of `Set-Cookie`. `Lax` and not `Strict`: a person who comes from the page of a client must be known here.
    pub(crate) fn set(self, value: &str, secure: bool) -> String {
        format!("{}={value}; {}", self.name(secure), Self::attributes(secure))
    }

    /// The value of `Set-Cookie` that takes it away.
    pub(crate) fn clear(self, secure: bool) -> String {
        format!("{}=; Max-Age=0; {}", self.name(secure), Self::attributes(secure))
    }

    const fn attributes(secure: bool) -> &'static str {
        if secure { "Path=/; HttpOnly; SameSite=Lax; Secure" } else { "Path=/; HttpOnly; SameSite=Lax" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let sent = headers(&["a=1; __Host-waypost_session=secret; b=2"]);
        assert_eq!(Cookie::Session.read(&sent, true), Some("secret"));
        assert_eq!(Cookie::Session.read(&sent, false), None, "the prefix is part of the name");
        assert_eq!(Cookie::Browser.read(&sent, true), None);
    }

    #[test]
    fn a_cookie_that_comes_twice_counts_for_nothing() {
        for sent in
            [["waypost_session=1; waypost_session=2", "x=1"], ["waypost_session=1", "waypost_session=2"]]
        {
            assert_eq!(Cookie::Session.read(&headers(&sent), false), None);
        }
        assert_eq!(Cookie::Session.read(&headers(&["waypost_session="]), false), None);
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http() {
        let set = Cookie::Session.set("secret", true);
        assert_eq!(set, "__Host-waypost_session=secret; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(!set.contains("Domain"), "a cookie of a domain would reach other hosts");
        assert!(Cookie::Session.clear(true).contains("Max-Age=0"));
    }
}
