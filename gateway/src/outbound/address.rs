//! Which addresses are of the public Internet. Pure.
//!
//! What is not is refused whole: private and shared networks, this machine, the link, documentation, benchmarks, multicast, what is reserved, and
//! every form of IPv6 that carries an IPv4 address to somebody who would unwrap it. The lists are those of IANA's special-purpose registries (RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// First address and prefix length of each block of IPv4 that is not public.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Whether a connection may be made to this address: it is public, or one of the networks that the configuration allows.
pub(super) fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    // `::ffff:10.0.0.1` is a way to write `10.0.0.1`, and is judged as that.
    let address = address.to_canonical();
    allowed.iter().any(|network| network.contains(&address)) || is_public(address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|(first, length)| covers(*first, *length, address)),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn covers(first: [u8; 4], length: u8, address: Ipv4Addr) -> bool {
    let mask = u32::MAX << (32 - u32::from(length));
    u32::from(address) & mask == u32::from_be_bytes(first)
}

/// Global unicast is `2000::/3`. Taken out of it: protocol assignments with Teredo and ORCHID (`2001::/23`), 6to4 (`2002::/16`), and documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    (first & 0xe000) == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, networks: &[&str]) -> bool {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        is_allowed(address.parse().unwrap(), &networks)
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in
            ["1.1.1.1", "9.255.255.255", "172.15.0.1", "172.32.0.1", "100.128.0.1", "223.255.255.1"]
        {
            assert!(allowed(address, &[]), "{address}");
        }
        for address in ["2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888"] {
            assert!(allowed(address, &[]), "{address}");
        }
    }

    #[test]
    fn private_local_and_reserved_addresses_are_refused_at_both_their_ends() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
        ] {
            assert!(!allowed(address, &[]), "{address}");
        }
    }

    #[test]
    fn special_forms_of_ipv6_are_refused() {
        for address in [
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allowed(address, &[]), "{address}");
        }
        assert!(allowed("::ffff:1.1.1.1", &[]), "a public address in its mapped form is that address");
    }

    #[test]
    fn what_the_configuration_allows_is_allowed_in_every_form() {
        assert!(allowed("127.0.0.1", &["127.0.0.0/8"]));
        assert!(allowed("::ffff:127.0.0.1", &["127.0.0.0/8"]));
        assert!(allowed("fd00::1", &["fd00::/8"]));
        assert!(!allowed("10.0.0.1", &["127.0.0.0/8"]));
    }
}
