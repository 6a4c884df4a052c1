//! Addresses that may call.

use std::net::{IpAddr, Ipv6Addr};

use http::StatusCode;
use ipnet::IpNet;

use crate::Refusal;
use crate::config::{self, Fault};

/// Some networks.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// One that is none, at its index.
    pub fn new(texts: &[String]) -> Result<Self, Fault> {
        let networks = texts.iter().enumerate().map(|(index, text)| {
            let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            let network = network.ok_or_else(|| {
                Fault::at(
                    index,
                    format!("`{text}` is no network; write 10.0.0.0/8, 2001:db8::/32 or an address"),
                )
            })?;
            if network.addr() != network.network() {
                let message = format!("`{text}` has bits beyond its length; write `{}`", network.trunc());
                return Err(Fault::at(index, message));
            }
            Ok(plain(network))
        });
        networks.collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is within one of them. An IPv4 address that came mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `::ffff:10.0.0.0/104` is 10.0.0.0/8.
fn plain(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let mapped: Ipv6Addr = six.addr();
    match (mapped.to_ipv4_mapped(), six.prefix_len().checked_sub(96)) {
        (Some(four), Some(length)) => IpNet::new(IpAddr::V4(four), length).unwrap_or(network),
        _ => network,
    }
}

/// A route's addresses.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    allow: Networks,
    deny: Networks,
}

impl Addresses {
    /// For a route's `addresses`.
    ///
    /// # Errors
    /// A network that is none.
    pub fn new(addresses: &config::Addresses) -> Result<Self, Fault> {
        Ok(Self {
            allow: Networks::new(&addresses.allow).map_err(|fault| fault.under("allow"))?,
            deny: Networks::new(&addresses.deny).map_err(|fault| fault.under("deny"))?,
        })
    }

    /// Whether a client may call.
    ///
    /// # Errors
    /// 403, without saying which rule it was.
    pub fn check(&self, client: IpAddr) -> Result<(), Refusal> {
        if self.deny.contains(client) || !self.allow.is_empty() && !self.allow.contains(client) {
            let detail = "Calls from this address are not taken here.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "address_refused", detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(allow: &[&str], deny: &[&str], client: &str) -> bool {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let addresses = config::Addresses { allow: texts(allow), deny: texts(deny) };
        Addresses::new(&addresses).unwrap().check(client.parse().unwrap()).is_ok()
    }

    #[test]
    fn an_address_is_taken_if_allowed_and_not_denied() {
        assert!(may(&[], &[], "192.0.2.1"));
        assert!(may(&["10.0.0.0/8"], &[], "10.1.2.3") && !may(&["10.0.0.0/8"], &[], "11.1.2.3"));
        assert!(!may(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.2.3"));
        assert!(may(&["2001:db8::/32"], &[], "2001:db8::1") && !may(&["2001:db8::/32"], &[], "10.0.0.1"));
    }

    #[test]
    fn a_mapped_address_does_not_slip_past_a_rule() {
        assert!(!may(&[], &["10.0.0.0/8"], "::ffff:10.1.2.3"));
        assert!(!may(&[], &["::ffff:10.0.0.0/104"], "10.1.2.3"));
        assert!(may(&["10.1.2.3"], &[], "::ffff:10.1.2.3"));
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "example.com", ""] {
            let addresses = config::Addresses { deny: vec![bad.to_owned()], ..Default::default() };
            assert_eq!(Addresses::new(&addresses).unwrap_err().place, ["deny".into(), 0.into()]);
        }
    }
}
