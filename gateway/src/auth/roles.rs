//! What each role may do, and which tier stands above which. Pure.

use waypost_types::Tier;

/// What a user of this role may do when signed in. A `service` has no permissions of its own: its API keys name theirs.
///
/// The data plane is the whole platform's and not a tenant's, and whoever registers is a `manager`: where services are, who calls them and what is configured
/// is for `admin` alone.
pub(crate) fn permissions(role: &str) -> &'static [&'static str] {
    match role {
        "admin" => &["*"],
        "manager" => &[
            "api_keys:*",
            "claims:*",
            "events:read",
            "events:write",
            "medcards:*",
            "oauth_clients:*",
            "payments:*",
            "rate_limits:read",
            "roles:read",
            "service_tokens:*",
            "sessions:*",
            "tenants:read",
            "transactions:*",
            "users:read",
            "versions:read",
            "wallets:*",
        ],
        "user" => &[
            "api_keys:read",
            "claims:read",
            "medcards:read",
            "payments:read",
            "rate_limits:read",
            "sessions:*",
            "tenants:read",
            "transactions:read",
            "versions:read",
            "wallets:read",
        ],
        _ => &[],
    }
}

/// All that a built-in role and a tenant's own roles may do together, each once. The contract shows 50 at most, more than it has areas.
pub(crate) fn union(role: &str, custom: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = permissions(role).iter().map(|permission| (*permission).to_owned()).collect();
    all.extend(custom);
    all.sort_unstable();
    all.dedup();
    // What a wildcard covers needs no mention of its own.
    let wide: Vec<String> = all.iter().filter(|permission| permission.ends_with('*')).cloned().collect();
    all.retain(|permission| {
        !wide
            .iter()
            .any(|wide| wide != permission && crate::http::permits(std::slice::from_ref(wide), permission))
    });
    all
}

/// Areas of the whole platform: where its services are, who calls them, what is configured.
const PLATFORM: [&str; 5] = ["analytics:", "breakers:", "config:", "routes:", "services:"];

/// Whether a permission is about the whole platform and not about one tenant. Only those who run the gateway may use it, whatever their roles say: a
/// tenant's admin may do everything in the tenant.
pub(crate) fn is_platform(permission: &str) -> bool {
    ["rate_limits:write", "realtime:write"].contains(&permission)
        || PLATFORM.iter().any(|area| permission.starts_with(area))
}

/// The place of a tier in the order; `None` for one that this version does not know.
fn rank(tier: &str) -> Option<usize> {
    Tier::ALL.iter().position(|known| known.as_str() == tier)
}

/// Whether `tier` is known and not above `ceiling`.
pub(crate) fn within(tier: &str, ceiling: &str) -> bool {
    rank(tier).is_some_and(|tier| Some(tier) <= rank(ceiling))
}

/// Whether a permission, wildcards included, means anything in this contract.
pub(crate) fn is_known(permission: &str) -> bool {
    let of_contract = || crate::generated::OPERATIONS.iter().filter_map(|operation| operation.permission);
    let asked = [permission.to_owned()];
    of_contract().any(|known| crate::http::permits(&asked, known))
}

/// Every permission that the contract names, in its order and each once.
pub(crate) fn known() -> Vec<&'static str> {
    let mut all: Vec<_> =
        crate::generated::OPERATIONS.iter().filter_map(|operation| operation.permission).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_ordered() {
        assert!(within("free", "free"));
        assert!(within("basic", "admin"));
        assert!(!within("premium", "basic"));
        assert!(!within("gold", "admin"), "an unknown tier is within nothing");
        assert!(!within("free", "gold"), "nothing is within an unknown tier");
    }

    #[test]
    fn permissions_of_the_contract_are_known_and_others_are_not() {
        for known in ["wallets:read", "wallets:*", "*", "api_keys:write"] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["wallets:fly", "wallet:*", "", "wallets", "**"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }

    #[test]
    fn roles_add_up_and_a_wildcard_says_it_all() {
        let custom =
            |permissions: &[&str]| permissions.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(union("service", custom(&["wallets:read", "wallets:*", "wallets:read"])), ["wallets:*"]);
        assert_eq!(union("admin", custom(&["wallets:read", "payments:*"])), ["*"]);
        assert!(union("user", custom(&["payments:write"])).contains(&"payments:write".to_owned()));
    }

    #[test]
    fn what_is_every_tenants_is_for_the_platform_alone() {
        for platform in ["services:read", "config:write", "rate_limits:write", "realtime:write"] {
            assert!(is_platform(platform), "{platform}");
        }
        for own in ["rate_limits:read", "service_tokens:write", "wallets:read", "roles:write"] {
            assert!(!is_platform(own), "{own}");
        }
    }

    #[test]
    fn every_permission_of_a_role_is_one_of_the_contract() {
        for role in ["admin", "manager", "user", "service"] {
            assert!(permissions(role).iter().all(|permission| is_known(permission)), "{role}");
        }
    }
}
