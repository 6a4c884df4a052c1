//! Targets that the DNS names: addresses of a name, or SRV records (RFC 2782) and the addresses of their hosts.
//!
//! What was found holds for as long as its records say (TTL), and no longer than `refresh`. A server that does not answer, and a name that is not there any
//! more, say nothing of the targets: those that were known stay. Only a record whose target is `.` says that there are none.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, Record};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::policy::Spec;
use crate::body::BodyError;
use crate::config::{Target, WeightedTarget};

/// Records that hold for less are looked up no more often than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a server may take, each of the times that it is asked.
const ANSWER: Duration = Duration::from_secs(2);

/// What the DNS said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) targets: Vec<Spec>,
    /// For how long.
    pub(super) holds: Duration,
}

/// Asks the DNS.
pub(super) struct Dns(TokioResolver);

impl Dns {
    /// Asks these servers; those of the system where there are none. There is no cache: what is known is kept by who asks.
    pub(super) fn new(servers: &[String]) -> Result<Self, BodyError> {
        let mut builder = if servers.is_empty() { TokioResolver::builder_tokio()? } else { asking(servers)? };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = ANSWER;
        Ok(Self(builder.build()?))
    }

    /// A target for each address of a URL's host.
    pub(super) async fn addresses(&self, url: &str) -> Result<Found, BodyError> {
        let spec = Spec::new(&Target::Url(url.to_owned())).map_err(|fault| fault.message)?;
        let host = spec.url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let answer = self.0.lookup_ip(host).await?;
        let holds = holds(answer.as_lookup().answers());
        let targets = at(&spec, answer.iter());
        if targets.is_empty() { Err("the name has no address".into()) } else { Ok(Found { targets, holds }) }
    }

    /// A target for each address of each host that SRV records name.
    pub(super) async fn records(&self, name: &str, scheme: &str) -> Result<Found, BodyError> {
        let answer = self.0.srv_lookup(name).await?;
        let mut found = Found { targets: Vec::new(), holds: holds(answer.answers()) };
        let mut available = false;
        for record in answer.answers() {
            let RData::SRV(record) = &record.data else { continue };
            if record.target.is_root() {
                continue;
            }
            available = true;
            let host = record.target.to_ascii();
            let url = format!("{scheme}://{}:{}", host.trim_end_matches('.'), record.port);
            // A weight of 0 means "hardly ever" in a record, and "never" here.
            let target = Target::Weighted(WeightedTarget { url, weight: record.weight.max(1) });
            let spec = Spec::new(&target).map_err(|fault| fault.message)?;
            let spec = Spec { priority: record.priority, ..spec };
            if let Some((addresses, holds)) = self.host(&record.target).await? {
                found.targets.extend(at(&spec, addresses.into_iter()));
                found.holds = found.holds.min(holds);
            }
        }
        if available && found.targets.is_empty() {
            return Err("no host of the SRV records has an address".into());
        }
        found.targets.sort_by_key(|spec| (spec.priority, spec.key()));
        Ok(found)
    }

    /// The addresses of a host, and for how long; none where there is no such host.
    async fn host(&self, name: &Name) -> Result<Option<(Vec<IpAddr>, Duration)>, NetError> {
        match self.0.lookup_ip(name.clone()).await {
            Ok(answer) => Ok(Some((answer.iter().collect(), holds(answer.as_lookup().answers())))),
            Err(error) if error.is_no_records_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Asks servers that were written down, by UDP and by TCP.
fn asking(servers: &[String]) -> Result<ResolverBuilder<TokioRuntimeProvider>, BodyError> {
    let mut written = Vec::new();
    for text in servers {
        let address = server(text).ok_or_else(|| format!("`{text}` is no address of a server"))?;
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        written.push(NameServerConfig::new(address.ip(), true, connections.to_vec()));
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), written);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    // Whoever names servers wants their word and no other.
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    Ok(builder)
}

/// The address of a DNS server; its port is 53 where it names none.
pub(super) fn server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

/// The target at each of its addresses.
fn at(spec: &Spec, addresses: impl Iterator<Item = IpAddr>) -> Vec<Spec> {
    let mut found: Vec<_> =
        addresses.map(|address| Spec { address: Some(address), ..spec.clone() }).collect();
    found.sort_by_key(|spec| spec.address);
    found.dedup();
    found
}

/// The shortest time that a record of an answer holds.
fn holds(records: &[Record]) -> Duration {
    let shortest = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    Duration::from_secs(u64::from(shortest)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1:53"),
            ("127.0.0.1:8600", "127.0.0.1:8600"),
            ("::1", "[::1]:53"),
            ("[::1]:8600", "[::1]:8600"),
        ] {
            assert_eq!(server(text), address.parse().ok(), "{text}");
        }
        for text in ["", "dns.internal", "127.0.0.1:", "1.2.3.4:99999"] {
            assert_eq!(server(text), None, "{text}");
        }
    }
}
