//! What a permission covers.

/// Whether one of `held` covers `wanted`: itself, `*`, or `wallets:*` for `wallets:write`.
pub fn permits(held: &[String], wanted: &str) -> bool {
    held.iter().any(|held| match held.strip_suffix('*') {
        Some("") => true,
        // `wallets:*` covers `wallets:write`, and neither `wallets` nor `walletsmith:write`.
        Some(area) => area.ends_with(':') && wanted.len() > area.len() && wanted.starts_with(area),
        None => held == wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::permits;

    fn held(permissions: &[&str]) -> Vec<String> {
        permissions.iter().map(|permission| (*permission).to_owned()).collect()
    }

    #[test]
    fn a_permission_covers_itself_and_a_wildcard_its_area() {
        assert!(permits(&held(&["wallets:read", "wallets:write"]), "wallets:write"));
        assert!(permits(&held(&["wallets:*"]), "wallets:write"));
        assert!(permits(&held(&["*"]), "wallets:write"));
    }

    #[test]
    fn nothing_else_is_covered() {
        for other in
            ["", "wallets", "wallets:", "wallets:read", "payments:*", "wallet*", "walle*", "WALLETS:WRITE"]
        {
            assert!(!permits(&held(&[other]), "wallets:write"), "{other}");
        }
        assert!(!permits(&held(&["wallets:*"]), "wallets:"));
        assert!(!permits(&[], "wallets:write"));
    }
}
