//! The proxy under test: one worker; the full policy is all that stands in front of a service in earnest.

use std::io::Write as _;

use tempfile::NamedTempFile;
use waypost_proxy::{Config, Proxy};

use super::Outcome;

/// The file of the key `bench`.
pub(crate) fn keys() -> Outcome<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    // Its SHA-256.
    let sum = "1b32c28cb38c05480eccc1bd60ff97029b57a05c96718b96dad7e9d84894f549";
    writeln!(file, "- {{ sha256: {sum}, caller: bench, tier: bench, permissions: [\"orders:*\"] }}")?;
    Ok(file)
}

/// What is written of it; as text for the gateway, and read for the library.
pub(crate) fn written(
    address: &str,
    target: &str,
    full: bool,
    redis: Option<&str>,
    keys: &NamedTempFile,
    max_idle: usize,
) -> serde_json::Value {
    let most = u32::MAX;
    let rates =
        serde_json::json!({ "per_second": most, "per_minute": most, "per_hour": most, "per_day": most });
    let (access, security_headers, limit) = if full {
        let access = serde_json::json!({ "providers": ["keys"], "permissions": ["orders:read"] });
        (access, true, serde_json::json!({ "each": &rates }))
    } else {
        (serde_json::json!({}), false, serde_json::json!({}))
    };
    let redis = redis.map(|redis| serde_json::json!({ "urls": [redis] }));
    serde_json::json!({
        "listeners": [{ "address": address, "workers": 1 }],
        "services": { "orders": { "targets": [target], "pool": { "max_idle": max_idle } } },
        "identity": { "providers": { "keys": { "keys": { "file": keys.path() } } } },
        "limits": { "enabled": full, "tiers": { "bench": rates }, "redis": redis },
        "routes": [{
            "name": "orders", "match": { "path": "/api/orders/*" }, "service": "orders",
            "access": access, "transform": { "security_headers": security_headers }, "limit": limit
        }]
    })
}

/// The same, for a port that is free.
pub(crate) fn config(
    target: &str,
    full: bool,
    redis: Option<&str>,
    keys: &NamedTempFile,
    max_idle: usize,
) -> Outcome<Config> {
    Ok(serde_json::from_value(written("127.0.0.1:0", target, full, redis, keys, max_idle))?)
}

/// Serves until it is killed; the port is the first line of its output.
pub(crate) fn run(target: &str, full: bool, redis: Option<&str>) -> Outcome<()> {
    let keys = keys()?;
    let config = config(target, full, redis, &keys, 256)?;
    let proxy = Proxy::new(config, None).map_err(|faults| format!("{faults:?}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listening = proxy.bind()?;
        for address in listening.addresses() {
            println!("{}", address.port());
        }
        Ok(listening.serve(std::future::pending()).await?)
    })
}
