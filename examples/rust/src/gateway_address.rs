//! Where the gateway is, taken apart: a relay needs a host and a port to connect to, and keeps the path.

/// `http://host:port/path`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GatewayAddress {
    /// What to connect to: `host:port`.
    pub(crate) authority: String,
    /// What comes after it: empty, or `/prefix`.
    pub(crate) path: String,
}

impl GatewayAddress {
    /// Takes a base URL apart. `None` if it is not plain HTTP: a relay cannot pass for a host of which it has no certificate.
    pub(crate) fn of(base_url: &str) -> Option<Self> {
        let rest = base_url.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Some(Self { authority, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_keeps_its_path() {
        let address = |url| GatewayAddress::of(url).map(|address| (address.authority, address.path));
        let expected = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(address("http://127.0.0.1:8080"), expected("127.0.0.1:8080", ""));
        assert_eq!(address("http://gateway/api/"), expected("gateway:80", "/api"));
        assert_eq!(address("http://[::1]:8080/a/b"), expected("[::1]:8080", "/a/b"));
        assert_eq!(address("http://[::1]"), expected("[::1]:80", ""));
        assert_eq!(address("https://gateway"), None);
    }
}
