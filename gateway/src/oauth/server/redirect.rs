//! Redirect addresses: which a client may register, which of a request is one of them, and how an answer is put on one. Pure.

use url::{Host, Url};

/// Whether a client may be registered with it, or what is wrong with it (RFC 9700, section 2.1; RFC 8252, section 7).
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if text.contains('#') {
        return Err("has a fragment");
    }
    if text.contains('*') {
        return Err("has a `*`: addresses are compared character by character");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name in it");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback(&url) => Ok(()),
        "http" => Err("is http on a host that is not 127.0.0.1 or [::1]"),
        // A scheme of one's own is a reversed domain (RFC 8252, section 7.1), which `javascript` and `data` are not.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("has a scheme that is neither https nor a reversed domain, such as `com.example.app`"),
    }
}

/// Whether the address of a request is the registered one: character by character, but for the port of a loopback address, which the system chooses
/// when the program starts (RFC 8252, section 7.3).
pub(crate) fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Ok(registered), Ok(mut with_port)) = (Url::parse(registered), Url::parse(asked)) else {
        return false;
    };
    if registered.scheme() != "http" || !loopback(&registered) || !loopback(&with_port) || asked.contains('#')
    {
        return false;
    }
    with_port.set_port(registered.port()).is_ok() && with_port == registered
}

/// `127.0.0.1` or `[::1]`; not `localhost`, which a machine may resolve elsewhere (RFC 8252, section 8.3).
fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// The address with these parameters beside those that it has.
pub(crate) fn with(address: &str, parameters: &[(&str, &str)]) -> String {
    match Url::parse(address) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(parameters);
            url.into()
        }
        Err(_) => address.to_owned(),
    }
}

/// The address as a source of a Content-Security-Policy's `form-action`.
pub(crate) fn source(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in
            ["https://a.example/cb", "http://127.0.0.1/cb", "http://[::1]:8000/", "com.example.app:/cb"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "https://a.example/cb#x",
            "https://a.example/*",
            "https://*.example/cb",
            "https://ada@a.example/",
            "http://a.example/cb",
            "http://localhost/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_compared_character_by_character() {
        let registered = "https://a.example/cb";
        assert!(matches(registered, registered));
        for other in [
            "https://a.example/cb/",
            "https://a.example/cb?x=1",
            "https://a.example/cb/../evil",
            "https://a.example:443/cb",
            "https://A.example/cb",
            "https://a.example.evil.example/cb",
            "https://a.example@evil.example/cb",
            "http://a.example/cb",
            "https://a.example/CB",
            "https://a.example/cb#",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
    }

    #[test]
    fn of_a_loopback_address_the_port_is_free_and_nothing_else() {
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"));
        assert!(matches("http://[::1]:1/cb", "http://[::1]:2/cb"));
        for other in [
            "http://127.0.0.1:1/other",
            "http://127.0.0.2:1/cb",
            "http://localhost:1/cb",
            "http://[::1]:1/cb",
            "https://127.0.0.1:1/cb",
            "http://127.0.0.1:1/cb#x",
            "http://ada@127.0.0.1:1/cb",
        ] {
            assert!(!matches("http://127.0.0.1/cb", other), "{other}");
        }
        assert!(!matches("https://127.0.0.1/cb", "https://127.0.0.1:1/cb"), "only of plain http");
    }

    #[test]
    fn an_answer_is_added_to_what_the_address_has() {
        assert_eq!(
            with("https://a.example/cb?x=1", &[("code", "a b&c")]),
            "https://a.example/cb?x=1&code=a+b%26c"
        );
        assert_eq!(with("com.example.app:/cb", &[("state", "s")]), "com.example.app:/cb?state=s");
        assert_eq!(source("https://a.example:8443/cb?x"), "https://a.example:8443");
        assert_eq!(source("com.example.app:/cb"), "com.example.app:");
    }
}
