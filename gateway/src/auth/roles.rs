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
            "payments:*",
            "rate_limits:read",
            "sessions:*",
            "transactions:*",
            "versions:read",
            "wallets:*",
        ],
        "user" => &[
            "api_keys:read",
            "payments:read",
            "rate_limits:read",
            "sessions:*",
            "transactions:read",
            "versions:read",
            "wallets:read",
        ],
        _ => &[],
    }
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
    fn every_permission_of_a_role_is_one_of_the_contract() {
        for role in ["admin", "manager", "user", "service"] {
            assert!(permissions(role).iter().all(|permission| is_known(permission)), "{role}");
        }
    }
}
